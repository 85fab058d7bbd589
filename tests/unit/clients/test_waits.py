"""How long a refused or failed request is waited for, without waiting."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from flowdeploy.clients.failures import ATTEMPTS, QUOTA_PATIENCE, Retries, Waits
from flowdeploy.errors import ConnectionFailed, QuotaExceeded, ServiceError

MINUTE = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service 'x'"


def used_up(retry_after: float = 0.0, message: str = MINUTE) -> QuotaExceeded:
    error = QuotaExceeded("RESOURCE_EXHAUSTED", message)
    error.retry_after = retry_after
    return error


def lost() -> ServiceError:
    return ConnectionFailed("CONNECTION", "the connection was lost")


def all_waits(error: Callable[[], ServiceError]) -> list[float]:
    waits, found = Waits(ATTEMPTS), list[float]()
    while (wait := waits.after(error())) is not None:
        found.append(wait)
    return found


def failing(*errors: ServiceError) -> Callable[[], str]:
    """A call that raises these, one after the other, and then succeeds."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


@pytest.mark.parametrize("asked", [0.0, 1.0, 30.0, 60.0])
def test_a_quota_is_waited_for_over_minutes_and_never_for_long_at_once(asked: float) -> None:
    waits = all_waits(lambda: used_up(asked))
    assert QUOTA_PATIENCE <= sum(waits) <= QUOTA_PATIENCE + 80
    assert asked <= min(waits)
    assert max(waits) <= 80


def test_other_errors_are_given_up_after_seconds() -> None:
    waits = all_waits(lost)
    assert len(waits) == ATTEMPTS - 1
    assert sum(waits) < 30


def test_a_quota_of_a_day_and_a_refusal_are_not_waited_for() -> None:
    assert all_waits(lambda: used_up(30.0, "Quota exceeded: 'Requests per day'")) == []
    assert all_waits(lambda: ServiceError("PERMISSION_DENIED", "no")) == []


def test_what_a_quota_refuses_uses_up_no_attempts() -> None:
    errors = [used_up(), lost(), used_up(), lost(), used_up(), *(lost() for _ in range(4))]
    assert Retries(sleep=lambda _: None).run(failing(*errors)) == "done"


def test_workers_that_are_asked_to_wait_equally_long_come_back_one_after_the_other() -> None:
    waits = {round(Waits(1).after(used_up(30.0)) or 0, 3) for _ in range(100)}
    assert len(waits) > 80
    assert max(waits) - min(waits) > 5


def test_a_quota_is_told_once_for_all_workers() -> None:
    told: list[str] = []
    retries = Retries(told.append, sleep=lambda _: None)
    together = Barrier(8)

    def work(_: int) -> str:
        together.wait()
        return retries.run(failing(*(used_up(30.0) for _ in range(4))))

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(work, range(8))) == {"done"}
    assert told == [f"waiting up to 4 minutes for a quota: {MINUTE}"]


def test_a_moment_is_not_told() -> None:
    told: list[str] = []
    Retries(told.append, sleep=lambda _: None).run(failing(used_up(1.0), lost()))
    assert told == []


def test_a_quota_that_stays_used_up_is_the_error() -> None:
    slept: list[float] = []
    with pytest.raises(QuotaExceeded, match="per minute"):
        Retries(sleep=slept.append).run(failing(*(used_up() for _ in range(100))))
    assert sum(slept) >= QUOTA_PATIENCE


@pytest.mark.parametrize("asked", [0.0, 30.0])
def test_a_fleet_that_needs_more_than_a_minutes_quota_gets_it_in_the_next_ones(
    asked: float,
) -> None:
    """110 requests at once, of which 40 a minute are granted: by a clock that only counts."""
    due = [(0.0, number) for number in range(110)]
    waits = [Waits(ATTEMPTS) for _ in due]
    minutes: Counter[int] = Counter()
    while due:
        now, number = heapq.heappop(due)
        minutes[int(now // 60)] += 1
        if minutes[int(now // 60)] > 40:
            wait = waits[number].after(used_up(asked))
            assert wait is not None, "it is given up"
            heapq.heappush(due, (now + wait, number))
    assert max(minutes) <= 4
