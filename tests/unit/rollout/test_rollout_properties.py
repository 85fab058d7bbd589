"""What holds of every rollout, whatever the plan and whatever becomes of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from flowdeploy.errors import Refused, ServiceError
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
    action,
    instance_of,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Outcome, Report, State, StepReport
from flowdeploy.rollout.contract import (
    Done,
    FinishedStep,
    IntendedChange,
    Limits,
    Listener,
    Notify,
    Pause,
    Result,
    Running,
    StepFailed,
)
from flowdeploy.rollout.run import run
from flowdeploy.units import Portion

V2 = Split.all_to("v2")
INSTANCES = [Instance(name, Role.PRODUCTION, f"project-{name}") for name in "abcd"]
MAKERS: list[Callable[[Instance], Step]] = [
    lambda i: Verify(i, V2),
    lambda i: Deploy(i, "v2", Traffic.DARK),
    lambda i: Promote(i, V2),
]


def on(step: Step) -> str:
    """The instance that a step works on, in a word."""
    instance = instance_of(step)
    return instance.id if instance else "nowhere"


def named(step: Step) -> str:
    return f"{action(step)} {on(step)}"


FATES = ("done", "unchanged", "fails", "is refused", "is lost sight of", "is a bug", "cannot begin")
BOUND_TO = st.sampled_from(FATES[:1] * 6 + FATES)


@dataclass(frozen=True, slots=True)
class Case:
    """A plan, and what becomes of its steps by stage and name."""

    plan: Plan
    fates: dict[tuple[str, str], str]
    pauses: int
    limits: Limits


@dataclass(slots=True)
class Scripted:
    """An executor whose steps end as the case says."""

    case: Case
    stage: str = ""

    def prepare(self, index: int) -> Plan:
        self.stage = self.case.plan.stages[index].name
        return self.case.plan

    def leave(self, steps: Sequence[StepReport]) -> None: ...

    def perform(self, step: Step, notify: Notify) -> Running:
        fate = self.case.fates[self.stage, named(step)]
        if fate == "cannot begin":
            raise TypeError(fate)
        return self._perform(fate)

    def _perform(self, fate: str) -> Running:
        for _ in range(self.case.pauses):
            yield Pause(0)
        match fate:
            case "fails":
                raise ServiceError("PERMISSION_DENIED", fate)
            case "is refused":
                raise Refused(fate)
            case "is lost sight of":
                raise StepFailed(ServiceError("INTERNAL", fate), Done(state=State.UNKNOWN))
            case "is a bug":
                raise KeyError(fate)
        return Done(Outcome(fate))


@dataclass(frozen=True, slots=True)
class Log(Listener):
    """What was heard of each step, in order: (begun or ended, stage, step, outcome)."""

    heard: list[tuple[str, str, Step, Outcome]] = field(default_factory=list)

    def record(self, intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None: ...

    def ensure_locks(self) -> None: ...

    def step_started(self, report: StepReport) -> None:
        self.heard.append(("begun", report.stage, report.step, report.outcome))

    def step_finished(self, report: StepReport) -> None:
        self.heard.append(("ended", report.stage, report.step, report.outcome))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    steps = [make(instance) for instance in INSTANCES for make in MAKERS]
    stages = [Stage(StageKind.BUILD, (Build(),))] if draw(st.booleans()) else []
    for kind, wave in (
        (StageKind.VERIFY, None),
        (StageKind.UAT, None),
        (StageKind.PRODUCTION, "first"),
        (StageKind.PRODUCTION, "second"),
        (StageKind.PRODUCTION, None),
    ):
        chosen = draw(st.lists(st.sampled_from(steps), unique_by=str, max_size=8))
        stages += [Stage(kind, tuple(chosen), wave)] if chosen else []
    fates = {(stage.name, named(step)): draw(BOUND_TO) for stage in stages for step in stage.steps}
    allowed = draw(st.builds(Portion, st.integers(0, 4)) | st.just(Portion(30, percent=True)))
    limits = Limits(jobs=draw(st.integers(1, 4)), max_failures=allowed)
    plan = Plan(None, PlanKind.PROMOTE, "v2", tuple(stages))
    return Case(plan, fates, draw(st.integers(0, 2)), limits)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_of_every_rollout(case: Case) -> None:
    log = Log()
    result = run(case.plan, Scripted(case), log, log, case.limits)

    planned = [(stage.name, step) for stage in case.plan.stages for step in stage.steps]
    assert [(step.stage, step.step) for step in result.steps] == planned
    _what_was_heard_is_what_is_reported(log, result)
    _nothing_follows_a_failure(log)
    _no_instance_is_begun_beyond_the_limit(log, case)
    _stages_wait_for_those_before(log, case)
    _the_exit_code_is_the_contracts(result)


def _what_was_heard_is_what_is_reported(log: Log, result: Result) -> None:
    begun = [(stage, named(step)) for what, stage, step, _ in log.heard if what == "begun"]
    ended = {(stage, named(step)): end for what, stage, step, end in log.heard if what == "ended"}
    reported = {
        (s.stage, named(s.step)): s.outcome
        for s in result.steps
        if s.outcome is not Outcome.NOT_STARTED
    }
    assert ended == reported
    assert len(begun) == len(ended) == len(log.heard) / 2
    assert set(begun) == ended.keys()


def _nothing_follows_a_failure(log: Log) -> None:
    failed: set[tuple[str, str]] = set()
    for what, stage, step, outcome in log.heard:
        if what == "begun":
            assert (stage, on(step)) not in failed
        elif outcome is Outcome.FAILED:
            failed.add((stage, on(step)))


def _counts(stage: str, step: Step) -> bool:
    return stage.startswith("production") and isinstance(step, Deploy | Promote)


def _no_instance_is_begun_beyond_the_limit(log: Log, case: Case) -> None:
    total = sum(_counts(stage.name, step) for stage in case.plan.stages for step in stage.steps)
    allowed = case.limits.max_failures.of(total)
    failures = 0
    begun: set[tuple[str, str]] = set()
    for what, stage, step, outcome in log.heard:
        if what == "ended":
            failures += outcome is Outcome.FAILED and _counts(stage, step)
        elif failures > allowed:
            assert (stage, on(step)) in begun
        begun.add((stage, on(step)))


def _stages_wait_for_those_before(log: Log, case: Case) -> None:
    """A stage begins when all steps before it have ended, and but for production, well."""
    order = [stage.name for stage in case.plan.stages]
    for index, (what, stage, _, _) in enumerate(log.heard):
        if what == "begun":
            earlier = [e for e in log.heard[:index] if order.index(e[1]) < order.index(stage)]
            later = [e for e in log.heard[:index] if order.index(e[1]) > order.index(stage)]
            assert not later
            assert sum(e[0] == "begun" for e in earlier) == sum(e[0] == "ended" for e in earlier)
            assert not [
                e for e in earlier if e[3] is Outcome.FAILED and not e[1].startswith("production")
            ]


def _the_exit_code_is_the_contracts(result: Result) -> None:
    report = Report("r", "google", None, datetime.now(UTC), 0.0, result.steps, result.error)
    steps = result.steps
    changing = [s for s in steps if isinstance(s.step, Deploy | Promote)]
    if any(s.error and s.error.code == "BUG" for s in steps):
        expected = 70
    elif all(s.outcome in {Outcome.DONE, Outcome.UNCHANGED} for s in steps):
        expected = 0
    elif any(s.outcome is Outcome.DONE or s.state is State.UNKNOWN for s in changing):
        expected = 3
    elif any(isinstance(s.error, Refused) for s in steps):
        expected = 4
    else:
        expected = 1
    assert report.exit_code == expected
