"""Durations and portions, as people write them in options and configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DURATION = re.compile(
    r"(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m)?(?:(?P<s>[0-9]{1,9}(?:\.[0-9]{1,9})?)s)?"
)
_PORTION = re.compile(r"(?P<number>[0-9]{1,9})(?P<percent>%?)")


def parse_duration(text: str) -> float:
    """Seconds from ``90s``, ``10m``, ``1h30m`` or ``0.5s``.

    Raises ValueError with the accepted forms.
    """
    found = _DURATION.fullmatch(text)
    if not found or not text:
        raise ValueError(f"{text!r} is not a duration: write 30s, 10m or 1h30m")
    hours, minutes, seconds = (float(found[unit] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + seconds


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a number of instances: a count (``3``) or a share (``10%``)."""

    number: int
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Portion:
        """Raises ValueError with the accepted forms."""
        found = _PORTION.fullmatch(text)
        if not found or (found["percent"] and int(found["number"]) > 100):
            raise ValueError(f"{text!r} is neither a number (3) nor a share up to 100% (10%)")
        return cls(int(found["number"]), bool(found["percent"]))

    def of(self, total: int) -> int:
        """The number of instances out of ``total``; a share rounds down."""
        return total * self.number // 100 if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.percent else str(self.number)


NONE = Portion(0)
ALL = Portion(100, percent=True)
