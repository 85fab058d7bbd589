"""What is known of every step while a plan runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowdeploy.errors import FlowdeployError
from flowdeploy.plan import Deploy, Plan, Promote, Stage, Step
from flowdeploy.report import Bug, Outcome, State, StepReport, not_started
from flowdeploy.rollout.contract import Done, Listener, StepFailed
from flowdeploy.units import Portion


class Interrupted(FlowdeployError):
    """A step was under way when the run was told to stop."""

    code = "INTERRUPTED"

    def __init__(self, *, asked: bool) -> None:
        may = "; what was asked of the service may still happen" if asked else ""
        super().__init__(
            f"interrupted while it was under way{may}",
            hint="Run the same command again: what is done is found done.",
        )


class Board:
    """The reports of all steps, in the plan's order, and the listener that hears of changes.

    Steps are named by their place in that order. Used by one thread only.
    """

    def __init__(self, plan: Plan, max_failures: Portion, listener: Listener) -> None:
        self._reports = list(not_started(plan))
        self._allowed = max_failures.of(sum(_in_production(report) for report in self._reports))
        self._listener = listener

    @property
    def reports(self) -> tuple[StepReport, ...]:
        return tuple(self._reports)

    def step(self, place: int) -> Step:
        return self._reports[place].step

    def enter(self, stage: Stage) -> None:
        self._listener.stage_started(stage)

    def start(self, place: int) -> None:
        self._listener.step_started(self._reports[place])

    def note(self, place: int, note: str) -> None:
        if note:
            self._listener.step_noted(self._reports[place], note)

    def finish(self, place: int, ending: Done | BaseException, seconds: float) -> None:
        self._reports[place] = _finished(self._reports[place], ending, seconds)
        self._listener.step_finished(self._reports[place])

    def may_begin(self, stage: Stage) -> bool:
        """Whether another instance of this stage may be begun.

        Outside production always: checks are made to the end, so that all
        findings are known at once.
        """
        return not stage.is_production or self._within_limit()

    def may_go_on(self, stage: Stage, places: Iterable[int]) -> bool:
        """Whether the stage after this one may begin."""
        if stage.is_production:
            return self._within_limit()
        return all(self._reports[place].succeeded for place in places)

    def _within_limit(self) -> bool:
        failed = (r for r in self._reports if r.outcome is Outcome.FAILED and _in_production(r))
        return sum(1 for _ in failed) <= self._allowed


def _in_production(report: StepReport) -> bool:
    """Whether this step's failure counts against the limit."""
    production = Stage(report.stage, ()).is_production
    return production and isinstance(report.step, Deploy | Promote)


def _finished(report: StepReport, ending: Done | BaseException, seconds: float) -> StepReport:
    left, error = _read(ending, report.step)
    return replace(
        report,
        outcome=Outcome.FAILED if error else left.outcome,
        state=left.state,
        attempts=left.attempts,
        seconds=seconds,
        url=left.url,
        previous=left.previous,
        error=error,
        notes=left.notes,
        left_unchanged=left.outcome is Outcome.UNCHANGED,
    )


def _read(ending: Done | BaseException, step: Step) -> tuple[Done, FlowdeployError | None]:
    changing = isinstance(step, Deploy | Promote)
    doubt = Done(state=State.UNKNOWN) if changing else Done()
    match ending:
        case Done():
            return ending, None
        case StepFailed():
            return ending.left, ending.error
        case KeyboardInterrupt():
            return doubt, Interrupted(asked=changing)
        case FlowdeployError():
            return Done(), ending
        case _:
            return doubt, Bug.met(ending)
