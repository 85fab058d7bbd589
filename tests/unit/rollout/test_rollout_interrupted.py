"""SIGINT and SIGTERM: nothing new begins, nothing that began is lost, a second one ends at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import (
    Build,
    Plan,
    PlanKind,
    Promote,
    Stage,
    StageKind,
    Step,
    Verify,
    instance_of,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Aspect, Change, State
from flowdeploy.rollout.contract import (
    Done,
    FinishedStep,
    IntendedChange,
    Intent,
    Limits,
    Notify,
    Pause,
    Result,
    Running,
)

V2 = Split.all_to("v2")
CHANGE = Change(Aspect.TRAFFIC, Split.all_to("v1").as_json(), V2.as_json())
CarryOut = Callable[..., tuple[Result, list[str]]]

A, B, C, D = (Instance(name, Role.PRODUCTION, f"project-{name}") for name in "abcd")
AN_HOUR = Pause(3600)
PATIENCE = 20  # seconds until a test that would hang fails instead
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def _signals_interrupt() -> Iterator[None]:
    """As the command line does: SIGTERM is a KeyboardInterrupt too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


def production(*instances: Instance) -> Stage:
    return Stage(StageKind.PRODUCTION, tuple(Promote(i, V2) for i in instances))


def plan(*stages: Stage) -> Plan:
    return Plan(None, PlanKind.PROMOTE, "v2", stages)


def succeed(step: Step, notify: Notify) -> Running:
    yield from ()
    return Done()


def once(event: str, act: Callable[[], None]) -> Callable[[str], None]:
    """A listener's ear that acts on one event, in the thread that a signal interrupts."""

    def hear(heard: str) -> None:
        if heard == event:
            act()

    return hear


def outcomes(result: Result) -> list[str]:
    return [str(step.outcome) for step in result.steps]


def codes(result: Result) -> list[str | None]:
    return [step.error.code if step.error else None for step in result.steps]


@BOTH
def test_nothing_new_begins_and_calls_under_way_return(
    carry_out: CarryOut, number: signal.Signals
) -> None:
    told = threading.Event()

    def interrupt() -> None:
        signal.raise_signal(number)
        told.set()

    def perform(step: Step, notify: Notify) -> Running:
        yield from ()
        if instance_of(step) == B:
            assert told.wait(PATIENCE)
        return Done()

    result, events = carry_out(
        plan(production(A, B, C, D)),
        perform,
        Limits(jobs=2),
        hear=once("finish promote a: done", interrupt),
    )

    assert result.interrupted
    assert outcomes(result) == ["done", "done", "not-started", "not-started"]
    assert [e for e in events if e.startswith("start")] == ["start promote a", "start promote b"]


def test_what_was_waiting_is_of_unknown_state(carry_out: CarryOut) -> None:
    begun: list[Step] = []

    def perform(step: Step, notify: Notify) -> Running:
        if instance_of(step) == A:
            yield Intent(CHANGE)
            begun.append(step)
            yield AN_HOUR
        while not begun:
            yield Pause(0.01)
        return Done()

    result, _ = carry_out(
        plan(production(A, B)),
        perform,
        Limits(jobs=1),
        hear=once("finish promote b: done", lambda: signal.raise_signal(signal.SIGINT)),
    )

    assert result.interrupted
    assert outcomes(result) == ["failed", "done"]
    assert codes(result) == ["INTERRUPTED", None]
    assert result.steps[0].state is State.UNKNOWN
    assert result.steps[0].may_have_changed
    assert result.steps[0].error
    assert result.steps[0].error.hint


