"""Creating a version on one instance, and giving it the traffic where it is to be live."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from flowdeploy.checks import App, Observation, Wanted, deploy_objections, is_deployed
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.executors.appengine import AppEngine, Operation
from flowdeploy.executors.change import change
from flowdeploy.executors.cloud import Cloud
from flowdeploy.executors.package import Package
from flowdeploy.executors.promote import promote
from flowdeploy.executors.stager import stage
from flowdeploy.fleet import Instance
from flowdeploy.known_errors import is_transient
from flowdeploy.plan import Promote, Traffic
from flowdeploy.report import Outcome, State
from flowdeploy.rollout import Done, Notify, Pause, Running, StepFailed
from flowdeploy.urls import dark_url


def deploy(cloud: Cloud, instance: Instance, app: App, package: Package, notify: Notify) -> Running:
    """Deploy to one instance that the checks have passed.

    Looks once more right before the change, since creating a version that
    exists replaces it under its users. Raises Refused for what has come up
    since, StepFailed for what went wrong later than that.
    """
    wanted = package.wanted
    seen = _look(cloud.engine, instance, app, wanted)
    if objections := deploy_objections(wanted, seen):
        raise Refused("; ".join(objections))
    if is_deployed(wanted, seen):
        created = Done(Outcome.UNCHANGED)
    else:
        attempts = yield from _create(cloud, instance, app, package, notify)
        created = Done(attempts=attempts)
    if wanted.traffic is Traffic.LIVE:
        step = Promote(instance, wanted.version)
        return (yield from _promoted(cloud.engine, step, app, created, notify))
    live = seen.split is None or seen.split.serves(wanted.version)
    url = dark_url(wanted.version, instance.service, app.default_hostname)
    return replace(created, state=State.LIVE if live else State.DARK, url=url)


def _look(engine: AppEngine, instance: Instance, app: App, wanted: Wanted) -> Observation:
    """As the checks did, but for the room for versions, of which creating one speaks itself."""
    return Observation(
        app,
        split=engine.split(instance.project, instance.service),
        deployed=engine.deployed(instance.project, instance.service, wanted.version),
    )


def _create(
    cloud: Cloud, instance: Instance, app: App, package: Package, notify: Notify
) -> Generator[Pause, None, int]:
    yield from stage(cloud.buckets, app.code_bucket, package, notify)
    notify("creating the version")
    body = package.body(app.code_bucket)

    def send() -> Operation:
        return cloud.engine.create_version(instance.project, instance.service, body)

    def happened() -> bool:
        return is_deployed(package.wanted, _look(cloud.engine, instance, app, package.wanted))

    try:
        return (yield from change(cloud.engine, instance.project, send, happened))
    except ServiceError as error:
        state = State.UNKNOWN if is_transient(error.code, error.message) else None
        raise StepFailed(error, Done(state=state)) from error


def _promoted(engine: AppEngine, step: Promote, app: App, created: Done, notify: Notify) -> Running:
    """Move the traffic to the version that is there now; failing that, say that it is there."""
    try:
        moved = yield from promote(engine, step, app, notify)
    except StepFailed as failed:
        unmoved = failed.left.state is State.DARK
        state = State.DEPLOYED_NOT_PROMOTED if unmoved else State.UNKNOWN
        raise StepFailed(failed.error, replace(failed.left, state=state)) from failed
    except FlowdeployError as error:
        raise StepFailed(error, replace(created, state=State.DEPLOYED_NOT_PROMOTED)) from error
    unchanged = {created.outcome, moved.outcome} == {Outcome.UNCHANGED}
    return replace(
        moved,
        outcome=Outcome.UNCHANGED if unchanged else Outcome.DONE,
        attempts=max(created.attempts, moved.attempts),
    )
