"""Moving the traffic of one instance."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from flowdeploy.appengine.resources import App, Operation
from flowdeploy.checks.deploy import is_older
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Promote
from flowdeploy.planning.traffic import SAME, Split
from flowdeploy.planning.urls import live_url
from flowdeploy.report import Aspect, Change, Outcome, State
from flowdeploy.rollout.contract import Done, Notify, Pause, Request, Running, StepFailed
from flowdeploy.steps.change import ChangeRequest, ReadBack, error_notes, send_and_verify

AwaitHealth = Callable[[], Generator[Pause, None, object]]


@dataclass(frozen=True, slots=True)
class Move:
    """The circumstances of a promotion.

    ``expected`` is the traffic split that the checks have seen: any other is left alone.
    None: whatever is there may be moved. ``await_health`` waits until the version answers,
    between the steps of a gradual promotion; it raises ServiceError where it does not.
    """

    engine: AppEngine
    app: App
    expected: Split | None = None
    await_health: AwaitHealth | None = None


def move_traffic(step: Promote, move: Move, notify: Notify) -> Running:
    """Move the traffic of an instance to ``step.to``, and read back that it is there.

    Raises Refused where the service does not exist or its traffic is not what the checks have
    seen, ServiceError where the split cannot be read, and StepFailed, whose ``left`` says
    whether the traffic may have moved.
    """
    instance = step.instance
    before = _current_split(move.engine, instance)
    url = instance.url or live_url(instance.service, move.app.default_hostname)
    splits = tuple(_splits_to_go(step, before))
    if not splits:
        notes = _shared_note(step, before)
        return Done(Outcome.UNCHANGED, State.LIVE, url, before, notes=notes)
    _require_expected(before, move.expected)
    notes = (*_backwards_notes(step, before), *_shared_note(step, splits[-1]))
    done = Done(Outcome.DONE, State.DARK, url, before, notes=notes)
    try:
        for current, split in pairwise((before, *splits)):
            if done.state is State.LIVE:
                yield from _pause_between(step, move, current, notify)
            told = yield from _set_split(move, instance, current, split, notify)
            done = replace(done, state=State.LIVE, notes=done.notes + error_notes(told))
    except FlowdeployError as error:
        raise StepFailed(error, done) from error
    except StepFailed as failed:
        state = failed.left.state or done.state
        raise StepFailed(failed.error, replace(done, state=state)) from failed
    return done


def _current_split(engine: AppEngine, instance: Instance) -> Split:
    split = engine.split(instance.project, instance.service)
    if split is None:
        raise Refused(f"{instance.project} has no service {instance.service} any more")
    return split


def _splits_to_go(step: Promote, before: Split) -> Iterator[Split]:
    """The splits that are left to go through; none where the traffic is as it should be."""
    version = step.to.only
    if version is None or step.gradual is None:
        if not before.same_as(step.to):
            yield step.to
        return
    share = before.share(version)
    for percent in step.gradual.percents:
        split = before.towards(version, percent, step.gradual.shard_by)
        if split.share(version) > share + SAME:  # rounded to what App Engine can express
            yield split
            share = split.share(version)


def _require_expected(actual: Split, expected: Split | None) -> None:
    if expected is not None and not actual.same_as(expected):
        raise Refused(
            f"traffic is {actual}, expected {expected}: changed outside this run",
            hint="Find out who changed it, then run the same command again; --force overrides.",
        )


def _backwards_notes(step: Promote, before: Split) -> tuple[str, ...]:
    version = step.to.only
    newer = (live for live in before.live if version and is_older(version, live))
    return tuple(f"goes back from {live}" for live in newer)


def _shared_note(step: Promote, last: Split) -> tuple[str, ...]:
    """Said of a gradual promotion that does not end at 100 percent."""
    return (f"the traffic stays divided: {last}",) if step.gradual and last.only is None else ()


def _pause_between(
    step: Promote, move: Move, current: Split, notify: Notify
) -> Generator[Pause, None, None]:
    """The pause of a gradual promotion. After it the version must be healthy, and the traffic
    unchanged."""
    if step.gradual and step.gradual.pause:
        yield Pause(step.gradual.pause, f"{current} for {step.gradual.pause:g} s")
    if move.await_health:
        notify("checking the version's health")
        yield from move.await_health()
    _require_expected(_current_split(move.engine, step.instance), current)


def _set_split(
    move: Move, instance: Instance, before: Split, split: Split, notify: Notify
) -> Generator[Request, None, ServiceError | None]:
    """Change the split once. Returns as `send_and_verify`.

    Another client may change the split between attempts, and may have made the first one fail.
    """
    engine = move.engine

    def send() -> Operation:
        notify(f"moving traffic from {before} to {split}")
        return engine.set_split(instance.project, instance.service, split)

    def read_back() -> ReadBack:
        current = _current_split(engine, instance)
        if current.same_as(split):
            return ReadBack(in_effect=True)
        if move.expected:
            _require_expected(current, before)
        return ReadBack(in_effect=False)

    intended = Change(Aspect.TRAFFIC, before.as_json(), split.as_json())
    request = ChangeRequest(engine, instance.project, intended, send, read_back)
    return (yield from send_and_verify(request))
