"""Converts times of app.yaml to durations of the API."""

import re
from typing import Any

from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import LONGEST_DURATION, text

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1, "": 1}
_LATENCY = re.compile(r"(?P<number>\d+|\d+\.\d{1,3}(?=s))(?P<unit>ms|s)", re.ASCII)
_IDLE = re.compile(r"(?P<number>\d{1,15})(?P<unit>[sm])", re.ASCII)
_SPAN = re.compile(r"(\d{1,15})([dhms]?)", re.ASCII | re.IGNORECASE)


def latency(value: Any, place: Place) -> str | None:
    """``30ms`` or ``1.5s``; ``automatic`` is the default and is not sent."""
    if value == "automatic":
        return None
    found = _LATENCY.fullmatch(text(value, place))
    if not found:
        raise Wrong("a latency such as 30ms or 1.5s, or automatic")
    if found["unit"] == "ms":
        return _duration(str(float(found["number"]) / 1000))
    return _duration(found["number"])


def idle_timeout(value: Any, place: Place) -> str:
    found = _IDLE.fullmatch(text(value, place))
    if not found:
        raise Wrong("a time such as 10m or 90s")
    return _duration(str(int(found["number"]) * _UNITS[found["unit"]]))


def expiration(value: Any, place: Place) -> str:
    """A time such as ``4d 5h``; a number without a unit is seconds."""
    spans = [_SPAN.fullmatch(part) for part in text(value, place).split()]
    if not spans or None in spans:
        raise Wrong("a time such as 4d 5h or 600s")
    total = sum(int(span[1]) * _UNITS[span[2].lower()] for span in spans if span)
    return _duration(str(total))


def _duration(number: str) -> str:
    if float(number) > LONGEST_DURATION:
        raise Wrong("a shorter time")
    return f"{number}s"
