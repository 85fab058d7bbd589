"""Values that several configuration files share, read as gcloud 528 reads them."""

import re
from collections.abc import Mapping
from typing import Any

from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import (
    INT32,
    LONGEST_DURATION,
    Key,
    Read,
    block,
    number,
    unusable,
    whole,
)

SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

# gcloud takes the project from its options and refuses it in a file.
APPLICATION = Key(unusable("cannot be set here: the instance says it"))

MIN_BACKOFF, MAX_BACKOFF = 0.1, 3600.0  # seconds; App Engine's defaults
_AGE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15})([smhd])", re.ASCII)


def count(low: int, high: int = INT32) -> Read:
    """A whole number; generated files may write it as 5.0."""
    read = whole(low, high)

    def read_count(value: Any, place: Place) -> int:
        is_whole = isinstance(value, float) and value.is_integer()
        return int(read(int(value) if is_whole else value, place))

    return read_count


def seconds(value: Any, place: Place) -> float:
    """A number of seconds, not negative."""
    found = float(number(value, place))
    if not 0 <= found <= LONGEST_DURATION:
        raise Wrong("a number of seconds, not negative")
    return found


def age(value: Any, _place: Place) -> int:
    """Parse a time such as ``2.5h`` into whole seconds, at least one; the unit is required."""
    found = _AGE.fullmatch(value) if isinstance(value, str) else None
    total = int(float(found[1]) * SECONDS[found[2]]) if found else 0
    if not 1 <= total <= LONGEST_DURATION:
        raise Wrong("a time of a second or more with its unit, such as 90s, 10m, 2.5h or 1d")
    return total


def retry_parameters(limit: str, most: int, age_limit: str) -> Read:
    """The retry parameters of a file; the limits of number and age have a name in each."""
    read = block(
        {
            limit: Key(count(0, most)),
            age_limit: Key(age),
            "min_backoff_seconds": Key(seconds),
            "max_backoff_seconds": Key(seconds),
            "max_doublings": Key(count(0)),
        },
        "retry_parameters",
    )

    def read_and_compare(value: Any, place: Place) -> Mapping[str, Any]:
        retry: Mapping[str, Any] = read(value, place)
        low, high = retry.get("minBackoffSeconds"), retry.get("maxBackoffSeconds")
        if low is not None and high is not None and high < low:
            place.problem("has a min_backoff_seconds above max_backoff_seconds", "swap them")
        return retry

    return read_and_compare


def backoffs(low: float | None, high: float | None) -> tuple[float, float]:
    """The range in seconds; None and 0 mean the default.

    Where a default and the other value would cross, the default gives way.
    """
    lowest, highest = low or MIN_BACKOFF, high or MAX_BACKOFF
    if lowest <= highest:
        return lowest, highest
    return (lowest, lowest) if low else (highest, highest)


def duration(length: float) -> str:
    """Seconds in protobuf's JSON form: ``10s``, ``0.1s``."""
    return f"{round(length, 8):.8f}".rstrip("0").rstrip(".") + "s"


def in_seconds(length: str | None) -> float:
    """Parse a duration of protobuf's JSON; None is 0."""
    return float(length.removesuffix("s")) if length else 0.0


def at(message: Mapping[str, Any], path: str) -> Any:
    """The field of a message at a path with dots, or None."""
    found: Any = message
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
