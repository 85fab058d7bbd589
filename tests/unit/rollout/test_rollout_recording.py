"""What is put on record together, and how soon it is done then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
    Notify,
    Result,
    Running,
)

V2 = Split.all_to("v2")
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
    """All want to change something before the first write of the journal has ended.

    The lock is lost after so many writes.
    """

    writes: int
    recorded: int = 0
    asked: list[Step] = field(default_factory=list)
    moved: list[Step] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)
    all_asked: threading.Event = field(default_factory=threading.Event)

    def perform(self, step: Step, notify: Notify) -> Running:
        self.asked.append(step)
        if len(self.asked) == len(FLEET):
            self.all_asked.set()
        yield Intent(MEANT)
        self.moved.append(step)
        return Done()

    def record(self, intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        if not intents:
            return
        assert self.all_asked.wait(30)
        if len(self.ahead) == self.writes:
            raise LockHeld("taken over")
        self.recorded += len(intents)
        self.ahead.append(self.recorded - len(self.moved))


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_what_is_recorded_can_be_begun_at_once(carry_out: CarryOut, jobs: int) -> None:
    """What has to wait would be done long after it was asked whether the lock is still ours."""
    rush = Rush(writes=len(FLEET))
    result, _ = carry_out(PLAN, rush.perform, Limits(jobs), record=rush.record)
    assert result.error is None
    assert len(rush.moved) == rush.recorded == len(FLEET)
    assert max(rush.ahead) <= 2 * jobs  # those of this write, and those that are being made


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_once_the_lock_is_lost_nothing_more_is_changed(carry_out: CarryOut, jobs: int) -> None:
    rush = Rush(writes=2)
    result, _ = carry_out(PLAN, rush.perform, Limits(jobs), record=rush.record)
    assert isinstance(result.error, LockHeld)
    assert 0 < len(rush.moved) <= 2 * jobs
    assert [step.outcome for step in result.steps].count(Outcome.DONE) == len(rush.moved)
