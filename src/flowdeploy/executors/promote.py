"""Moving an instance's traffic, and looking whether it may be moved."""

from __future__ import annotations

from collections.abc import Generator

from flowdeploy.checks import App, verify_objections
from flowdeploy.errors import Refused, ServiceError
from flowdeploy.executors import observe
from flowdeploy.executors.appengine import AppEngine
from flowdeploy.executors.change import change
from flowdeploy.fleet import Instance
from flowdeploy.known_errors import is_transient
from flowdeploy.plan import Promote, Verify
from flowdeploy.report import Outcome, State
from flowdeploy.rollout import Done, Notify, Pause, Running, StepFailed
from flowdeploy.traffic import Split
from flowdeploy.urls import dark_url, live_url


def verify(engine: AppEngine, step: Verify, notify: Notify) -> Running:
    """Whether the version is there and able to serve. Raises Refused where it is not."""
    notify("looking for the version")
    instance = step.instance
    seen = observe.before_promotion(engine, instance, step.version)
    if objections := verify_objections(step.version, seen):
        raise Refused(
            "; ".join(objections),
            hint=f"`flowdeploy versions --project {instance.project}` lists what is deployed.",
        )
    yield from ()
    return _verified(step, seen.app, seen.split)


def _verified(step: Verify, app: App | None, split: Split | None) -> Done:
    assert app is not None  # noqa: S101  (verify_objections)
    live = split is not None and split.serves(step.version)
    url = dark_url(step.version, step.instance.service, app.default_hostname)
    return Done(state=State.LIVE if live else State.DARK, url=url)


def promote(engine: AppEngine, step: Promote, notify: Notify) -> Running:
    """Give the version all traffic of its instance, and read back that it has it.

    Raises StepFailed, whose ``left`` says whether the traffic may have moved.
    """
    instance, version = step.instance, step.version
    app = engine.app(instance.project)
    before = engine.split(instance.project, instance.service)
    if app is None or before is None:
        raise Refused(f"{instance.project} has no service {instance.service} any more")
    url = instance.url or live_url(instance.service, app.default_hostname)
    if before.serves_only(version):
        return Done(Outcome.UNCHANGED, State.LIVE, url, previous=before)
    notify(f"moving traffic from {', '.join(before.live)}")
    try:
        attempts = yield from _move(engine, instance, version)
    except ServiceError as error:
        state = State.UNKNOWN if is_transient(error.code, error.message) else State.DARK
        raise StepFailed(error, Done(state=state, url=url, previous=before)) from error
    return Done(Outcome.DONE, State.LIVE, url, previous=before, attempts=attempts)


def _move(engine: AppEngine, instance: Instance, version: str) -> Generator[Pause, None, int]:
    def send() -> str:
        return engine.set_split(instance.project, instance.service, Split.all_to(version))

    def happened() -> bool:
        split = engine.split(instance.project, instance.service)
        return split is not None and split.serves_only(version)

    return (yield from change(engine, instance.project, send, happened))
