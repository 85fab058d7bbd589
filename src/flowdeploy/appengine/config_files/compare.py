"""Compares an application's configuration with a version's files, or with an earlier state."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from flowdeploy.appengine.config_files import cron_changes, dispatch_yaml, index_yaml, queue_changes
from flowdeploy.appengine.config_files.app_config import AppConfig
from flowdeploy.appengine.config_files.changes import ConfigChanges, LeaveQueue

Resources = tuple[Mapping[str, Any], ...]
_States = tuple[Resources, Resources]

_Wanted = TypeVar("_Wanted")
_Change = TypeVar("_Change")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An application's configuration as the APIs' JSON; None for parts that were not read.

    ``queues`` are Cloud Tasks' Queues, ``jobs`` the legacy cron jobs of Cloud
    Scheduler, ``dispatch`` the application's dispatch rules, ``indexes`` Datastore's.
    """

    indexes: Resources | None = None
    queues: Resources | None = None
    jobs: Resources | None = None
    dispatch: Resources | None = None


def changes(config: AppConfig, there: Snapshot, *, prune_queues: bool = False) -> ConfigChanges:
    """The changes that bring an application to the configuration of the files.

    Raises ValueError if ``there`` lacks a part that a file configures.
    """
    queues = partial(queue_changes.for_file, prune=prune_queues)
    return ConfigChanges(
        _compare_part(index_yaml.for_file, config.indexes, there.indexes),
        _compare_part(queues, config.queues, there.queues),
        _compare_part(cron_changes.for_file, config.cron, there.jobs),
        _compare_part(dispatch_yaml.for_file, config.dispatch, there.dispatch),
    )


def restore(before: Snapshot, now: Snapshot) -> ConfigChanges:
    """The changes that restore an earlier state: queues, cron jobs and dispatch rules.

    Indexes stay: they do not affect a version that does not need them. Queues that were
    created since stay, too, and are reported. Raises ValueError if ``now`` lacks a part
    that ``before`` has.
    """
    return ConfigChanges(
        (),
        _compare_part(queue_changes.restoration, before.queues, now.queues),
        _compare_part(cron_changes.restoration, before.jobs, now.jobs),
        _compare_part(dispatch_yaml.for_file, before.dispatch, now.dispatch),
    )


def find_outside_changes(before: Snapshot, after: Snapshot, now: Snapshot) -> tuple[str, ...]:
    """What ``restore(before, now)`` would undo that is in neither state, one line each.

    A promotion may be undone in part, so each part of ``now`` is compared with both
    states. A line describes the change that was made outside. Queues that ``before`` lacks
    are ignored, because a restoration leaves them alone; so are parts that either state
    lacks. Raises ValueError if ``now`` lacks a part that both have.
    """
    return (
        *_compare_part(_outside_queues, _both(before.queues, after.queues), now.queues),
        *_compare_part(_outside_jobs, _both(before.jobs, after.jobs), now.jobs),
        *_compare_part(_outside_rules, _both(before.dispatch, after.dispatch), now.dispatch),
    )


def _both(before: Resources | None, after: Resources | None) -> _States | None:
    return None if before is None or after is None else (before, after)


def _compare_part(
    compare: Callable[[_Wanted, Resources], tuple[_Change, ...]],
    wanted: _Wanted | None,
    there: Resources | None,
) -> tuple[_Change, ...]:
    if wanted is None:
        return ()
    if there is None:
        raise ValueError("the state to compare with has not been read")
    return compare(wanted, there)


def _outside_queues(states: _States, now: Resources) -> tuple[str, ...]:
    before, after = states
    old, new, there = ({each["name"]: each for each in state} for state in (before, after, now))
    known = [name for name in new if name in old]
    expected = [
        _queue_without_outside_changes(old[name], new[name], there.get(name)) for name in known
    ]
    made = queue_changes.restoration([there[name] for name in known if name in there], expected)
    return tuple(
        f"queue {change.name}: delete" if isinstance(change, LeaveQueue) else str(change)
        for change in made
    )


def _queue_without_outside_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], now: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The queue after the promotion; settings or state as before if they are so now."""
    if now is None:
        return after
    settings = before if queue_changes.has_same_settings(before, now) else after
    state = before if queue_changes.is_paused(before) == queue_changes.is_paused(now) else after
    return {**settings, "state": state.get("state")}


def _outside_jobs(states: _States, now: Resources) -> tuple[str, ...]:
    """Expects every job of both states, and any job of one state."""
    before, after = states
    of_key = {cron_changes.identity(job): job for job in (*before, *after, *now)}
    old, new, there = (Counter(map(cron_changes.identity, jobs)) for jobs in (before, after, now))
    expected = (there & (old | new)) | (old & new)
    return tuple(
        map(str, cron_changes.restoration(now, map(of_key.__getitem__, expected.elements())))
    )


def _outside_rules(states: _States, now: Resources) -> tuple[str, ...]:
    """Expects the rules of either state."""
    before, after = states
    found = dispatch_yaml.for_file(now, after)
    return tuple(map(str, found)) if dispatch_yaml.for_file(now, before) else ()
