"""The settings of a queue: paths in Cloud Tasks' Queue and names in queue.yaml.

Source: the reference of Cloud Tasks v2beta3 and what gcloud 528 sends for queue.yaml.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from flowdeploy.appengine.config_files.fields import SECONDS, at, in_seconds
from flowdeploy.appengine.forms.schema import put

RATE = "rateLimits.maxDispatchesPerSecond"
BURST = "rateLimits.maxBurstSize"
CONCURRENT = "rateLimits.maxConcurrentDispatches"
ATTEMPTS = "retryConfig.maxAttempts"
LOW = "retryConfig.minBackoff"
HIGH = "retryConfig.maxBackoff"
DOUBLINGS = "retryConfig.maxDoublings"
AGE = "retryConfig.maxRetryDuration"
ROUTING = "appEngineHttpQueue.appEngineRoutingOverride"
LOGGED = "stackdriverLoggingConfig.samplingRatio"

PULL_DEFAULTS: Mapping[str, Any] = {ATTEMPTS: -1}
PUSH_DEFAULTS: Mapping[str, Any] = {
    **PULL_DEFAULTS,
    BURST: 5,
    CONCURRENT: 1000,
    LOW: "0.1s",
    HIGH: "3600s",
    DOUBLINGS: 16,
    AGE: "0s",
}
_DURATIONS = frozenset({LOW, HIGH, AGE})


def routing(queue: Mapping[str, Any]) -> dict[str, str]:
    """The service and version for all tasks of a queue; ``{}`` if each task has its own.

    The API returns names, a host (``version.service.project.…``), or both.
    """
    override = at(queue, ROUTING) or {}
    named = {key: override[key] for key in ("service", "version", "instance") if override.get(key)}
    if named or not override.get("host"):
        return named
    project = queue["name"].split("/")[1]
    before, found, _ = override["host"].partition(f".{project}.")
    return target(before) if found else {}


def target(text: str) -> dict[str, str]:
    """Parse ``service`` or ``version.service``."""
    version, _, service = text.rpartition(".")
    return {"service": service} | ({"version": version} if version else {})


def setting(queue: Mapping[str, Any], path: str) -> Any:
    """The value of a setting, fit to be compared and sent."""
    return routing(queue) or None if path == ROUTING else at(queue, path)


def is_same(path: str, one: Any, other: Any) -> bool:
    """Whether two values mean the same; None means protobuf's default."""
    if path in _DURATIONS:
        one, other = in_seconds(one), in_seconds(other)
    if path == ROUTING:
        return bool((one or {}) == (other or {}))
    return math.isclose(one or 0, other or 0, rel_tol=1e-9)


def to_message(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Build a message of values by path; values that are None are omitted."""
    message: dict[str, Any] = {}
    for path, value in settings.items():
        put(message, path, value)
    return message


def setting_name(path: str) -> str:
    """The name of a setting in queue.yaml."""
    return _TEXTS[path][0]


def value_text(path: str, value: Any) -> str:
    """A value as it is written in queue.yaml."""
    return "unset" if value is None and path != AGE else _TEXTS[path][1](value)


def _rate(per_second: float) -> str:
    """``0.0231481…`` → ``2000/d``: the first unit in which it is a whole number."""
    for unit, length in SECONDS.items():
        number = per_second * length
        if round(number) and math.isclose(number, round(number), rel_tol=1e-6):
            return f"{round(number)}/{unit}"
    return f"{per_second:g}/s"


def _retries(attempts: int) -> str:
    return "unlimited" if attempts < 1 else str(attempts - 1)


def _limit(length: str | None) -> str:
    return _length(length) if length and in_seconds(length) else "unlimited"


def _length(length: str) -> str:
    return f"{in_seconds(length):g} s"


def _target(override: Mapping[str, str]) -> str:
    parts = (override.get(key) for key in ("instance", "version", "service"))
    return ".".join(part for part in parts if part)


_TEXTS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    RATE: ("rate", _rate),
    BURST: ("bucket_size", str),
    CONCURRENT: ("max_concurrent_requests", str),
    ATTEMPTS: ("task_retry_limit", _retries),
    LOW: ("min_backoff_seconds", _length),
    HIGH: ("max_backoff_seconds", _length),
    DOUBLINGS: ("max_doublings", str),
    AGE: ("task_age_limit", _limit),
    ROUTING: ("target", _target),
    LOGGED: ("logged share of tasks", str),
}
PATHS = tuple(_TEXTS)
