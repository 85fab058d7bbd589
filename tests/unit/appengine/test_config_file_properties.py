"""A deploy repeated changes nothing; a rollback brings back what was there, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import AppConfig, Snapshot
from flowdeploy.appengine.config_files.changes import (
    Change,
    CreateCronJob,
    CreateIndex,
    CreateQueue,
    CronJobChange,
    DeleteCronJob,
    PauseCronJob,
    PauseQueue,
    ReplaceCronJob,
    ResumeCronJob,
    ResumeQueue,
    SetDispatch,
    UpdateQueue,
)

QUEUES, JOBS = (f"projects/p/locations/europe-west1/{kind}/" for kind in ("queues", "jobs"))
# What Cloud Tasks has for settings that are not said, or taken away.
FILLED_IN: dict[str, dict[str, Any]] = {
    "rateLimits": {
        "maxDispatchesPerSecond": 500.0,
        "maxBurstSize": 100,
        "maxConcurrentDispatches": 1000,
    },
    "retryConfig": {
        "maxAttempts": 100,
        "minBackoff": "0.100s",
        "maxBackoff": "3600s",
        "maxDoublings": 16,
        "maxRetryDuration": "0s",
    },
}


@dataclass
class Apis:
    """As much of the APIs as the changes need."""

    indexes: list[dict[str, Any]] = field(default_factory=list)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    dispatch: list[dict[str, str]] = field(default_factory=list)
    jobs_ever: int = 0

    def snapshot(self) -> Snapshot:
        parts = (self.indexes, self.queues.values(), self.jobs.values(), self.dispatch)
        return Snapshot(*(tuple(deepcopy(list(part))) for part in parts))

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case CreateIndex(body):
                    self.indexes.append({**body, "state": "READY"})
                case SetDispatch(rules):
                    self.dispatch = [dict(rule) for rule in rules]
                case CreateQueue() | UpdateQueue() | PauseQueue() | ResumeQueue():
                    self._apply_to_queue(change)
                case (
                    CreateCronJob()
                    | ReplaceCronJob()
                    | DeleteCronJob()
                    | PauseCronJob()
                    | ResumeCronJob()
                ):
                    self._apply_to_job(change)

    def _apply_to_job(self, change: CronJobChange) -> None:
        match change:
            case CreateCronJob(body, paused):
                self._create(body, paused=paused)
            case ReplaceCronJob(name, body, paused=paused):
                self._create(body, paused=paused)
                del self.jobs[name]
            case DeleteCronJob(name):
                del self.jobs[name]
            case PauseCronJob(name):
                self.jobs[name]["state"] = "PAUSED"
            case ResumeCronJob(name):
                self.jobs[name]["state"] = "ENABLED"

    def _apply_to_queue(self, change: CreateQueue | UpdateQueue | PauseQueue | ResumeQueue) -> None:
        match change:
            case CreateQueue(name, body, mask, paused):
                assert name not in self.queues
                self.queues[name] = {"name": QUEUES + name, "state": "RUNNING"}
                self._patch(self.queues[name], body, mask)
                self.queues[name]["state"] = "PAUSED" if paused else "RUNNING"
            case UpdateQueue(name, body, mask):
                self._patch(self.queues[name], body, mask)
            case PauseQueue(name):
                self.queues[name]["state"] = "PAUSED"
            case ResumeQueue(name):
                self.queues[name]["state"] = "RUNNING"

    def _patch(self, queue: dict[str, Any], body: Any, mask: Iterable[str]) -> None:
        for path in mask:
            outer, _, inner = path.partition(".")
            if not inner:
                queue[outer] = body[outer]
            elif inner in body.get(outer, {}):
                queue[outer] = {**queue.get(outer, {}), inner: body[outer][inner]}
            else:
                queue.get(outer, {}).pop(inner, None)
        for outer in [name for name, value in queue.items() if value == {}]:
            del queue[outer]
        for outer, values in FILLED_IN.items():
            queue[outer] = {**values, **queue.get(outer, {})}

    def _create(self, body: Any, *, paused: bool) -> None:
        self.jobs_ever += 1
        name = f"{JOBS}{self.jobs_ever}"
        self.jobs[name] = {**body, "name": name, "state": "PAUSED" if paused else "ENABLED"}


def maybe(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


names = st.sampled_from(["a", "b", "c", "default"])
backoffs = st.sampled_from([0, 0.1, 2.5, 60])
queues = st.lists(
    st.builds(
        lambda name, rate, more: {"name": name, "rate": rate, **more},
        names,
        st.sampled_from(["0/s", "1/s", "2000/d", "100/h", "500/s"]),
        maybe(
            bucket_size=st.sampled_from([0, 1, 500]),
            max_concurrent_requests=st.sampled_from([0, 1, 9000]),
            target=st.sampled_from(["worker", "v1.worker"]),
            retry_parameters=maybe(
                task_retry_limit=st.integers(0, 3),
                task_age_limit=st.sampled_from(["90s", "2.5h"]),
                min_backoff_seconds=backoffs,
                max_doublings=st.integers(0, 3),
            ),
        ),
    ),
    max_size=3,
    unique_by=lambda queue: str(queue["name"]),
)
jobs = st.lists(
    st.builds(
        lambda url, schedule, more: {"url": url, "schedule": schedule, **more},
        st.sampled_from(["/a", "/b"]),
        st.sampled_from(["every 24 hours", "every monday 00:00"]),
        maybe(
            description=st.sampled_from(["", "one", "two"]),
            timezone=st.sampled_from(["UTC", "Europe/Oslo"]),
            target=st.sampled_from(["worker"]),
            retry_parameters=maybe(
                job_retry_limit=st.integers(0, 5),
                job_age_limit=st.sampled_from(["1.5s", "1d"]),
                max_backoff_seconds=backoffs,
            ),
        ),
    ),
    max_size=4,
)
properties = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["u", "v"])},
        optional={"direction": st.sampled_from(["asc", "desc"])},
    ),
    min_size=1,
    max_size=3,
)
indexes = st.lists(
    st.fixed_dictionaries(
        {"kind": names, "ancestor": st.booleans(), "properties": properties},
    ),
    max_size=3,
)
rules = st.lists(
    st.fixed_dictionaries(
        {"url": st.sampled_from(["*/a/*", "*/b/*", "x.org/*"]), "service": names}
    ),
    max_size=3,
)


def configs() -> st.SearchStrategy[AppConfig]:
    texts = {
        "index.yaml": indexes.map(lambda items: {"indexes": items}),
        "queue.yaml": queues.map(lambda items: {"queue": items}),
        "cron.yaml": jobs.map(lambda items: {"cron": items}),
        "dispatch.yaml": rules.map(lambda items: {"dispatch": items}),
    }
    files = st.fixed_dictionaries({}, optional=dict(texts))
    return files.map(
        lambda found: config_files.read({name: json.dumps(v) for name, v in found.items()})
    )


def settled(*applied: AppConfig, prune: bool = False) -> Apis:
    """An application to which some configurations were deployed one after the other."""
    apis = Apis()
    for config in applied:
        apis.apply(config_files.changes(config, apis.snapshot(), prune_queues=prune).all)
    return apis


def without_indexes(snapshot: Snapshot) -> Snapshot:
    return Snapshot((), snapshot.queues, snapshot.jobs, snapshot.dispatch)


def told(snapshot: Snapshot, names: Iterable[str]) -> dict[str, Any]:
    """A state but for the names that servers give to jobs, and other queues than these."""
    found = [
        {key: value for key, value in job.items() if key != "name"} for job in snapshot.jobs or ()
    ]
    return {
        "queues": [q for q in snapshot.queues or () if q["name"].removeprefix(QUEUES) in names],
        "jobs": sorted(found, key=str),
        "dispatch": snapshot.dispatch,
    }


@given(configs(), configs(), st.booleans())
def test_a_deploy_repeated_changes_nothing(old: AppConfig, new: AppConfig, prune: bool) -> None:
    apis = settled(old, new, prune=prune)
    again = config_files.changes(new, apis.snapshot(), prune_queues=prune)
    assert not again, [str(change) for change in again.all]


@given(configs(), configs(), configs())
def test_a_rollback_brings_back_what_was_there(
    older: AppConfig, old: AppConfig, new: AppConfig
) -> None:
    apis = settled(older, old)
    before, known = apis.snapshot(), set(apis.queues)
    apis.apply(config_files.changes(new, before, prune_queues=True).all)
    apis.apply(config_files.restore(before, apis.snapshot()).all)
    assert told(apis.snapshot(), known) == told(before, known)
    assert not config_files.restore(before, apis.snapshot())


@given(configs(), configs())
def test_what_a_rollback_would_undo_of_someone_elses_is_named(
    old: AppConfig, new: AppConfig
) -> None:
    apis = settled(old)
    after = apis.snapshot()
    assert config_files.find_outside_changes(after, after, after) == ()
    apis.apply(config_files.changes(new, after).all)
    would_undo = bool(config_files.restore(after, apis.snapshot()))
    assert bool(config_files.find_outside_changes(after, after, apis.snapshot())) == would_undo


@given(configs(), configs(), st.data())
def test_a_rollback_cut_off_anywhere_takes_nothing_of_its_own_for_someone_elses(
    old: AppConfig, new: AppConfig, data: st.DataObject
) -> None:
    apis = settled(old)
    before = apis.snapshot()
    apis.apply(config_files.changes(new, before, prune_queues=True).all)
    after = apis.snapshot()
    back = config_files.restore(before, after).all
    apis.apply(back[: data.draw(st.integers(0, len(back)))])
    assert config_files.find_outside_changes(before, after, apis.snapshot()) == ()


@given(configs(), configs())
def test_a_promotion_interrupted_anywhere_is_finished_by_comparing_again(
    old: AppConfig, new: AppConfig
) -> None:
    apis = settled(old)
    before = apis.snapshot()
    changes = config_files.changes(new, before).all
    whole = settled(old, new)
    apis.apply(changes[: len(changes) // 2])
    apis.apply(config_files.changes(new, apis.snapshot()).all)
    names = set(whole.queues)
    assert told(apis.snapshot(), names) == told(whole.snapshot(), names)
