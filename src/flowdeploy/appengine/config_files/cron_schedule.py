"""Checks schedules of cron jobs: App Engine's English-like ones and crontab's.

The grammar is that of App Engine's cron.yaml reference. gcloud 528 sends any text, and
Cloud Scheduler would refuse it too late. A schedule is sent as it is written.
"""

import re
from collections.abc import Collection
from typing import Any

from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import Read

_DAY_MINUTES = 24 * 60
_MONTHS = {
    "jan": 31, "feb": 29, "mar": 31, "apr": 30, "may": 31, "jun": 30,
    "jul": 31, "aug": 31, "sep": 30, "oct": 31, "nov": 30, "dec": 31,
}  # fmt: skip


def _list(item: str) -> str:
    return rf"(?:{item})(?:\s*,\s*(?:{item}))*"


_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_ORDINAL = "1st|first|2nd|second|3rd|third|4th|fourth|5th|fifth"
_WEEKDAY = "monday|mon|tuesday|tue|wednesday|wed|thursday|thu|friday|fri|saturday|sat|sunday|sun"
_MONTH = (
    "january|jan|february|feb|march|mar|april|apr|may|june|jun|july|jul|august|aug|"
    "september|sep|october|oct|november|nov|december|dec"
)
_QUARTER = r"quarter|" + _list("1st|first|2nd|second|3rd|third") + r"\s+month\s+of\s+quarter"
_OF = rf"of\s+(?:month|(?P<months>{_list(_MONTH)})|{_QUARTER})"
_INTERVAL = re.compile(
    r"every\s+(?P<number>[0-9]{1,5})\s*(?P<unit>hours|minutes|mins)"
    rf"(?:\s+(?P<synchronized>synchronized)|\s+from\s+{_TIME}\s+to\s+{_TIME})?",
    re.ASCII | re.IGNORECASE,
)
_WEEKLY = re.compile(
    rf"(?:every|{_list(_ORDINAL)})\s+(?:day|{_list(_WEEKDAY)})(?:\s+{_OF})?\s+{_TIME}",
    re.ASCII | re.IGNORECASE,
)
_MONTHLY = re.compile(
    rf"(?P<days>{_list('[0-9]{1,2}')})\s+{_OF}\s+{_TIME}", re.ASCII | re.IGNORECASE
)
_NUMBERS = r"(?:\*|[0-9]{1,2}(?:-[0-9]{1,2})?)(?:/[0-9]{1,2})?"
_NAMES = rf"{_NUMBERS}|[a-z]{{3}}(?:-[a-z]{{3}})?"
_CRONTAB = re.compile(
    rf"(?:{_list(_NUMBERS)}\s+){{3}}{_list(_NAMES)}\s+{_list(_NAMES)}", re.ASCII | re.IGNORECASE
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)


def schedule(value: Any, _place: Place) -> str:
    """Return the schedule as it is written. Raises Wrong."""
    if not isinstance(value, str):
        raise Wrong("a schedule such as every 24 hours, as text")
    written = value.strip()
    if found := _INTERVAL.fullmatch(written):
        _check_interval(found)
    elif found := _MONTHLY.fullmatch(written):
        _check_days(found)
    elif not _WEEKLY.fullmatch(written) and not _CRONTAB.fullmatch(written):
        raise Wrong(
            "a schedule such as every 24 hours, every monday 09:00, "
            "1st,third mon of month 04:05 or 0 4 * * 1"
        )
    return value


def _check_interval(found: re.Match[str]) -> None:
    hours = found["unit"].lower() == "hours"
    minutes = int(found["number"]) * (60 if hours else 1)
    if not minutes:
        raise Wrong("an interval of at least 1")
    if found["synchronized"] and _DAY_MINUTES % minutes:
        raise Wrong("an interval that divides 24 hours evenly, or leave out synchronized")


def _check_days(found: re.Match[str]) -> None:
    """A schedule is valid if one of its days is in one of its months."""
    days = [int(day) for day in found["days"].split(",")]
    named = [month.strip()[:3].lower() for month in (found["months"] or "jan").split(",")]
    last = max(_MONTHS[month] for month in named)
    if not all(1 <= day <= 31 for day in days) or min(days) > last:
        raise Wrong(f"a day from 1 to {last}")


def time_zone(known: Collection[str]) -> Read:
    """A time zone of the IANA's list, such as ``Europe/Amsterdam``.

    If ``known`` is empty, only impossible names are refused.
    """

    def read(value: Any, _place: Place) -> str:
        named = isinstance(value, str) and _ZONE.fullmatch(value)
        if not named or (known and value not in known):
            raise Wrong("a time zone such as UTC or Europe/Amsterdam")
        return str(value)

    return read
