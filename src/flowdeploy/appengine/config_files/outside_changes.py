"""Outside changes that a rollback would overwrite.

The current state is compared with the states before and after the promotion, because a
promotion may already be undone in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from flowdeploy.appengine.config_files import cron_changes, dispatch_yaml, queue_changes
from flowdeploy.appengine.config_files.changes import LeaveQueue
from flowdeploy.appengine.config_files.compare import Resources, Snapshot


def find_outside_changes(before: Snapshot, after: Snapshot, now: Snapshot) -> tuple[str, ...]:
    """What ``restore(before, now)`` would undo that is in neither state, one line each.

    A line describes the change that was made outside. Queues that ``before`` lacks are
    ignored, because a restoration leaves them alone; so are parts that either state
    lacks. Raises ValueError if ``now`` lacks a part that both have.
    """
    return (
        *_compare(_queues, before.queues, after.queues, now.queues),
        *_compare(_cron_jobs, before.jobs, after.jobs, now.jobs),
        *_compare(_dispatch_rules, before.dispatch, after.dispatch, now.dispatch),
    )


def _compare(
    find: Callable[[Resources, Resources, Resources], tuple[str, ...]],
    before: Resources | None,
    after: Resources | None,
    now: Resources | None,
) -> tuple[str, ...]:
    if before is None or after is None:
        return ()
    if now is None:
        raise ValueError("the state to compare with has not been read")
    return find(before, after, now)


def _queues(before: Resources, after: Resources, now: Resources) -> tuple[str, ...]:
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


def _cron_jobs(before: Resources, after: Resources, now: Resources) -> tuple[str, ...]:
    """Expects every job of both states, and any job of one state."""
    of_key = {cron_changes.identity(job): job for job in (*before, *after, *now)}
    old, new, there = (Counter(map(cron_changes.identity, jobs)) for jobs in (before, after, now))
    expected = (there & (old | new)) | (old & new)
    return tuple(
        map(str, cron_changes.restoration(now, map(of_key.__getitem__, expected.elements())))
    )


def _dispatch_rules(before: Resources, after: Resources, now: Resources) -> tuple[str, ...]:
    """Expects the rules of either state."""
    found = dispatch_yaml.for_file(now, after)
    return tuple(map(str, found)) if dispatch_yaml.for_file(now, before) else ()
