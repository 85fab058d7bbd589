"""Compares queues with a queue.yaml, or with an earlier state.

As gcloud 528, with two exceptions: a queue that the file does not list is paused only on
demand (gcloud always pauses it), and a new queue with a rate of 0 is paused in any mode
(gcloud pauses it at the next deploy).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowdeploy.appengine.config_files.changes import (
    CreateQueue,
    LeaveQueue,
    PauseQueue,
    QueueChange,
    ResumeQueue,
    SettingChange,
    UpdateQueue,
)
from flowdeploy.appengine.config_files.queue_settings import (
    CONCURRENT,
    HIGH,
    LOW,
    PATHS,
    PUSH_DEFAULTS,
    RATE,
    ROUTING,
    is_same,
    setting,
    setting_name,
    to_message,
    value_text,
)
from flowdeploy.appengine.config_files.queue_yaml import Queue, Queues

# gcloud sets these when it creates a queue; they cannot be changed later.
_TTLS: Mapping[str, Any] = {"taskTtl": "315360000s", "tombstoneTtl": "777600s"}
_STOPPED = ("PAUSED", "DISABLED")

Resource = Mapping[str, Any]


def for_file(
    file: Queues, there: Iterable[Resource], *, prune: bool = False
) -> tuple[QueueChange, ...]:
    """The changes that bring the existing queues (the API's Queues) to those of the file.

    A listed queue that is paused is resumed unless the file says
    ``resume_paused_queues: false``; with a rate of 0 it is paused. A target that the file
    no longer has stays, as with gcloud. With ``prune`` unlisted queues are paused, else
    reported, except for `default` and queues that are paused already.
    """
    existing = {_id(queue): queue for queue in there}
    listed = {queue.name for queue in file.queues}
    changes = [
        change
        for queue in file.queues
        for change in _for_queue(queue, existing.get(queue.name), resume=file.resume)
    ]
    return (*changes, *_other_queues(existing, listed, prune=prune))


def restoration(before: Iterable[Resource], now: Iterable[Resource]) -> tuple[QueueChange, ...]:
    """The changes from the queues ``now`` back to those of ``before``.

    Single settings are restored, and whether a queue is paused. Queues that ``before``
    lacks are reported and stay: deletion would lose their tasks, and their names cannot
    be used again for a week.
    """
    existing, wanted = ({_id(queue): queue for queue in queues} for queues in (now, before))
    changes = [
        change
        for name, queue in wanted.items()
        for change in _for_resource(name, queue, existing.get(name))
    ]
    left = (LeaveQueue(name, "created since") for name in existing.keys() - wanted.keys())
    return (*changes, *sorted(left, key=str))


def _other_queues(
    existing: Mapping[str, Resource], listed: set[str], *, prune: bool
) -> Iterator[QueueChange]:
    for name, queue in existing.items():
        if name not in listed and name != "default" and not is_paused(queue):
            why = "no longer listed"
            yield PauseQueue(name, why) if prune else LeaveQueue(name, why)


def _for_queue(queue: Queue, there: Resource | None, *, resume: bool) -> Iterator[QueueChange]:
    if there is None:
        settings = {**queue.settings, **_TTLS}
        yield _create(queue.name, settings, pull=queue.pull, paused=queue.is_stopped)
        return
    yield from _update(queue.name, _differences(queue, there), there)
    if queue.is_stopped and not is_paused(there):
        yield PauseQueue(queue.name, "its rate is 0")
    elif not queue.is_stopped and resume and is_paused(there):
        yield ResumeQueue(queue.name)


def _create(name: str, settings: Mapping[str, Any], *, pull: bool, paused: bool) -> CreateQueue:
    given = {path: value for path, value in settings.items() if value is not None}
    given |= {"type": "PULL"} if pull else {}
    return CreateQueue(name, to_message(given), tuple(sorted(given)), paused)


def _differences(queue: Queue, there: Resource) -> dict[str, Any]:
    """The settings to send; both limits of the back-off go together."""
    changed = {
        path
        for path, value in queue.settings.items()
        if not _keeps_rate(path, value) and not _is_set(path, value, there)
    }
    if changed & {LOW, HIGH}:
        changed |= {LOW, HIGH}
    return {path: queue.settings[path] for path in queue.settings if path in changed}


def _keeps_rate(path: str, value: Any) -> bool:
    """A rate of 0 is not sent: the queue is paused and keeps its rate."""
    return path == RATE and not value


def _is_set(path: str, value: Any, there: Resource) -> bool:
    actual = setting(there, path)
    if path == ROUTING:
        return bool(actual == value)
    if actual is None and path != CONCURRENT:
        actual = PUSH_DEFAULTS.get(path)
    return is_same(path, actual, value)


def _for_resource(name: str, wanted: Resource, there: Resource | None) -> Iterator[QueueChange]:
    settings = {path: setting(wanted, path) for path in PATHS}
    if there is None:
        settings |= {path: wanted[path] for path in _TTLS if path in wanted}
        is_pull = wanted.get("type") == "PULL"
        yield _create(name, settings, pull=is_pull, paused=is_paused(wanted))
        return
    differing = {p: v for p, v in settings.items() if not is_same(p, setting(there, p), v)}
    yield from _update(name, differing, there)
    if is_paused(wanted) != is_paused(there):
        yield PauseQueue(name) if is_paused(wanted) else ResumeQueue(name)


def _update(name: str, settings: Mapping[str, Any], there: Resource) -> Iterator[UpdateQueue]:
    if not settings:
        return
    mask = {*settings} | ({"type"} if there.get("type") == "PULL" else set())
    body = to_message(settings) | ({"type": "PULL"} if "type" in mask else {})
    differences = (
        SettingChange(
            setting_name(path), value_text(path, actual), value_text(path, settings[path])
        )
        for path in PATHS
        if path in settings and not is_same(path, actual := setting(there, path), settings[path])
    )
    yield UpdateQueue(name, body, tuple(sorted(mask)), tuple(differences))


def _id(queue: Resource) -> str:
    return str(queue["name"].rpartition("/")[2])


def has_same_settings(one: Resource, other: Resource) -> bool:
    """Whether two queues have the same settings, paused or not."""
    return all(is_same(path, setting(one, path), setting(other, path)) for path in PATHS)


def is_paused(queue: Resource) -> bool:
    """Whether a queue hands out no tasks."""
    return queue.get("state") in _STOPPED
