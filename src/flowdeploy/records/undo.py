"""What the records say of who has moved an instance's traffic, and what it served before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.pipelines import Restoration
from flowdeploy.planning.plan import Phase, PlanKind, Skipped
from flowdeploy.planning.traffic import Split
from flowdeploy.records.runs import RecordedChange, Run
from flowdeploy.report import Aspect, Outcome

# Indexes and queues that were added with a deploy stay: nothing feels them.
_TAKEN_BACK = {
    Phase.BEFORE_TRAFFIC: Aspect.QUEUES,
    Phase.AFTER_TRAFFIC: Aspect.SCHEDULES,
}
_NO_RUN = "no run on record has moved its traffic"


@dataclass(frozen=True, slots=True)
class Undoing:
    """What can be undone, instance by instance, and where there is nothing to undo."""

    undos: tuple[Restoration, ...]
    skipped: tuple[Skipped, ...]
    open: tuple[Instance, ...] = ()


def undoing(instances: Sequence[Instance], runs: Iterable[Run]) -> Undoing:
    """What the last run that changed each instance's traffic would be undone with.

    What a rollback has changed is left out: what it has undone stays undone. A run
    that has moved others, was to move an instance as well, and did not, leaves
    nothing to undo there: going back to what an earlier run replaced would take
    that instance past what the others are given back. ``open`` are the instances
    of which these runs say nothing.
    """
    known = [run for run in runs if run.kind != PlanKind.ROLLBACK]
    moving = [run for run in known if _moved(run)]
    configuring = [run for run in known if _has_configured(run)]
    found = {each.id: _last(each, moving, configuring) for each in instances}
    return Undoing(
        tuple(last for last in found.values() if isinstance(last, Restoration)),
        tuple(Skipped(name, last) for name, last in found.items() if isinstance(last, str)),
        tuple(each for each in instances if found[each.id] is None),
    )


def undoing_run(instances: Sequence[Instance], run: Run) -> Undoing:
    """What this run, a rollback or not, would be undone with."""
    found = {each.id: _undo(each, run) for each in instances}
    reason = f"run {run.name} did not move its traffic"
    return Undoing(
        tuple(undo for undo in found.values() if undo),
        tuple(Skipped(name, reason) for name, undo in found.items() if undo is None),
    )


def given_up(undoing: Undoing) -> Undoing:
    """The same once there are no more runs to look at."""
    untouched = tuple(Skipped(instance.id, _NO_RUN) for instance in undoing.open)
    return Undoing(undoing.undos, undoing.skipped + untouched)


def changed_later(run: Run, others: Iterable[Run]) -> Mapping[str, str]:
    """Instances of the run's plan that others have changed since: instance → the last of those.

    Since the first change of its last session that made any: a run may have waited for
    the lock of others, and may go on to record changes when they have taken it over.
    """
    own, since = set(run.header.places), _locked_since(run)
    changes = [
        (each.at, each.instance, other.name)
        for other in others
        for each in other.changes
        if each.happened is not False and each.instance in own and each.at > since
    ]
    return {instance: name for _, instance, name in sorted(changes)}


def _last(
    instance: Instance, moving: Sequence[Run], configuring: Sequence[Run]
) -> Restoration | str | None:
    """The undo, why there is nothing to undo, or None where no run has dealt with it.

    What later runs have finished of the configuration that came with the traffic goes with it.
    """
    dealt = [run for run in moving if _was_to_move(instance, run)]
    for run in sorted(dealt, key=lambda run: _moment(instance, run), reverse=True):
        if undo := _undo(instance, run):
            return replace(undo, configured=_since(instance, run, configuring))
        if not _found_done(instance, run):
            return _unmoved(instance, run)
    return None


def _unmoved(instance: Instance, run: Run) -> str:
    """Why there is nothing to give back; queues come before the traffic, and may be others."""
    said = f"run {run.name} was to move its traffic, and did not"
    if not _configured(instance, run, Aspect.QUEUES):
        return said
    return f"{said}, but has changed its queues: promote the version that it serves to have its own"


def _undo(instance: Instance, run: Run) -> Restoration | None:
    moves = tuple(_moves(instance, run))
    splits = [Split.of_json(each.change.before) for each in moves[:1] if each.change.before]
    if not splits:
        return None  # never moved, or live by being the service's first version
    left = tuple(Split.of_json(each.change.after) for each in moves)
    return Restoration(instance, splits[0], left, run.name, _since(instance, run, [run]))


def _since(instance: Instance, run: Run, runs: Sequence[Run]) -> Mapping[Phase, tuple[str, ...]]:
    """Which of the runs, the oldest first, have changed the instance's configuration since
    ``run`` moved its traffic, that one included."""
    moment = _moment(instance, run)
    later = [(_moment(instance, each), each.name, each) for each in runs]
    since = [each for at, _, each in sorted(later, key=itemgetter(0, 1)) if at >= moment]
    found = {
        phase: tuple(each.name for each in since if _configured(instance, each, aspect))
        for phase, aspect in _TAKEN_BACK.items()
    }
    return {phase: names for phase, names in found.items() if names}


def _moved(run: Run) -> bool:
    return any(True for _ in run.changes_of(Aspect.TRAFFIC))


def _has_configured(run: Run) -> bool:
    return any(True for aspect in _TAKEN_BACK.values() for _ in run.changes_of(aspect))


def _moves(instance: Instance, run: Run) -> Iterator[RecordedChange]:
    """The moves of an instance's traffic by a run, in their order."""
    return _changes(instance, run, Aspect.TRAFFIC)


def _changes(instance: Instance, run: Run, aspect: Aspect) -> Iterator[RecordedChange]:
    """What a run changed of an instance, unless another project had its name by then."""
    if run.header.places.get(instance.id) != (instance.project, instance.service):
        return iter(())
    return (each for each in run.changes_of(aspect) if each.instance == instance.id)


def _was_to_move(instance: Instance, run: Run) -> bool:
    return any(_is_to_move(instance, step) for _, step in run.steps)


def _is_to_move(instance: Instance, step: Mapping[str, Any]) -> bool:
    moving = step["action"] == "promote" or step.get("traffic") == "live"
    return moving and step.get("instance") == instance.id


def _found_done(instance: Instance, run: Run) -> bool:
    """Whether the run found the instance as it was to be."""
    places = (p for p, (_, step) in enumerate(run.steps) if _is_to_move(instance, step))
    endings = ((run.endings or {}).get(place) for place in places)
    return any(ending and ending.outcome is Outcome.UNCHANGED for ending in endings)


def _locked_since(run: Run) -> str:
    """A moment at which the run had the locks, the last that is known; or it began, if none is."""
    last = max((each.session for each in run.changes), default=0)
    return min(
        (each.at for each in run.changes if each.session == last), default=run.header.started
    )


def _moment(instance: Instance, run: Run) -> str:
    """When the run moved the instance, by the records; when it began, if it did not."""
    return next((each.at for each in _moves(instance, run)), run.header.started)


def configuration_before(
    instance: Instance, runs: Sequence[Run], aspect: Aspect
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """What these runs, the oldest first, found of an instance's configuration, and what they left.

    None for what was left: it was never read back. Raises ValueError where they have
    changed nothing of it.
    """
    changes = [change for run in runs for change in _configured(instance, run, aspect)]
    if not changes:
        raise ValueError(f"nothing of {instance.id}'s {aspect} is on record")
    return changes[0].change.before, changes[-1].change.after


def _configured(instance: Instance, run: Run, aspect: Aspect) -> list[RecordedChange]:
    return list(_changes(instance, run, aspect))
