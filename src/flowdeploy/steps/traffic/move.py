"""Whether an instance's traffic may be moved, and moving it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from flowdeploy.appengine.resources import App, Operation
from flowdeploy.checks.deploy import is_older
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.errors import FlowdeployError, Refused
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Promote
from flowdeploy.planning.traffic import SAME, Split
from flowdeploy.planning.urls import live_url
from flowdeploy.report import Aspect, Change, Outcome, State
from flowdeploy.rollout import Done, Notify, Pause, Request, Running, StepFailed
from flowdeploy.steps.change import InDoubt, Sending, change

Waiting = Generator[Pause, None, object]  # what only waits, and changes nothing


@dataclass(frozen=True, slots=True)
class Move:
    """What a promotion works with.

    ``seen`` is the split when the instance was checked: another one is left alone.
    None: whatever is there may be moved. ``well`` waits until the version in
    question answers, and raises ServiceError if it does not; it is asked between
    the steps of a gradual promotion.
    """

    engine: AppEngine
    app: App
    seen: Split | None = None
    well: Callable[[], Waiting] | None = None


def promote(move: Move, step: Promote, notify: Notify) -> Running:
    """Move the traffic of an instance to what it is to be, and read back that it is.

    Raises Refused where the traffic is not what it was when it was checked, and
    StepFailed, whose ``left`` says whether the traffic may have moved.
    """
    instance = step.instance
    before = _present(move.engine, instance)
    url = instance.url or live_url(instance.service, move.app.default_hostname)
    way = tuple(_way(step, before))
    if not way:
        return Done(Outcome.UNCHANGED, State.LIVE, url, before, notes=_shared(step, before))
    _require_as_seen(before, move.seen)
    notes = (*_backwards(step, before), *_shared(step, way[-1]))
    done = Done(Outcome.DONE, State.DARK, url, before, notes=notes)
    try:
        for present, split in pairwise((before, *way)):
            if done.state is State.LIVE:
                yield from _between(move, step, present, notify)
            attempts = yield from _move(move, instance, present, split, notify)
            done = replace(done, state=State.LIVE, attempts=max(done.attempts, attempts))
    except FlowdeployError as error:
        raise StepFailed(error, done) from error
    except InDoubt as doubt:
        raise StepFailed(doubt.error, replace(done, state=State.UNKNOWN)) from doubt
    return done


def _present(engine: AppEngine, instance: Instance) -> Split:
    split = engine.split(instance.project, instance.service)
    if split is None:
        raise Refused(f"{instance.project} has no service {instance.service} any more")
    return split


def _way(step: Promote, before: Split) -> Iterator[Split]:
    """The splits that are left to go through; none where the traffic is as it is to be."""
    version = step.to.only
    if version is None or step.gradual is None:
        if not before.same_as(step.to):
            yield step.to
        return
    has = before.share(version)
    for percent in step.gradual.percents:
        split = before.towards(version, percent, step.gradual.shard_by)
        if split.share(version) > has + SAME:  # as App Engine can express it, and has it
            yield split
            has = split.share(version)


def _require_as_seen(before: Split, seen: Split | None) -> None:
    if seen is not None and not before.same_as(seen):
        raise Refused(
            f"it serves {before} by now, and served {seen} when it was checked: somebody else has"
            " moved its traffic",
            hint="Look who, then run the same command again; --force moves it all the same.",
        )


def _backwards(step: Promote, before: Split) -> tuple[str, ...]:
    version = step.to.only
    older = (live for live in before.live if version and is_older(version, live))
    return tuple(f"goes back from {live}" for live in older)


def _shared(step: Promote, last: Split) -> tuple[str, ...]:
    """What a gradual promotion leaves where it does not go all the way."""
    return (f"the traffic stays divided: {last}",) if step.gradual and last.only is None else ()


def _between(
    move: Move, step: Promote, present: Split, notify: Notify
) -> Generator[Pause, None, None]:
    """The pause of a gradual promotion, after which all must be well and untouched by others."""
    if step.gradual and step.gradual.pause:
        yield Pause(step.gradual.pause, f"{present} for {step.gradual.pause:g} s")
    if move.well:
        notify("asking whether the version is well")
        yield from move.well()
    _require_as_seen(_present(move.engine, step.instance), present)


def _move(
    move: Move, instance: Instance, before: Split, split: Split, notify: Notify
) -> Generator[Request, None, int]:
    """Make one move of the traffic; how many attempts it has needed.

    Between two attempts others may have moved it: what was in our way may have been that.
    """
    engine = move.engine

    def send() -> Operation:
        notify(f"moving traffic from {before} to {split}")
        return engine.set_split(instance.project, instance.service, split)

    def happened() -> bool:
        present = _present(engine, instance)
        if present.same_as(split):
            return True
        _require_as_seen(present, move.seen and before)
        return False

    meant = Change(Aspect.TRAFFIC, before.as_json(), split.as_json())
    return (yield from change(Sending(engine, instance.project, meant, send, happened)))
