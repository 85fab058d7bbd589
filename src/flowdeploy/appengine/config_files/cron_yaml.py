"""Reads cron.yaml: cron jobs in the form of Cloud Scheduler v1beta1.

The keys are those of the cron.yaml reference, the bodies those of gcloud 528: retry
parameters are sent only if the file has some, then with defaults for the others.
"""

from collections.abc import Collection, Mapping
from typing import Any

from flowdeploy.appengine.config_files.cron_schedule import schedule, time_zone
from flowdeploy.appengine.config_files.fields import (
    APPLICATION,
    MIN_BACKOFF,
    backoffs,
    duration,
    retry_parameters,
)
from flowdeploy.appengine.forms.problems import Place
from flowdeploy.appengine.forms.schema import Key, Read, block, list_of, pattern

_DOUBLINGS = 16

_RETRY = retry_parameters("job_retry_limit", 5, "job_age_limit")
_TARGET = pattern(
    r"(?:(?!-)[a-z0-9-]{1,63}:)?(?!-)[a-z0-9-]{1,100}", "a service in lower-case letters"
)


def read(values: Mapping[str, Any], place: Place, zones: Collection[str]) -> tuple[Any, ...]:
    """Read the data of the file as bodies of the API's Job; problems are added to the place.

    ``zones`` are the known time zones; empty if they are not known.
    """
    given = _file(zones)(values, place)
    return tuple(_body(job) for job in given.get("cron", []) if job)


def _file(zones: Collection[str]) -> Read:
    job = block(
        {
            "url": Key(pattern(r"/[^\n]*", "a path that begins with /"), required=True),
            "schedule": Key(schedule, required=True),
            "timezone": Key(time_zone(zones)),
            "description": Key(pattern(r"[^\n]{0,499}", "one line of at most 499 characters")),
            "retry_parameters": Key(_retry),
            "target": Key(_TARGET),
        },
        "a cron job",
    )
    return block({"application": APPLICATION, "cron": Key(list_of(job))}, "cron.yaml")


def _body(job: Mapping[str, Any]) -> dict[str, Any]:
    routing = {"appEngineRouting": {"service": job["target"]}} if "target" in job else {}
    body = {
        "schedule": job.get("schedule"),
        "timeZone": job.get("timezone", "UTC"),
        "legacyAppEngineCron": True,
        "appEngineHttpTarget": {"relativeUri": job.get("url"), "httpMethod": "GET", **routing},
    }
    optional = {"description": job.get("description"), "retryConfig": job.get("retryParameters")}
    return body | {name: value for name, value in optional.items() if value is not None}


def _retry(value: Any, place: Place) -> dict[str, Any]:
    given: dict[str, Any] = _RETRY(value, place)
    low, high = _backoffs(given)
    config = {
        "minBackoffDuration": duration(low),
        "maxBackoffDuration": duration(high),
        "maxDoublings": given.get("maxDoublings", _DOUBLINGS),
        "maxRetryDuration": duration(given.get("jobAgeLimit", 0)),
    }
    limit = given.get("jobRetryLimit")
    return config if limit is None else {**config, "retryCount": limit}


def _backoffs(retry: Mapping[str, Any]) -> tuple[float, float]:
    """As `backoffs`, except for a 0, which gcloud 528 treats in another way than in queue.yaml.

    Beside the other limit it is sent as it is; as the only limit, a maximum of 0 becomes
    the minimum (cases cron-backoffs and queue-backoffs of tests/integration).
    """
    low, high = retry.get("minBackoffSeconds"), retry.get("maxBackoffSeconds")
    if low is not None and high is not None:
        return low, high
    return backoffs(low, MIN_BACKOFF if high == 0 else high)
