"""The clock that runs are put on record with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowdeploy.records.clock import Clock


@pytest.mark.parametrize("apart", [0.0, -0.9, 4.0, -3600.0, 3600.0, 3596.5])
def test_it_says_what_the_other_clock_says_to_ten_seconds(apart: float) -> None:
    other = timedelta(seconds=apart)
    clock = Clock.synchronize(datetime.now(UTC) + other)
    said = datetime.fromisoformat(clock.now())
    assert abs(said - (datetime.now(UTC) + other)) < timedelta(seconds=6)


def test_what_a_time_of_whole_seconds_cannot_tell_puts_no_clock_forward() -> None:
    assert Clock.synchronize(datetime.now(UTC).replace(microsecond=0)) == Clock()
