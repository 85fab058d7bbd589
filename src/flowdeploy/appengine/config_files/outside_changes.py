"""What someone else has changed of a configuration, and taking a promotion back would undo.

A promotion may be taken back in part already, and what it made is nobody else's: so what
is there is compared with the state before it and with that after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from flowdeploy.appengine.config_files import cron_changes, dispatch_yaml, queue_changes
from flowdeploy.appengine.config_files.changes import LeaveQueue
from flowdeploy.appengine.config_files.compare import Resources, Snapshot


def find_outside_changes(before: Snapshot, after: Snapshot, now: Snapshot) -> tuple[str, ...]:
    """What ``restore(before, now)`` would undo that neither state has.

    A line each, in the words of the change that was made. Queues that ``before`` lacks
    are left alone by a restoration, whatever became of them. What either state does not
    tell is not looked at. Raises ValueError where ``now`` lacks what both have.
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
    expected = [_expected_queue(old[name], new[name], there.get(name)) for name in known]
    made = queue_changes.restoration([there[name] for name in known if name in there], expected)
    return tuple(
        f"queue {change.name}: delete" if isinstance(change, LeaveQueue) else str(change)
        for change in made
    )


def _expected_queue(
    before: Mapping[str, Any], after: Mapping[str, Any], now: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """A queue as it was left, but for what is as before: its settings, its being paused."""
    if now is None:
        return after
    settings = before if queue_changes.has_same_settings(before, now) else after
    state = before if queue_changes.is_paused(before) == queue_changes.is_paused(now) else after
    return {**settings, "state": state.get("state")}


def _cron_jobs(before: Resources, after: Resources, now: Resources) -> tuple[str, ...]:
    """Jobs may be of either state, and those of both are all there."""
    of_key = {cron_changes.identity(job): job for job in (*before, *after, *now)}
    old, new, there = (Counter(map(cron_changes.identity, jobs)) for jobs in (before, after, now))
    expected = (there & (old | new)) | (old & new)
    return tuple(
        map(str, cron_changes.restoration(now, map(of_key.__getitem__, expected.elements())))
    )


def _dispatch_rules(before: Resources, after: Resources, now: Resources) -> tuple[str, ...]:
    """The rules are one list, of one state or of the other."""
    found = dispatch_yaml.for_file(now, after)
    return tuple(map(str, found)) if dispatch_yaml.for_file(now, before) else ()
