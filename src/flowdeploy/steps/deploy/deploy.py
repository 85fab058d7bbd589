"""Creating a version on one instance, and giving it the traffic where it is to be live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from flowdeploy.planning.plan import Promote, Traffic
from flowdeploy.planning.traffic import Split
from flowdeploy.planning.urls import dark_url
from flowdeploy.report import Aspect, Change, Outcome, State
from flowdeploy.rollout import Done, Notify, Running, StepFailed
from flowdeploy.steps.change import ChangeRequest, OutcomeUnknown, send_request
from flowdeploy.steps.deploy.package import VersionPackage
from flowdeploy.steps.deploy.upload.uploader import Uploader
from flowdeploy.steps.traffic.move import Move, move_traffic

BeforeLive = Callable[[Instance, Notify], Running]


def at_once(_: Instance, __: Notify) -> Running:
    """Nothing is due between the version and its traffic."""
    yield from ()
    return Done(Outcome.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Means:
    """What a deploy works with; ``before_live`` comes between a version and its traffic."""

    engine: AppEngine
    delivery: Uploader
    before_live: BeforeLive = at_once


def deploy(
    means: Means, instance: Instance, app: App, package: VersionPackage, notify: Notify
) -> Running:
    """Deploy to one instance that the checks have passed.

    Looks once more right before the change, since creating a version that
    exists replaces it under its users. Raises Refused for what has come up
    since, StepFailed for what went wrong later than that.
    """
    wanted = package.wanted
    seen = _look(means.engine, instance, app, wanted)
    if objections := deploy_objections(wanted, seen):
        raise Refused("; ".join(objections))
    if is_deployed(wanted, seen):
        created = Done(Outcome.UNCHANGED)
    else:
        created = yield from _create(means, instance, app, package, notify)
        seen = _read_back(means.engine, instance, app, wanted)
    notes = (*package.notes, *created.notes, *_remarks(wanted, seen))
    created = replace(created, notes=notes)
    if wanted.traffic is Traffic.LIVE:
        step = Promote(instance, Split.all_to(wanted.version))
        due = yield from _due(means, instance, created, notify)
        return (yield from _promoted(Move(means.engine, app), step, due, notify))
    url = dark_url(wanted.version, instance.service, app.default_hostname)
    return replace(created, state=_state(wanted, seen), url=url)


def _state(wanted: WantedVersion, seen: BeforeDeploy) -> State:
    live = seen.split is not None and seen.split.serves(wanted.version)
    return State.LIVE if live else State.DARK


def _look(engine: AppEngine, instance: Instance, app: App, wanted: WantedVersion) -> BeforeDeploy:
    """As the checks did, but for the room for versions, of which creating one speaks itself."""
    return BeforeDeploy(
        app,
        split=engine.split(instance.project, instance.service),
        deployed=engine.find_version(instance.project, instance.service, wanted.version),
    )


def _create(
    means: Means, instance: Instance, app: App, package: VersionPackage, notify: Notify
) -> Running:
    delivered = yield from means.delivery.bring(app.code_bucket, package, notify)

    def send() -> Operation:
        notify("creating the version")
        return means.engine.create_version(instance.project, instance.service, delivered.body)

    def is_in_effect() -> bool:
        return is_deployed(package.wanted, _look(means.engine, instance, app, package.wanted))

    meant = Change(Aspect.VERSION, None, package.wanted.version)
    sending = ChangeRequest(means.engine, instance.project, meant, send, is_in_effect)
    try:
        attempts = yield from send_request(sending)
        return Done(attempts=attempts, notes=delivered.remarks)
    except OutcomeUnknown as doubt:
        raise StepFailed(doubt.error, Done(state=State.UNKNOWN)) from doubt


def _read_back(
    engine: AppEngine, instance: Instance, app: App, wanted: WantedVersion
) -> BeforeDeploy:
    """Look at what was created. Raises StepFailed where it is not what was asked for."""
    try:
        seen = _look(engine, instance, app, wanted)
    except ServiceError as error:
        raise StepFailed(error, Done(state=State.UNKNOWN)) from error
    if seen.deployed is None:
        raise StepFailed(_not_as_asked(wanted, ["it is not there"]), Done(state=State.UNKNOWN))
    if grave := [str(d) for d in differences(wanted, seen.deployed) if d.is_grave]:
        state = _state(wanted, seen)
        unmoved = wanted.traffic is Traffic.LIVE and state is State.DARK
        left = Done(state=State.DEPLOYED_NOT_PROMOTED if unmoved else state)
        raise StepFailed(_not_as_asked(wanted, grave), left)
    return seen


def _not_as_asked(wanted: WantedVersion, details: Sequence[str]) -> ServiceError:
    return ServiceError(
        "NOT_AS_ASKED",
        f"App Engine says that it has created version {wanted.version}, but reading it back"
        " shows something else",
        details=details,
        hint="Unless somebody else has deployed the same version in this moment: ask for what"
        " App Engine can give, then run the same command again with --replace.",
    )


def _remarks(wanted: WantedVersion, seen: BeforeDeploy) -> tuple[str, ...]:
    """What of a version is other than asked for, or cannot be known, without being a failure."""
    if seen.deployed is None:
        return ()
    found = differences(wanted, seen.deployed)
    untold = not seen.deployed.is_told
    return (
        *(f"App Engine has {difference}" for difference in found if not difference.is_grave),
        *(["App Engine does not say which files the version has"] if untold else []),
    )


def _due(means: Means, instance: Instance, created: Done, notify: Notify) -> Running:
    """Do what is due before the traffic; failing that, say that the version is there."""
    left = replace(created, state=State.DEPLOYED_NOT_PROMOTED)
    try:
        made = yield from means.before_live(instance, notify)
    except StepFailed as failed:
        raise StepFailed(failed.error, replace(left, outcome=Outcome.DONE)) from failed
    except FlowdeployError as error:
        raise StepFailed(error, left) from error
    unchanged = {created.outcome, made.outcome} == {Outcome.UNCHANGED}
    outcome = Outcome.UNCHANGED if unchanged else Outcome.DONE
    return replace(created, outcome=outcome, notes=created.notes + made.notes)


def _promoted(move: Move, step: Promote, created: Done, notify: Notify) -> Running:
    """Move the traffic to the version that is there now; failing that, say that it is there."""
    try:
        moved = yield from move_traffic(step, move, notify)
    except StepFailed as failed:
        unmoved = failed.left.state is State.DARK
        state = State.DEPLOYED_NOT_PROMOTED if unmoved else State.UNKNOWN
        outcome = created.outcome if unmoved else Outcome.DONE
        left = replace(failed.left, outcome=outcome, state=state)
        raise StepFailed(failed.error, left) from failed
    except FlowdeployError as error:
        raise StepFailed(error, replace(created, state=State.DEPLOYED_NOT_PROMOTED)) from error
    unchanged = {created.outcome, moved.outcome} == {Outcome.UNCHANGED}
    return replace(
        moved,
        outcome=Outcome.UNCHANGED if unchanged else Outcome.DONE,
        attempts=max(created.attempts, moved.attempts),
        notes=created.notes + moved.notes,
    )
