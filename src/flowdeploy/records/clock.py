"""The time that runs are put on record with, by a clock that all machines share.

What a rollback undoes and what keeps a run from being gone on with follow from the order
of changes, and machines' own clocks may be an hour apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Seconds. A time over HTTP is in whole seconds and took a while to arrive: less than this
# says nothing, and would change the order of what one machine does within a second.
STEP = 10.0


@dataclass(frozen=True, slots=True)
class Clock:
    """This machine's clock, put forward by ``ahead`` seconds (back, where less than 0)."""

    ahead: float = 0.0

    @classmethod
    def set_by(cls, now: datetime) -> Clock:
        """The clock that says, to the nearest `STEP`, what another one says now."""
        apart = (now - datetime.now(UTC)).total_seconds()
        return cls(round(apart / STEP) * STEP)

    def now(self) -> str:
        """RFC 3339, in UTC, to the millisecond."""
        now = datetime.now(UTC) + timedelta(seconds=self.ahead)
        return now.isoformat(timespec="milliseconds")


OURS = Clock()
