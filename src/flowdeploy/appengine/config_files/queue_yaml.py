"""Reads queue.yaml: task queues in the form of Cloud Tasks v2beta3.

The keys are those of the queue.yaml reference, what is sent that of gcloud 528:
defaults are written out, and ``total_storage_limit`` and ``acl`` have no setting there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.config_files.fields import (
    APPLICATION,
    SECONDS,
    backoffs,
    count,
    duration,
    retry_parameters,
)
from flowdeploy.appengine.config_files.queue_settings import (
    AGE,
    ATTEMPTS,
    BURST,
    CONCURRENT,
    DOUBLINGS,
    HIGH,
    LOW,
    PULL_DEFAULTS,
    PUSH_DEFAULTS,
    RATE,
    ROUTING,
    target,
)
from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import (
    INT32,
    Key,
    Read,
    block,
    camel,
    choice,
    list_of,
    pattern,
    text,
)

_MOST = 500  # a second, and tasks in a bucket
_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)/([smhd])", re.ASCII)
_PUSH_ONLY = (
    *("rate", "bucket_size", "max_concurrent_requests", "target", "task_age_limit"),
    *("min_backoff_seconds", "max_backoff_seconds", "max_doublings"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the file; ``settings``: path in the API's Queue → value."""

    name: str
    pull: bool
    settings: Mapping[str, Any]

    @property
    def is_stopped(self) -> bool:
        """Whether it is a push queue with a rate of 0, which dispatches no tasks."""
        return not self.pull and not self.settings.get(RATE)


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues of the file; ``resume``: whether paused ones among them are resumed."""

    queues: tuple[Queue, ...]
    resume: bool = True


def _rate(value: Any, place: Place) -> float:
    """Tasks per second, rounded as by gcloud, which itself fails on a plain ``0``."""
    found = _RATE.fullmatch(text(value, place))
    if not found:
        raise Wrong("a rate such as 5/s, 2000/d or 0/s")
    per_second = round(float(found[1]) / SECONDS[found[2]], 9)
    if per_second > _MOST:
        raise Wrong(f"at most {_MOST}/s")
    return per_second


def _resume(value: Any, _place: Place) -> bool:
    if str(value) not in ("True", "False"):
        raise Wrong("true or false")
    return str(value) == "True"


def _unsent(read: Read) -> Read:
    def read_and_drop(value: Any, place: Place) -> None:
        read(value, place)
        place.note("is not sent: Cloud Tasks has no such setting")

    return read_and_drop


_RETRY = retry_parameters("task_retry_limit", INT32, "task_age_limit")
_NAME = pattern("[A-Za-z0-9-]{1,100}", "up to 100 letters, digits and -")
_ACL = block({"user_email": Key(text), "writer_email": Key(text)}, "acl")
_STORAGE = pattern(r"[0-9]+(?:\.[0-9]*)?[BKMGT]?", "a size such as 100M")
_QUEUE = block(
    {
        "name": Key(_NAME, required=True),
        "rate": Key(_rate),
        "mode": Key(choice("push", "pull")),
        "bucket_size": Key(count(0, _MOST)),
        "max_concurrent_requests": Key(count(0)),
        "retry_parameters": Key(_RETRY),
        "acl": Key(_unsent(list_of(_ACL))),
        "target": Key(
            pattern(
                r"(?:(?!-)[a-z0-9-]{1,100}\.)?(?!-)[a-z0-9-]{1,63}",
                "a service, or version.service",
            )
        ),
    },
    "a queue",
)


def _queue(value: Any, place: Place) -> Queue | None:
    given: dict[str, Any] = _QUEUE(value, place)
    retry = given.get("retryParameters", {})
    pull = given.get("mode") == "pull"
    if pull:
        _check_pull(given, retry, place)
        settings = {**PULL_DEFAULTS, **_attempts(retry)}
    else:
        settings = _push_settings(given, retry)
        if value.get("rate") is None:
            place.problem("has no rate", "add one such as 5/s")
    return Queue(given.get("name", ""), pull, settings)


def _check_pull(given: Mapping[str, Any], retry: Mapping[str, Any], place: Place) -> None:
    """A pull queue has only one setting: how often a task may be leased."""
    for name in _PUSH_ONLY:
        if camel(name) in given or camel(name) in retry:
            place.problem(f"has {name}, which a pull queue cannot have", "remove it")


def _push_settings(given: Mapping[str, Any], retry: Mapping[str, Any]) -> dict[str, Any]:
    """A 0 in the file means the default, except for the retry limit and the rate."""
    low, high = backoffs(retry.get("minBackoffSeconds"), retry.get("maxBackoffSeconds"))
    concurrent, limit = given.get("maxConcurrentRequests"), retry.get("taskAgeLimit")
    written = {
        BURST: given.get("bucketSize"),
        CONCURRENT: concurrent and min(5000, max(1, concurrent)),
        DOUBLINGS: retry.get("maxDoublings"),
        AGE: limit and duration(limit),
        ROUTING: target(given["target"]) if "target" in given else None,
    }
    return {
        **PUSH_DEFAULTS,
        **{path: value for path, value in written.items() if value},
        **_attempts(retry),
        LOW: duration(low),
        HIGH: duration(high),
        RATE: given.get("rate", 0.0),
    }


def _attempts(retry: Mapping[str, Any]) -> dict[str, int]:
    """The API counts the first attempt, a limit of retries does not."""
    limit = retry.get("taskRetryLimit")
    return {} if limit is None else {ATTEMPTS: limit + 1}


_FILE = block(
    {
        "application": APPLICATION,
        "total_storage_limit": Key(_unsent(_STORAGE)),
        "resume_paused_queues": Key(_resume),
        "queue": Key(list_of(_queue)),
    },
    "queue.yaml",
)


def read(values: Mapping[str, Any], place: Place) -> Queues:
    """Read the data of the file; problems are added to the place."""
    given = _FILE(values, place)
    seen: dict[str, Queue] = {}
    for index, queue in enumerate(given.get("queue", [])):
        if queue and queue.name in seen:
            (place / "queue" / index).problem(f"is a second queue {queue.name}", "keep one")
        elif queue and queue.name:
            seen[queue.name] = queue
    return Queues(tuple(seen.values()), given.get("resumePausedQueues", True))