def test_a_change_that_is_on_record_and_was_not_begun_is_none(carry_out: CarryOut) -> None:
    written: list[int] = []

    def perform(step: Step, notify: Notify) -> Running:
        yield Intent(CHANGE)
        notify("changed")
        return Done()

    def record(intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        ours = signal.getsignal(signal.SIGINT)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is ours:  # the handler takes itself out first
            time.sleep(0.001)
        written.extend(place for place, _ in intents)

    result, events = carry_out(plan(production(A)), perform, Limits(jobs=1), record=record)

    assert written == [0], "the write is waited for"
    assert result.steps[0].state is None
    assert "note promote a: changed" not in events


def test_what_waited_before_its_first_change_has_changed_nothing(carry_out: CarryOut) -> None:
    def perform(step: Step, notify: Notify) -> Running:
        yield Pause(3600, "a long wait")
        return Done()

    result, _ = carry_out(
        plan(production(A)),
        perform,
        Limits(jobs=1),
        hear=once("note promote a: a long wait", lambda: signal.raise_signal(signal.SIGINT)),
    )

    assert outcomes(result) == ["failed"]
    assert result.steps[0].state is None
    assert not result.steps[0].may_have_changed


def test_the_next_step_of_an_instance_is_not_begun(carry_out: CarryOut) -> None:
    both = Stage(StageKind.PRODUCTION, (Verify(A, V2), Promote(A, V2)))

    result, _ = carry_out(
        plan(both),
        succeed,
        Limits(jobs=1),
        hear=once("finish verify a: done", lambda: signal.raise_signal(signal.SIGINT)),
    )

    assert outcomes(result) == ["done", "not-started"]


def test_a_signal_on_the_last_step_of_a_stage_keeps_the_next_from_beginning(
    carry_out: CarryOut,
) -> None:
    result, events = carry_out(
        plan(Stage(StageKind.VERIFY, (Verify(A, V2),)), production(A)),
        succeed,
        Limits(jobs=1),
        hear=once("finish verify a: done", lambda: signal.raise_signal(signal.SIGINT)),
    )

    assert result.interrupted
    assert outcomes(result) == ["done", "not-started"]
    assert "stage production" not in events


@BOTH
def test_a_second_signal_waits_for_no_call(carry_out: CarryOut, number: signal.Signals) -> None:
    first, second = threading.Event(), threading.Event()

    def hear(event: str) -> None:
        if event == "start promote a":
            signal.raise_signal(signal.SIGINT)
            first.set()
        if event == "note promote a: still at it":
            try:
                signal.raise_signal(number)
            finally:
                second.set()

    def perform(step: Step, notify: Notify) -> Running:
        assert first.wait(PATIENCE)
        notify("still at it")
        assert second.wait(PATIENCE)
        yield from ()
        return Done()  # of which nobody hears any more

    result, _ = carry_out(plan(production(A, B)), perform, Limits(jobs=1), hear=hear)

    assert result.interrupted
    assert outcomes(result) == ["failed", "not-started"]
    assert codes(result) == ["INTERRUPTED", None]


def test_a_build_is_interrupted_itself(carry_out: CarryOut) -> None:
    def perform(step: Step, notify: Notify) -> Running:
        signal.raise_signal(signal.SIGTERM)
        yield from ()
        return Done()

    result, _ = carry_out(
        plan(Stage(StageKind.BUILD, (Build(),)), production(A)),
        perform,
        Limits(),
        hear=lambda _: None,
    )

    assert result.interrupted
    assert codes(result) == ["INTERRUPTED", None]
    assert outcomes(result) == ["failed", "not-started"]


def test_so_are_the_checks_before_a_stage(carry_out: CarryOut) -> None:
    def enter(stage: Stage) -> None:
        signal.raise_signal(signal.SIGINT)

    result, events = carry_out(plan(production(A)), succeed, Limits(), enter=enter)

    assert result.interrupted
    assert outcomes(result) == ["not-started"]
    assert events == []


def test_the_signals_mean_afterwards_what_they_meant_before(carry_out: CarryOut) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    carry_out(plan(production(A)), succeed, Limits())
    carry_out(
        plan(production(A)),
        succeed,
        Limits(),
        hear=once("start promote a", lambda: signal.raise_signal(signal.SIGINT)),
    )

    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


def test_outside_the_main_thread_a_plan_is_run_without_signals(carry_out: CarryOut) -> None:
    results: list[Result] = []

    def in_a_thread() -> None:
        results.append(carry_out(plan(production(A)), succeed, Limits())[0])

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join(PATIENCE)

    assert [outcomes(result) for result in results] == [["done"]]


PROGRAM = """
import os, signal, sys
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Plan, PlanKind, Promote, Stage, StageKind
from flowdeploy.rollout.contract import Limits, Pause
from flowdeploy.rollout.run import run
from flowdeploy.planning.traffic import Split

class Executor:
    def prepare(self, index):
        return plan
    def leave(self, steps):
        pass
    def perform(self, step, notify):
        notify("under way")
        yield Pause(3600)

class Journal:
    def record(self, intents, ended):
        pass
    def ensure_locks(self):
        pass

class Silent:
    def stage_started(self, stage):
        pass
    step_started = step_finished = stage_started
    def step_noted(self, report, note):
        print(note, flush=True)

signal.signal(signal.SIGTERM, signal.default_int_handler)
steps = (Promote(Instance("a", Role.PRODUCTION, "a"), Split.all_to("v2")),)
plan = Plan(None, PlanKind.PROMOTE, "v2", (Stage(StageKind.PRODUCTION, steps),))
result = run(plan, Executor(), Journal(), Silent(), Limits())
print(result.interrupted, result.steps[0].outcome, result.steps[0].error.code, flush=True)
"""


@BOTH
def test_a_process_that_waits_is_woken(number: signal.Signals) -> None:
    """From outside, while its main thread does nothing but wait for messages."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"under way\n"
        os.kill(process.pid, number)
        printed, _ = process.communicate(timeout=PATIENCE)

    assert printed == b"True failed INTERRUPTED\n"
    assert process.returncode == 0
