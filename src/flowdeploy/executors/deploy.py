"""Creating a version on one instance, and giving it the traffic where it is to be live."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowdeploy.checks import App, Observation, Wanted, deploy_objections, is_deployed
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.executors.appengine import AppEngine, Operation
from flowdeploy.executors.change import change
from flowdeploy.executors.cloud import Cloud
from flowdeploy.executors.promote import promote
from flowdeploy.fleet import Instance
from flowdeploy.known_errors import is_transient
from flowdeploy.plan import Promote, Traffic
from flowdeploy.report import Outcome, State
from flowdeploy.rollout import Done, Notify, Pause, Running, StepFailed
from flowdeploy.urls import dark_url

if TYPE_CHECKING:
    from flowdeploy.executors.storage import Buckets

LOOK_AGAIN = 0.1  # seconds between looks at uploads that are under way


@dataclass(frozen=True, slots=True)
class Package:
    """What one instance gets.

    ``contents`` are its files by SHA-1; ``body`` gives versions.create's JSON for
    files in a given bucket.
    """

    wanted: Wanted
    contents: Mapping[str, Path]
    body: Callable[[str], dict[str, Any]]


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
    yield from _stage_files(cloud.buckets, app.code_bucket, package, notify)
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


def _stage_files(
    buckets: Buckets, bucket: str, package: Package, notify: Notify
) -> Generator[Pause, None, None]:
    """Send the files that the bucket lacks; equal content travels once."""
    there = buckets.lasting(bucket)
    missing = {sha1: path for sha1, path in package.contents.items() if sha1 not in there}
    uploads = buckets.send(bucket, missing)
    while not all(upload.done() for upload in uploads):
        notify(f"uploading {sum(u.done() for u in uploads)}/{len(uploads)} files")
        yield Pause(LOOK_AGAIN)
    _raise_failure(uploads)


def _raise_failure(uploads: list[Future[None]]) -> None:
    for upload in uploads:
        upload.result()


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
