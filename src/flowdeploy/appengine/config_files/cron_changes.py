"""Compares cron jobs with a cron.yaml, or with an earlier state.

As with gcloud 528 no job is ever updated: a job that differs is created again, and the
existing one is deleted. Jobs have no names in the file; their content identifies them.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from flowdeploy.appengine.config_files.changes import (
    CreateCronJob,
    CronJobChange,
    DeleteCronJob,
    PauseCronJob,
    ReplaceCronJob,
    ResumeCronJob,
    SettingChange,
    job_name,
)
from flowdeploy.appengine.config_files.fields import at, in_seconds

Resource = Mapping[str, Any]

# The retries of a job without a retry configuration (API reference of Cloud Scheduler).
_NO_RETRIES = (5.0, 3600.0, 5, 0.0, 0)
_OWN_FIELDS = (
    *("description", "schedule", "timeZone", "retryConfig", "attemptDeadline"),
    *("appEngineHttpTarget", "httpTarget", "pubsubTarget"),
)
# Headers that Cloud Scheduler itself adds to requests.
_SERVER_HEADERS = ("user-agent", "x-cloudscheduler", "x-appengine-", "x-google-")


def for_file(wanted: Sequence[Resource], there: Iterable[Resource]) -> tuple[CronJobChange, ...]:
    """The changes that bring the existing jobs (the API's Jobs) to those of the file.

    Jobs that the file does not list are deleted, as are duplicates. A paused job stays
    paused, as with gcloud.
    """
    _, missing, extra = _match(wanted, there, _key)
    return tuple(_changes(missing, extra))


def restoration(before: Iterable[Resource], now: Iterable[Resource]) -> tuple[CronJobChange, ...]:
    """The changes from the jobs ``now`` back to those of ``before``, paused or not.

    A deleted job is created with the same content under a new name.
    """
    _, missing, extra = _match(before, now, identity)
    alike, missing, extra = _match(missing, extra, _text)
    states = (_change_state(wanted, str(actual["name"])) for wanted, actual in alike)
    return (*states, *_changes(missing, extra))


def identity(job: Resource) -> Hashable:
    """What a restoration restores of a job: jobs with equal identities are interchangeable."""
    return _text(job), _is_paused(job)


def _match(
    wanted: Iterable[Resource], there: Iterable[Resource], key: Callable[[Resource], Hashable]
) -> tuple[list[tuple[Resource, Resource]], list[Resource], list[Resource]]:
    """Pairs with equal keys, each job used once; unmatched wanted jobs; unmatched existing jobs."""
    left: dict[Hashable, list[Resource]] = defaultdict(list)
    for job in there:
        left[key(job)].append(job)
    pairs, missing = [], []
    for job in wanted:
        if left[key(job)]:
            pairs.append((job, left[key(job)].pop()))
        else:
            missing.append(job)
    return pairs, missing, [job for jobs in left.values() for job in jobs]


def _changes(wanted: Iterable[Resource], there: Iterable[Resource]) -> Iterator[CronJobChange]:
    """Jobs with the same path and target are reported as one job that changes."""
    pairs, missing, extra = _match(wanted, there, lambda job: (job_name(job), _target(job)))
    for job, actual in pairs:
        yield ReplaceCronJob(
            str(actual["name"]), _content(job), tuple(_differences(actual, job)), _is_paused(job)
        )
    for job in missing:
        yield CreateCronJob(_content(job), _is_paused(job))
    for actual in extra:
        yield DeleteCronJob(str(actual["name"]), _content(actual))


def _change_state(job: Resource, name: str) -> PauseCronJob | ResumeCronJob:
    change = PauseCronJob if _is_paused(job) else ResumeCronJob
    return change(name, job_name(job))


def _key(job: Resource) -> Hashable:
    """Everything that cron.yaml can define of a job."""
    return (
        *(job.get("schedule"), job.get("timeZone") or "UTC", job_name(job)),
        *(job.get("description") or "", _target(job), _retries(job)),
    )


def _retries(job: Resource) -> Hashable:
    config = job.get("retryConfig")
    if not config:
        return None
    limits = (
        in_seconds(config.get("minBackoffDuration")),
        in_seconds(config.get("maxBackoffDuration")),
        config.get("maxDoublings", 0),
        in_seconds(config.get("maxRetryDuration")),
        config.get("retryCount", 0),
    )
    return None if limits == _NO_RETRIES else limits


def _target(job: Resource) -> str:
    """The service, or the part before the project in a host (``service.project.…``)."""
    routing = at(job, "appEngineHttpTarget.appEngineRouting") or {}
    if routing.get("service") or not routing.get("host"):
        return str(routing.get("service") or "")
    before, found, _ = routing["host"].partition(f".{job['name'].split('/')[1]}.")
    return before if found else ""


def _content(job: Resource) -> dict[str, Any]:
    """The body that creates a job again: without fields that the server sets."""
    fields = {name: job[name] for name in _OWN_FIELDS if job.get(name)}
    if "appEngineHttpTarget" in fields:
        fields["appEngineHttpTarget"] = _app_engine_target(job)
    return {**fields, "legacyAppEngineCron": True}


def _app_engine_target(job: Resource) -> dict[str, Any]:
    target = job["appEngineHttpTarget"]
    headers = {
        name: value
        for name, value in target.get("headers", {}).items()
        if not name.lower().startswith(_SERVER_HEADERS)
    }
    routing = target.get("appEngineRouting", {})
    named = {key: value for key, value in routing.items() if value and key != "host"}
    if not named and _target(job):
        named = {"service": _target(job)}
    whole = {**target, "headers": headers, "appEngineRouting": named}
    return {name: value for name, value in whole.items() if value}


def _text(job: Resource) -> str:
    return json.dumps(_content(job), sort_keys=True)


def _is_paused(job: Resource) -> bool:
    return job.get("state") == "PAUSED"


def _differences(actual: Resource, wanted: Resource) -> Iterator[SettingChange]:
    defaults = {"schedule": "", "timeZone": "UTC", "description": "none"}
    for field, default in defaults.items():
        before, after = (str(job.get(field) or default) for job in (actual, wanted))
        if before != after:
            yield SettingChange(field.lower(), before, after)
    if _retries(actual) != _retries(wanted):
        yield SettingChange("retry_parameters", _retry_text(actual), _retry_text(wanted))


def _retry_text(job: Resource) -> str:
    limits = _retries(job)
    if not isinstance(limits, tuple):
        return "none"
    low, high, doublings, age, count = limits
    return f"{count} retries, {low:g}-{high:g} s, {doublings} doublings, age {age:g} s"
