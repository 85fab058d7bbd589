"""What is put on record together, and how soon it is done then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from flowdeploy.errors import LockHeld
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Plan, PlanKind, Promote, Stage, StageKind, Step
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Aspect, Change, Outcome
from flowdeploy.rollout.contract import (
    Done,
    FinishedStep,
    IntendedChange,
    Intent,
    Limits,
    LockCheck,
    Notify,
    Pause,
    Result,
    Running,
)
from flowdeploy.units import Portion

V2 = Split.all_to("v2")
ALWAYS = Portion(100, percent=True)
MEANT = Change(Aspect.TRAFFIC, None, None)
FLEET = [Instance(f"i{number}", Role.PRODUCTION, f"p{number}") for number in range(20)]
PLAN = Plan(
    None,
    PlanKind.PROMOTE,
    "v2",
    (Stage(StageKind.PRODUCTION, tuple(Promote(i, V2) for i in FLEET)),),
)

CarryOut = Callable[..., tuple[Result, list[str]]]


@dataclass(slots=True)
class Rush:
    """Instances that are busy before and after their change; the lock is lost after ``moves``."""

    moves: int = len(FLEET) + 1
    busy: int = 0
    recorded: int = 0
    moved: list[Step] = field(default_factory=list)
    most_busy: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, step: Step, notify: Notify) -> Running:
        self._work()
        yield Pause(0)
        self._work()
        yield Intent(MEANT)
        self.moved.append(step)
        yield LockCheck()
        self._work()
        return Done()

    def record(self, intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        with self.guard:
            self.recorded += len(intents)
            granted = self.recorded - len(self.moved)
            self.most_busy = max(self.most_busy, self.busy + granted) if intents else self.most_busy

    def ensure_locks(self) -> None:
        if len(self.moved) >= self.moves:
            raise LockHeld("taken over")

    def _work(self) -> None:
        with self.guard:
            self.busy += 1
        time.sleep(0.002)
        with self.guard:
            self.busy -= 1

    def run(self, carry_out: CarryOut, jobs: int) -> Result:
        limits = Limits(jobs, max_failures=ALWAYS)
        result, _ = carry_out(
            PLAN, self.perform, limits, record=self.record, ensure_locks=self.ensure_locks
        )
        return result


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_an_intent_is_recorded_for_a_free_worker_only(carry_out: CarryOut, jobs: int) -> None:
    rush = Rush()
    result = rush.run(carry_out, jobs)
    assert result.error is None
    assert rush.recorded == len(FLEET)
    assert rush.most_busy <= jobs


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_once_the_lock_is_lost_nothing_more_is_changed(carry_out: CarryOut, jobs: int) -> None:
    rush = Rush(moves=3)
    result = rush.run(carry_out, jobs)
    assert isinstance(result.error, LockHeld)
    assert 3 <= len(rush.moved) < 3 + jobs, "those that asked before the loss"
    assert Outcome.NOT_STARTED in {step.outcome for step in result.steps}


def test_the_lock_is_asked_for_before_each_request_of_a_change(carry_out: CarryOut) -> None:
    order: list[str] = []

    def perform(step: Step, notify: Notify) -> Running:
        yield Intent(MEANT)
        order.append("first request")
        try:
            yield LockCheck()
        except LockHeld:
            order.append("refused")
            raise
        return Done()

    def ensure_locks() -> None:
        order.append("asked")
        if order.count("asked") > 1:
            raise LockHeld("taken over")

    one = replace(PLAN, stages=(replace(PLAN.stages[0], steps=PLAN.stages[0].steps[:1]),))
    result, _ = carry_out(one, perform, Limits(1), ensure_locks=ensure_locks)
    assert order == ["asked", "first request", "asked", "refused"]
    assert isinstance(result.error, LockHeld)
    assert result.steps[0].attempts == 1


def test_a_change_that_was_not_sent_is_no_attempt(carry_out: CarryOut) -> None:
    def perform(step: Step, notify: Notify) -> Running:
        yield Intent(MEANT)
        return Done()

    def ensure_locks() -> None:
        raise LockHeld("taken over")

    result, _ = carry_out(PLAN, perform, Limits(4), ensure_locks=ensure_locks)
    assert {step.attempts for step in result.steps} == {0}
    assert not any(step.changes for step in result.steps)
