"""A clock that all machines share: that of the records' store.

It says when a run was started, for people. What came first follows from the times at which the
store has written its objects (see `flowdeploy.records.runs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Seconds. HTTP tells the time in whole seconds, and late. A smaller difference means nothing,
# and correcting it would change the order of what one machine does within a second.
STEP = 10.0


@dataclass(frozen=True, slots=True)
class Clock:
    """This machine's clock, put forward by ``ahead`` seconds (back, where negative)."""

    ahead: float = 0.0

    @classmethod
    def synchronize(cls, now: datetime) -> Clock:
        """The clock that shows, to the nearest `STEP`, what another one shows ``now``."""
        difference = (now - datetime.now(UTC)).total_seconds()
        return cls(round(difference / STEP) * STEP)

    def now(self) -> str:
        """RFC 3339, in UTC, to the millisecond."""
        now = datetime.now(UTC) + timedelta(seconds=self.ahead)
        return now.isoformat(timespec="milliseconds")


OURS = Clock()
