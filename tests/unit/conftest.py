"""A rollout's surroundings: an executor made of one function, and a log of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from flowdeploy.planning.plan import Plan, Stage, Step, action, instance_of
from flowdeploy.report import StepReport
from flowdeploy.rollout.contract import (
    FinishedStep,
    IntendedChange,
    Limits,
    Listener,
    Notify,
    Result,
    Running,
)
from flowdeploy.rollout.run import run

Perform = Callable[[Step, Notify], Running]


def _label(step: Step) -> str:
    instance = instance_of(step)
    return f"{action(step)} {instance.id}" if instance else action(step)


@dataclass(frozen=True, slots=True)
class _Executor:
    perform: Perform
    prepare: Callable[[int], Plan]
    leave: Callable[[Sequence[StepReport]], None]


@dataclass(frozen=True, slots=True)
class _Journal:
    record: Callable[[Sequence[IntendedChange], Sequence[FinishedStep]], None]
    ensure_locks: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Log(Listener):
    """Events in words; ``hear`` is called with each, in the listener's thread."""

    hear: Callable[[str], None]
    events: list[str] = field(default_factory=list)

    def stage_started(self, stage: Stage) -> None:
        self._add(f"stage {stage.name}")

    def stage_paused(self, stage: Stage) -> None:
        self._add(f"pause {stage.name}")

    def step_started(self, report: StepReport) -> None:
        self._add(f"start {_label(report.step)}")

    def step_noted(self, report: StepReport, note: str) -> None:
        self._add(f"note {_label(report.step)}: {note}")

    def step_finished(self, report: StepReport) -> None:
        self._add(f"finish {_label(report.step)}: {report.outcome}")

    def _add(self, event: str) -> None:
        self.events.append(event)
        self.hear(event)


def _ignore(*_: object) -> None:
    """Nothing is done about it."""


def _carry_out(
    plan: Plan,
    perform: Perform,
    limits: Limits,
    *,
    enter: Callable[[Stage], None] = _ignore,
    leave: Callable[[Sequence[StepReport]], None] = _ignore,
    refined: Callable[[Plan], Plan] = lambda plan: plan,
    record: Callable[[Sequence[IntendedChange], Sequence[FinishedStep]], None] = _ignore,
    ensure_locks: Callable[[], None] = _ignore,
    hear: Callable[[str], None] = _ignore,
) -> tuple[Result, list[str]]:
    log = _Log(hear)
    known = plan

    def prepare(index: int) -> Plan:
        nonlocal known
        enter(known.stages[index])
        known = refined(known)
        return known

    executor = _Executor(perform, prepare, leave)
    return run(plan, executor, _Journal(record, ensure_locks), log, limits), log.events


@pytest.fixture(scope="session")
def carry_out() -> Callable[..., tuple[Result, list[str]]]:
    """``carry_out(plan, perform, limits, enter=…, …)`` → the result and the events."""
    return _carry_out
