"""The way through a plan: order, the limit on failures, and what becomes of errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowdeploy.errors import FlowdeployError, LockHeld, Refused, ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import (
    Build,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Stage,
    StageKind,
    Step,
    Traffic,
    Verify,
    instance_of,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Aspect, Bug, Change, Outcome, Report, State, StepReport
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
    StepFailed,
)
from flowdeploy.units import Portion

V2 = Split.all_to("v2")
CHANGE = Change(Aspect.TRAFFIC, Split.all_to("v1").as_json(), V2.as_json())
CarryOut = Callable[..., tuple[Result, list[str]]]

A, B, C, D = (Instance(name, Role.PRODUCTION, f"project-{name}") for name in "abcd")
UAT = Instance("uat", Role.UAT1, "project-uat")
ONE_JOB = Limits(jobs=1)
ALWAYS = Portion(100, percent=True)
PATIENCE = 20  # seconds until a test that would hang fails instead


def plan(*stages: Stage) -> Plan:
    return Plan(None, PlanKind.PROMOTE, "v2", stages)


def verify(*instances: Instance) -> Stage:
    return Stage(StageKind.VERIFY, tuple(Verify(i, V2) for i in instances))


def production(*instances: Instance, wave: str | None = None) -> Stage:
    return Stage(StageKind.PRODUCTION, tuple(Promote(i, V2) for i in instances), wave)


def succeed(step: Step, notify: Notify) -> Running:
    yield from ()
    return Done()


def failing(*instances: Instance, error: BaseException | None = None) -> Callable[..., Running]:
    """An executor that fails on these instances and succeeds on all others."""

    def perform(step: Step, notify: Notify) -> Running:
        yield from ()
        if instance_of(step) in instances:
            raise error or FlowdeployError("no")
        return Done()

    return perform


def outcomes(result: Result) -> list[str]:
    return [str(step.outcome) for step in result.steps]


def exit_code(result: Result) -> int:
    report = Report(
        "r", "google", None, datetime.now(UTC), 0, result.steps, result.error, result.interrupted
    )
    return report.exit_code


def test_everything_in_order_as_the_listener_hears_it(carry_out: CarryOut) -> None:
    release = plan(
        Stage(StageKind.BUILD, (Build(),)),
        Stage(StageKind.UAT, (Deploy(UAT, "v2", Traffic.LIVE),)),
        production(A, B),
    )
    entered: list[str] = []

    result, events = carry_out(
        release, succeed, ONE_JOB, enter=lambda stage: entered.append(stage.name)
    )

    assert entered == ["build", "uat", "production"]
    assert events == [
        "stage build",
        "start build",
        "finish build: done",
        "stage uat",
        "start deploy uat",
        "finish deploy uat: done",
        "stage production",
        "start promote a",
        "finish promote a: done",
        "start promote b",
        "finish promote b: done",
    ]
    assert [step.step for step in result.steps] == [s for t in release.stages for s in t.steps]
    assert (result.error, result.interrupted) == (None, False)


def test_the_steps_of_one_instance_are_run_in_the_order_listed(carry_out: CarryOut) -> None:
    mixed = Stage(
        StageKind.UAT,
        (
            Verify(A, V2),
            Verify(B, V2),
            Promote(A, V2),
            Promote(B, V2),
        ),
    )

    _, events = carry_out(plan(mixed), succeed, Limits(jobs=4))

    for name in "ab":
        assert [event for event in events if f" {name}" in event] == [
            f"start verify {name}",
            f"finish verify {name}: done",
            f"start promote {name}",
            f"finish promote {name}: done",
        ]


def test_after_a_failed_step_the_same_instance_gets_no_other(carry_out: CarryOut) -> None:
    mixed = Stage(
        StageKind.UAT,
        (
            Verify(A, V2),
            Promote(A, V2),
            Verify(B, V2),
            Promote(B, V2),
        ),
    )

    result, _ = carry_out(plan(mixed), failing(A), Limits(jobs=4))

    assert outcomes(result) == ["failed", "not-started", "done", "done"]


def test_every_instance_is_verified_and_none_is_changed_if_one_is_not_ready(
    carry_out: CarryOut,
) -> None:
    result, events = carry_out(
        plan(verify(A, B, C), production(A, B, C)),
        failing(A, error=Refused("not deployed")),
        ONE_JOB,
    )

    assert outcomes(result) == ["failed", "done", "done"] + ["not-started"] * 3
    assert "stage production" not in events
    assert exit_code(result) == 4


def test_a_failed_uat_keeps_production_from_beginning(carry_out: CarryOut) -> None:
    uat = Stage(StageKind.UAT, (Deploy(UAT, "v2", Traffic.LIVE),))

    result, events = carry_out(plan(uat, production(A)), failing(UAT), Limits(max_failures=ALWAYS))

    assert events == ["stage uat", "start deploy uat", "finish deploy uat: failed"]
    assert exit_code(result) == 1


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (Portion(0), ["failed", "not-started", "not-started", "not-started"]),
        (Portion(1), ["failed", "failed", "not-started", "not-started"]),
        (Portion(49, percent=True), ["failed", "failed", "not-started", "not-started"]),
        (Portion(50, percent=True), ["failed", "failed", "failed", "not-started"]),
        (Portion(2), ["failed", "failed", "failed", "not-started"]),
        (Portion(4), ["failed", "failed", "failed", "done"]),
    ],
)
def test_beyond_the_limit_no_instance_is_begun(
    carry_out: CarryOut, allowed: Portion, expected: list[str]
) -> None:
    limits = Limits(jobs=1, max_failures=allowed)

    result, _ = carry_out(plan(production(A, B, C, D)), failing(A, B, C), limits)

    assert outcomes(result) == expected


def test_failures_add_up_over_the_waves(carry_out: CarryOut) -> None:
    waves = plan(production(A, B, wave="first"), production(C, D, wave="second"), production(UAT))

    result, events = carry_out(waves, failing(A, C), Limits(jobs=1, max_failures=Portion(1)))

    assert outcomes(result) == ["failed", "done", "failed", "not-started", "not-started"]
    assert [e for e in events if e.startswith("stage")] == [
        "stage production:first",
        "stage production:second",
    ]
    assert exit_code(result) == 3


def test_what_is_under_way_when_the_limit_is_exceeded_is_finished(carry_out: CarryOut) -> None:
    failed = threading.Event()

    def perform(step: Step, notify: Notify) -> Running:
        yield from ()
        if instance_of(step) == A:
            raise FlowdeployError("no")
        assert failed.wait(PATIENCE)
        return Done()

    def hear(event: str) -> None:
        if event == "finish promote a: failed":
            failed.set()

    result, _ = carry_out(plan(production(B, A, C)), perform, Limits(jobs=2), hear=hear)

    assert outcomes(result) == ["done", "failed", "not-started"]


def test_what_a_failed_step_left_behind_is_reported(carry_out: CarryOut) -> None:
    left = Done(
        state=State.DEPLOYED_NOT_PROMOTED,
        url="https://v2-dot-default-dot-a.appspot.com",
        previous=Split({"v1": 1.0}, "IP"),
        notes=("the split was read back",),
    )
    error = ServiceError("ABORTED", "in progress")

    result, _ = carry_out(plan(production(A)), failing(A, error=StepFailed(error, left)), ONE_JOB)

    [step] = result.steps
    assert (step.outcome, step.error) == (Outcome.FAILED, error)
    assert (step.state, step.url, step.previous, step.notes) == (
        left.state,
        left.url,
        left.previous,
        left.notes,
    )
    assert exit_code(result) == 3


@pytest.mark.parametrize("mistake", [KeyError("split"), SystemExit(1)])
def test_a_bug_in_one_step_loses_nothing_of_the_others(
    carry_out: CarryOut, mistake: BaseException
) -> None:
    limits = Limits(jobs=1, max_failures=Portion(1))

    result, _ = carry_out(plan(production(A, B)), failing(A, error=mistake), limits)

    assert outcomes(result) == ["failed", "done"]
    bug = result.steps[0].error
    assert isinstance(bug, Bug)
    assert bug.__cause__ is mistake
    assert result.steps[0].state is None, "for it had not begun to change anything"
    assert exit_code(result) == 70


def test_a_bug_after_the_intent_leaves_the_state_unknown(carry_out: CarryOut) -> None:
    def perform(step: Step, notify: Notify) -> Running:
        yield Intent(CHANGE)
        raise KeyError("bug")

    result, _ = carry_out(plan(production(A)), perform, ONE_JOB)

    assert result.steps[0].state is State.UNKNOWN
    assert result.steps[0].changes == (CHANGE,)


def test_a_change_waits_until_it_is_on_record(carry_out: CarryOut) -> None:
    told: list[str] = []

    def perform(step: Step, notify: Notify) -> Running:
        yield Intent(CHANGE)
        told.append(f"change {getattr(instance_of(step), 'id', '')}")
        yield Pause(0)
        return Done()

    def record(intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        told.extend(f"record {place}" for place, _ in intents)
        told.extend(f"ended {place}" for place, _ in ended)

    carry_out(plan(production(A, B)), perform, ONE_JOB, record=record)

    for place, instance in enumerate("ab"):
        order = [f"record {place}", f"change {instance}", f"ended {place}"]
        assert [word for word in told if word in order] == order


def test_what_cannot_be_recorded_does_not_happen_and_nothing_more_begins(
    carry_out: CarryOut,
) -> None:
    changed: list[str] = []

    def perform(step: Step, notify: Notify) -> Running:
        yield Intent(CHANGE)
        changed.append("change")
        return Done()

    def record(intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        if intents:
            raise LockHeld("taken over")

    one_by_one = replace(production(A, B), max=Portion(1))
    limits = Limits(1, max_failures=ALWAYS)
    result, _ = carry_out(plan(one_by_one), perform, limits, record=record)

    assert changed == []
    assert outcomes(result) == ["failed", "not-started"]
    assert isinstance(result.error, LockHeld)
    assert exit_code(result) == LockHeld.exit_code


def test_a_wave_has_no_more_instances_under_way_than_it_may(carry_out: CarryOut) -> None:
    under_way: set[str] = set()
    most: list[int] = []

    def perform(step: Step, notify: Notify) -> Running:
        under_way.add(str(step))
        most.append(len(under_way))
        yield Pause(0.01)
        under_way.remove(str(step))
        return Done()

    wave = replace(production(A, B, C, D), max=Portion(50, percent=True))
    carry_out(plan(wave), perform, Limits(jobs=4))

    assert max(most) == 2


def test_a_pause_follows_a_wave_unless_it_is_the_last(carry_out: CarryOut) -> None:
    waves = [replace(production(i, wave=i.id), pause=0.01) for i in (A, B)]
    _, events = carry_out(plan(*waves), succeed, ONE_JOB)
    assert [event for event in events if event.startswith("pause")] == ["pause production:a"]


def test_a_wave_that_is_not_well_is_the_last(carry_out: CarryOut) -> None:
    def leave(steps: Sequence[StepReport]) -> None:
        raise ServiceError("UNHEALTHY", f"{len(steps)} of {steps[0].stage}")

    waves = [production(i, wave=i.id) for i in (A, B)]
    result, _ = carry_out(plan(*waves), succeed, ONE_JOB, leave=leave)

    assert outcomes(result) == ["done", "not-started"]
    assert result.error is not None
    assert result.error.message == "1 of production:a"
    assert exit_code(result) == 3


def test_the_unready_are_left_out_where_that_is_wanted(carry_out: CarryOut) -> None:
    limits = Limits(1, skip_unready=True)
    result, _ = carry_out(plan(verify(A, B), production(A, B)), failing(A), limits)
    assert outcomes(result) == ["failed", "done", "skipped", "done"]
    assert exit_code(result) == 3


def test_with_none_that_is_ready_nothing_is_changed(carry_out: CarryOut) -> None:
    limits = Limits(1, skip_unready=True)
    refused = failing(A, B, error=Refused("no"))
    result, _ = carry_out(plan(verify(A, B), production(A, B)), refused, limits)
    assert outcomes(result) == ["failed", "failed", "skipped", "skipped"]
    assert exit_code(result) == 4


def test_an_executor_that_fails_to_begin_a_step_is_a_bug(carry_out: CarryOut) -> None:
    def perform(step: Step, notify: Notify) -> Running:
        if instance_of(step) == A:
            raise TypeError("no such step")
        return succeed(step, notify)

    stages = plan(
        Stage(StageKind.BUILD, (Build(),)),
        Stage(StageKind.UAT, (Promote(A, V2), Promote(B, V2))),
    )
    result, _ = carry_out(stages, perform, ONE_JOB)

    assert outcomes(result) == ["done", "failed", "done"]
    assert isinstance(result.steps[1].error, Bug)


@pytest.mark.parametrize(
    ("raised", "code"), [(Refused("the app is disabled"), 4), (ValueError("oops"), 70)]
)
def test_a_stage_that_may_not_be_entered_ends_the_run(
    carry_out: CarryOut, raised: Exception, code: int
) -> None:
    def enter(stage: Stage) -> None:
        if stage.kind is StageKind.PRODUCTION:
            raise raised

    result, events = carry_out(plan(verify(A), production(A)), succeed, ONE_JOB, enter=enter)

    assert outcomes(result) == ["done", "not-started"]
    assert "stage production" not in events
    assert raised in {result.error, result.error and result.error.__cause__}
    assert exit_code(result) == code


def test_a_bug_after_the_first_change_is_told_as_a_bug(carry_out: CarryOut) -> None:
    def enter(stage: Stage) -> None:
        if stage.name == "production:second":
            raise ValueError("oops")

    waves = plan(production(A, wave="first"), production(B, wave="second"))
    result, _ = carry_out(waves, succeed, ONE_JOB, enter=enter)

    assert outcomes(result) == ["done", "not-started"]
    assert exit_code(result) == 70


def test_notes_come_from_pauses_and_from_the_step_and_are_heard_in_one_thread(
    carry_out: CarryOut,
) -> None:
    def perform(step: Step, notify: Notify) -> Running:
        notify("uploading")
        yield Pause(0, "waiting for the operation")
        yield Pause(0)
        return Done()

    threads: set[int] = set()
    _, events = carry_out(
        plan(Stage(StageKind.BUILD, (Build(),)), production(A)),
        perform,
        ONE_JOB,
        hear=lambda _: threads.add(threading.get_ident()),
    )

    for label in ("build", "promote a"):
        assert [e for e in events if f" {label}" in e and not e.startswith("stage")] == [
            f"start {label}",
            f"note {label}: uploading",
            f"note {label}: waiting for the operation",
            f"finish {label}: done",
        ]
    assert threads == {threading.get_ident()}


def test_a_note_that_comes_late_goes_to_its_own_step(carry_out: CarryOut) -> None:
    kept: list[Notify] = []

    def perform(step: Step, notify: Notify) -> Running:
        kept.append(notify)
        kept[0](f"from {type(step).__name__}")
        yield from ()
        return Done()

    both = Stage(StageKind.UAT, (Verify(A, V2), Promote(A, V2)))
    _, events = carry_out(plan(both), perform, ONE_JOB)

    assert [event for event in events if event.startswith("note")] == [
        "note verify a: from Verify",
        "note verify a: from Promote",
    ]
