"""What a rollback restores, by the records of runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.pipelines import Restoration
from flowdeploy.planning.plan import Phase, PlanKind, Skipped
from flowdeploy.planning.traffic import Split
from flowdeploy.records.runs import RecordedChange, Run
from flowdeploy.report import Aspect, Outcome

# Indexes and queues that were added with a deploy stay: the live version does not use them.
_UNDONE = {
    Phase.BEFORE_TRAFFIC: Aspect.QUEUES,
    Phase.AFTER_TRAFFIC: Aspect.SCHEDULES,
}
_NO_RUN = "no run on record has moved its traffic"


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What to undo on which instances, and why there is nothing to undo on others.

    ``open`` are the instances of which the runs that were read say nothing.
    """

    undos: tuple[Restoration, ...]
    skipped: tuple[Skipped, ...]
    open: tuple[Instance, ...] = ()


def find_undo(instances: Sequence[Instance], runs: Iterable[Run]) -> UndoPlan:
    """What undoes, on each instance, the last run that moved its traffic.

    Rollbacks are ignored: what they have undone stays undone. Where the last run moved the
    traffic of other instances but failed on this one, there is nothing to undo here: undoing
    an earlier run would take this instance further back than the others.
    """
    forward = [run for run in runs if run.kind != PlanKind.ROLLBACK]
    moving = [run for run in forward if any(run.changes_of(Aspect.TRAFFIC))]
    configuring = [
        run for run in forward if any(any(run.changes_of(each)) for each in _UNDONE.values())
    ]
    found = {each.id: _find_last_undo(each, moving, configuring) for each in instances}
    return UndoPlan(
        tuple(last for last in found.values() if isinstance(last, Restoration)),
        tuple(Skipped(name, last) for name, last in found.items() if isinstance(last, str)),
        tuple(each for each in instances if found[each.id] is None),
    )


def find_undo_of_run(instances: Sequence[Instance], run: Run) -> UndoPlan:
    """What undoes this run, which may be a rollback."""
    found = {each.id: _undo_of(each, run) for each in instances}
    reason = f"run {run.name} did not move its traffic"
    return UndoPlan(
        tuple(undo for undo in found.values() if undo),
        tuple(Skipped(name, reason) for name, undo in found.items() if undo is None),
    )


def close_search(undoing: UndoPlan) -> UndoPlan:
    """The same once all runs have been read: nothing is left open."""
    untouched = tuple(Skipped(instance.id, _NO_RUN) for instance in undoing.open)
    return UndoPlan(undoing.undos, undoing.skipped + untouched)


def find_later_changes(run: Run, others: Iterable[Run]) -> Mapping[str, str]:
    """The instances of a run that other runs have changed later: instance → the last such run.

    Later than the first change of the run's last session that made any. Its start is too
    early: it may have waited for the lock. Its last change is too late: it may record changes
    after its lock was taken over.
    """
    own, since = set(run.header.places), _first_locked_time(run)
    changes = [
        (each.at, each.instance, other.name)
        for other in others
        for each in other.changes
        if each.happened is not False and each.instance in own and each.at > since
    ]
    return {instance: name for _, instance, name in sorted(changes)}


def _find_last_undo(
    instance: Instance, moving: Sequence[Run], configuring: Sequence[Run]
) -> Restoration | str | None:
    """The undo, or why there is nothing to undo; None where no run planned to move it.

    Later runs may have completed the configuration that belongs to that traffic; the undo
    covers them, too.
    """
    planning = [
        run for run in moving if any(_moves_instance(instance, step) for _, step in run.steps)
    ]
    for run in sorted(planning, key=lambda run: _time_of(instance, run), reverse=True):
        if undo := _undo_of(instance, run):
            return replace(undo, configuration_runs=_configuring_runs(instance, run, configuring))
        if not _was_unchanged(instance, run):
            return _explain_unmoved(instance, run)
    return None


def _explain_unmoved(instance: Instance, run: Run) -> str:
    """Why there is nothing to undo. Queues change before the traffic, and may have changed."""
    reason = f"run {run.name} was to move its traffic, and did not"
    if not _changes(instance, run, Aspect.QUEUES):
        return reason
    return f"{reason}, but has changed its queues: promote its live version to restore them"


def _undo_of(instance: Instance, run: Run) -> Restoration | None:
    moves = _changes(instance, run, Aspect.TRAFFIC)
    splits = [Split.of_json(each.change.before) for each in moves[:1] if each.change.before]
    if not splits:
        return None  # never moved, or live by being the service's first version
    left = tuple(Split.of_json(each.change.after) for each in moves)
    return Restoration(instance, splits[0], left, run.name, _configuring_runs(instance, run, [run]))


def _configuring_runs(
    instance: Instance, run: Run, runs: Sequence[Run]
) -> Mapping[Phase, tuple[str, ...]]:
    """The runs that have changed the instance's configuration since ``run`` moved its traffic.

    By phase, the oldest first, ``run`` included.
    """
    moment = _time_of(instance, run)
    later = [(_time_of(instance, each), each.name, each) for each in runs]
    since = [each for at, _, each in sorted(later, key=itemgetter(0, 1)) if at >= moment]
    found = {
        phase: tuple(each.name for each in since if _changes(instance, each, aspect))
        for phase, aspect in _UNDONE.items()
    }
    return {phase: names for phase, names in found.items() if names}


def _changes(instance: Instance, run: Run, aspect: Aspect) -> list[RecordedChange]:
    """The run's changes of the instance, in order.

    Empty where its name belonged to another project then.
    """
    if run.header.places.get(instance.id) != (instance.project, instance.service):
        return []
    return [each for each in run.changes_of(aspect) if each.instance == instance.id]


def _moves_instance(instance: Instance, step: Mapping[str, Any]) -> bool:
    moving = step["action"] == "promote" or step.get("traffic") == "live"
    return moving and step.get("instance") == instance.id


def _was_unchanged(instance: Instance, run: Run) -> bool:
    """Whether the run found the traffic as it was to be."""
    places = (p for p, (_, step) in enumerate(run.steps) if _moves_instance(instance, step))
    endings = ((run.endings or {}).get(place) for place in places)
    return any(ending and ending.outcome is Outcome.UNCHANGED for ending in endings)


def _first_locked_time(run: Run) -> str:
    """When the run's last session first had the locks; when the run began, if never."""
    last = max((each.session for each in run.changes), default=0)
    return min((each.at for each in run.changes if each.session == last), default=run.begun)


def _time_of(instance: Instance, run: Run) -> str:
    """When the run moved the instance's traffic; when it began, if it did not."""
    return next((each.at for each in _changes(instance, run, Aspect.TRAFFIC)), run.begun)


def find_configuration(
    instance: Instance, runs: Sequence[Run], aspect: Aspect
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """An instance's configuration before the first of these runs, and after the last.

    The latter is None where it was never read back. Raises ValueError where the runs have
    changed nothing of it.
    """
    changes = [change for run in runs for change in _changes(instance, run, aspect)]
    if not changes:
        raise ValueError(f"nothing of {instance.id}'s {aspect} is on record")
    return changes[0].change.before, changes[-1].change.after
