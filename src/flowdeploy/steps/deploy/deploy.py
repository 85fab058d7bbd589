"""Creates a version on one instance, and moves the traffic to it in a live deploy."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

from flowdeploy.appengine.resources import App, Operation
from flowdeploy.checks.deploy import (
    BeforeDeploy,
    WantedVersion,
    deploy_objections,
    differences,
    is_deployed,
)
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Deploy, Promote, Traffic
from flowdeploy.planning.traffic import Split
from flowdeploy.planning.urls import dark_url
from flowdeploy.report import Aspect, Change, Outcome, State
from flowdeploy.rollout.contract import Done, Notify, Pause, Request, Running, StepFailed
from flowdeploy.steps.change import (
    LOOKS,
    UNKNOWN,
    UNTOUCHED,
    ChangeRequest,
    ReadBack,
    error_notes,
    fail_leaving,
    send_request,
)
from flowdeploy.steps.deploy.package import VersionPackage
from flowdeploy.steps.deploy.upload.uploader import Uploader
from flowdeploy.steps.traffic.move import Move, move_traffic

BeforeLive = Callable[[Instance, Notify], Running]
FRESH = 10.0  # seconds for which a look at an instance is trusted before a change


@dataclass(frozen=True, slots=True)
class DeployTarget:
    """The circumstances of a deploy to one instance.

    ``before_live`` does what is due between the creation of a version and its traffic.
    """

    engine: AppEngine
    app: App
    package: VersionPackage
    uploader: Uploader
    before_live: BeforeLive

    @property
    def wanted(self) -> WantedVersion:
        return self.package.wanted


def deploy_version(step: Deploy, target: DeployTarget, notify: Notify) -> Running:
    """Deploy to an instance that has passed the checks, and read the version back.

    Looks once more before the change, for creating a version that exists replaces it under
    its users. Raises Refused where this look finds an objection, FlowdeployError where
    nothing was changed, and StepFailed where something may have been.
    """
    instance, wanted = step.instance, target.wanted
    observed = _observe(target, instance)
    if objections := deploy_objections(wanted, observed):
        raise Refused("; ".join(objections))
    if is_deployed(wanted, observed):
        created = Done(Outcome.UNCHANGED)
    else:
        created = yield from _create(target, instance, observed, notify)
        observed = yield from _read_back(target, instance)
    notes = (*target.package.notes, *created.notes, *_remarks(wanted, observed))
    created = replace(created, notes=notes)
    if wanted.traffic is Traffic.LIVE:
        created = yield from _prepare_live(target, instance, created, notify)
        return (yield from _promote(target, instance, created, notify))
    url = dark_url(wanted.version, instance.service, target.app.default_hostname)
    return replace(created, state=_state(wanted, observed), url=url)


def _state(wanted: WantedVersion, observed: BeforeDeploy) -> State:
    live = observed.split is not None and observed.split.serves(wanted.version)
    return State.LIVE if live else State.DARK


def _observe(target: DeployTarget, instance: Instance) -> BeforeDeploy:
    """Look like the checks, but do not count versions: creating one reports a full app."""
    where = (instance.project, instance.service)
    return BeforeDeploy(
        target.app,
        split=target.engine.split(*where),
        deployed=target.engine.find_version(*where, target.wanted.version),
    )


def _create(
    target: DeployTarget, instance: Instance, before: BeforeDeploy, notify: Notify
) -> Running:
    """Upload the files, then create the version.

    Looks once more after a long upload, and before every further attempt: somebody may give
    the version traffic meanwhile. Raises Refused where that has happened.
    """
    looked = time.monotonic()
    uploaded = yield from target.uploader.upload(target.app.code_bucket, target.package, notify)
    if time.monotonic() - looked > FRESH:
        _require_replaceable(target, _observe(target, instance))

    def send() -> Operation:
        notify("creating the version")
        return target.engine.create_version(instance.project, instance.service, uploaded.body)

    def read_back() -> ReadBack:
        actual = _observe(target, instance)
        if is_deployed(target.wanted, actual):
            return ReadBack(in_effect=True)
        _require_replaceable(target, actual)
        untouched = actual.deployed == before.deployed
        return ReadBack(False, UNTOUCHED if untouched else _left(target.wanted, actual))

    intended = Change(Aspect.VERSION, None, target.wanted.version)
    request = ChangeRequest(target.engine, instance.project, intended, send, read_back)
    told = yield from send_request(request)
    return Done(notes=(*uploaded.remarks, *error_notes(told)))


def _require_replaceable(target: DeployTarget, actual: BeforeDeploy) -> None:
    """Raises Refused where creating the version would replace another under its users."""
    wanted = target.wanted
    if actual.split and actual.split.serves(wanted.version) and not is_deployed(wanted, actual):
        raise Refused("; ".join(deploy_objections(wanted, actual)))


def _read_back(target: DeployTarget, instance: Instance) -> Generator[Request, None, BeforeDeploy]:
    """Read the created version. Raises StepFailed where it is not as asked for."""
    wanted = target.wanted
    with fail_leaving(UNKNOWN):
        observed = _observe(target, instance)
        for look in range(1, LOOKS):
            if observed.deployed is not None:
                break
            yield Pause(look, "the version cannot be seen yet")
            observed = _observe(target, instance)
    if observed.deployed is None:
        raise StepFailed(_not_as_asked(wanted, ["it is not there"]), UNKNOWN)
    if grave := [str(d) for d in differences(wanted, observed.deployed) if d.is_grave]:
        raise StepFailed(_not_as_asked(wanted, grave), _left(wanted, observed))
    return observed


def _left(wanted: WantedVersion, observed: BeforeDeploy) -> Done:
    """What a failed deploy leaves where the version is not as asked for."""
    if observed.deployed is None:  # and it was there before
        return UNKNOWN
    state = _state(wanted, observed)
    unmoved = wanted.traffic is Traffic.LIVE and state is State.DARK
    return Done(state=State.DEPLOYED_NOT_PROMOTED if unmoved else state)


def _not_as_asked(wanted: WantedVersion, details: Sequence[str]) -> ServiceError:
    return ServiceError(
        "NOT_AS_ASKED",
        f"App Engine reports that it has created version {wanted.version}, but the version is"
        " not as asked for",
        details=details,
        hint="Ask for what App Engine can provide, then run the same command again with --replace."
        " The cause may also be another deploy of this version at the same time.",
    )


def _remarks(wanted: WantedVersion, observed: BeforeDeploy) -> tuple[str, ...]:
    """Differences from the wanted version that are no failure, and what is not known of it."""
    if observed.deployed is None:
        return ()
    remarks = [
        f"App Engine has {difference}"
        for difference in differences(wanted, observed.deployed)
        if not difference.is_grave
    ]
    if not observed.deployed.is_told:
        remarks.append("App Engine does not say which files the version has")
    return tuple(remarks)


def _prepare_live(
    target: DeployTarget, instance: Instance, created: Done, notify: Notify
) -> Running:
    """Do what is due before the traffic. Errors report that the version was created."""
    left = replace(created, state=State.DEPLOYED_NOT_PROMOTED)
    try:
        prepared = yield from target.before_live(instance, notify)
    except StepFailed as failed:
        raise StepFailed(failed.error, replace(left, outcome=Outcome.DONE)) from failed
    except FlowdeployError as error:
        raise StepFailed(error, left) from error
    outcome = _combined_outcome(created, prepared)
    return replace(created, outcome=outcome, notes=created.notes + prepared.notes)


def _promote(target: DeployTarget, instance: Instance, created: Done, notify: Notify) -> Running:
    """Move the traffic to the created version. Errors report that the version was created."""
    step = Promote(instance, Split.all_to(target.wanted.version))
    try:
        moved = yield from move_traffic(step, Move(target.engine, target.app), notify)
    except StepFailed as failed:
        unmoved = failed.left.state is State.DARK
        state = State.DEPLOYED_NOT_PROMOTED if unmoved else State.UNKNOWN
        outcome = created.outcome if unmoved else Outcome.DONE
        left = replace(failed.left, outcome=outcome, state=state)
        raise StepFailed(failed.error, left) from failed
    except FlowdeployError as error:
        raise StepFailed(error, replace(created, state=State.DEPLOYED_NOT_PROMOTED)) from error
    return replace(
        moved,
        outcome=_combined_outcome(created, moved),
        notes=created.notes + moved.notes,
    )


def _combined_outcome(first: Done, second: Done) -> Outcome:
    unchanged = {first.outcome, second.outcome} == {Outcome.UNCHANGED}
    return Outcome.UNCHANGED if unchanged else Outcome.DONE
