"""Whether an instance's traffic may be moved, and moving it."""

from __future__ import annotations

from collections.abc import Generator

from flowdeploy.checks import App, Observation, is_older, verify_objections
from flowdeploy.errors import Refused, ServiceError
from flowdeploy.executors.clients.appengine import AppEngine, Operation
from flowdeploy.executors.instance.change import InDoubt, change
from flowdeploy.fleet import Instance
from flowdeploy.plan import Promote, Verify
from flowdeploy.report import Outcome, State
from flowdeploy.rollout import Done, Notify, Pause, Running, StepFailed
from flowdeploy.traffic import Split
from flowdeploy.urls import dark_url, live_url


def verify(step: Verify, seen: Observation) -> Done:
    """Whether the version is there and able to serve. Raises Refused where it is not."""
    instance = step.instance
    if objections := verify_objections(step.version, seen):
        raise Refused(
            "; ".join(objections),
            # The same words for every instance, so that many refusals are shown as one.
            hint="`flowdeploy versions --project PROJECT` lists what is deployed.",
        )
    assert seen.app is not None  # noqa: S101  (verify_objections)
    live = seen.split is not None and seen.split.serves(step.version)
    url = dark_url(step.version, instance.service, seen.app.default_hostname)
    return Done(state=State.LIVE if live else State.DARK, url=url)


def promote(engine: AppEngine, step: Promote, app: App, notify: Notify) -> Running:
    """Give the version all traffic of its instance, and read back that it has it.

    Raises StepFailed, whose ``left`` says whether the traffic may have moved.
    """
    instance, version = step.instance, step.version
    before = engine.split(instance.project, instance.service)
    if before is None:
        raise Refused(f"{instance.project} has no service {instance.service} any more")
    url = instance.url or live_url(instance.service, app.default_hostname)
    if before.serves_only(version):
        return Done(Outcome.UNCHANGED, State.LIVE, url, previous=before)
    notify(f"moving traffic from {', '.join(before.live)}")
    notes = tuple(f"goes back from {live}" for live in before.live if is_older(version, live))
    try:
        attempts = yield from _move(engine, instance, version)
    except ServiceError as error:
        raise StepFailed(error, Done(state=State.DARK, url=url, previous=before)) from error
    except InDoubt as doubt:
        left = Done(state=State.UNKNOWN, url=url, previous=before)
        raise StepFailed(doubt.error, left) from doubt
    return Done(Outcome.DONE, State.LIVE, url, before, attempts, notes)


def _move(engine: AppEngine, instance: Instance, version: str) -> Generator[Pause, None, int]:
    def send() -> Operation:
        return engine.set_split(instance.project, instance.service, Split.all_to(version))

    def happened() -> bool:
        split = engine.split(instance.project, instance.service)
        return split is not None and split.serves_only(version)

    return (yield from change(engine, instance.project, send, happened))
