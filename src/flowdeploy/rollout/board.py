"""The state of every step while a plan runs."""

from collections.abc import Container, Iterable
from dataclasses import replace

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import (
    CHANGING,
    Deploy,
    Plan,
    Promote,
    Stage,
    StageKind,
    Step,
    instance_of,
)
from flowdeploy.report import Change, Outcome, State, StepReport, initial_reports, unexpected_error
from flowdeploy.rollout.contract import Done, FinishedStep, Limits, Listener, StepFailed


class StepInterrupted(FlowdeployError):
    """A step was under way when the run was interrupted."""

    code = "INTERRUPTED"

    def __init__(self, *, has_changes: bool) -> None:
        may = "; its change may still happen" if has_changes else ""
        super().__init__(
            f"interrupted while it was under way{may}",
            hint="`flowdeploy resume RUN` continues it; finished steps are skipped.",
        )


class Board:
    """The reports of all steps; tells the listener of every change to them.

    A step is identified by its place: its index among all steps of the plan. Used by one
    thread only. ``halted`` is the error after which no step may start, in any stage.
    """

    def __init__(self, plan: Plan, limits: Limits, listener: Listener) -> None:
        self.plan = plan
        self._reports = list(initial_reports(plan))
        self._max_failures = limits.max_failures
        self._failures = 0
        self._limited = _places_under_limit(plan)
        self._skips_unready = limits.skip_unready
        self.listener = listener
        self._unrecorded: list[FinishedStep] = []
        self.halted: FlowdeployError | None = None

    def update_plan(self, plan: Plan) -> None:
        """Continue with ``plan``, in which the stages that have started are the same."""
        if plan is not self.plan:
            started = sum(report.outcome is not Outcome.NOT_STARTED for report in self._reports)
            self._reports = [*self._reports[:started], *list(initial_reports(plan))[started:]]
            self._limited = _places_under_limit(plan)
            self.plan = plan

    @property
    def reports(self) -> tuple[StepReport, ...]:
        return tuple(self._reports)

    def step(self, place: int) -> Step:
        return self._reports[place].step

    def is_pending(self, place: int) -> bool:
        return self._reports[place].outcome is Outcome.NOT_STARTED

    def reports_of(self, places: range) -> tuple[StepReport, ...]:
        return tuple(self._reports[place] for place in places)

    def start_step(self, place: int) -> None:
        self.listener.step_started(self._reports[place])

    def note_step(self, place: int, note: str) -> None:
        if note:
            self.listener.step_noted(self._reports[place], note)

    def add_change(self, place: int, change: Change) -> None:
        """Note a change that is being sent: from now on it may happen."""
        report = self._reports[place]
        self._reports[place] = replace(report, changes=(*report.changes, change))

    def finish_step(self, place: int, ending: Done | BaseException, seconds: float) -> None:
        self._store(place, _final_report(self._reports[place], ending, seconds))

    def take_finished(self) -> tuple[FinishedStep, ...]:
        """The steps that change their instances and have ended since the last call."""
        finished, self._unrecorded = tuple(self._unrecorded), []
        return finished

    def may_start(self, stage: Stage) -> bool:
        """Whether another instance of this stage may start.

        Failures matter only in production: checks run to the end, to report all findings.
        """
        return not self.halted and (stage.kind is not StageKind.PRODUCTION or self._within_limit())

    def may_continue(self, stage: Stage, places: Iterable[int]) -> bool:
        """Whether the stage after this one may start."""
        if self.halted:
            return False
        if stage.kind is StageKind.PRODUCTION:
            return self._within_limit()
        unready = [place for place in places if not self._reports[place].succeeded]
        if not unready:
            return True
        if stage.changes_instances or not self._skips_unready:
            return False
        return self._skip_instances({_instance_id(self.step(place)) for place in unready})

    def _skip_instances(self, instances: Container[str | None]) -> bool:
        """Skip all further steps of these instances; returns whether any step is left."""
        left = False
        for place, report in enumerate(self._reports):
            if report.outcome is not Outcome.NOT_STARTED:
                continue
            if _instance_id(report.step) in instances:
                self._store(place, replace(report, outcome=Outcome.SKIPPED))
            else:
                left = True
        return left

    def _store(self, place: int, report: StepReport) -> None:
        self._reports[place] = report
        self._failures += report.outcome is Outcome.FAILED and place in self._limited
        if isinstance(report.step, CHANGING):  # the final report has the others
            self._unrecorded.append((place, report))
        self.listener.step_finished(report)

    def _within_limit(self) -> bool:
        return self._failures <= self._max_failures.of(len(self._limited))


def _instance_id(step: Step) -> str | None:
    instance = instance_of(step)
    return instance.id if instance else None


def _places_under_limit(plan: Plan) -> frozenset[int]:
    """The places of the steps whose failures count against `Limits.max_failures`."""
    steps = ((stage.kind, step) for stage in plan.stages for step in stage.steps)
    return frozenset(
        place
        for place, (kind, step) in enumerate(steps)
        if kind is StageKind.PRODUCTION and isinstance(step, Deploy | Promote)
    )


def _final_report(report: StepReport, ending: Done | BaseException, seconds: float) -> StepReport:
    left, error = _interpret(ending, changing=bool(report.changes))
    return replace(
        report,
        outcome=Outcome.FAILED if error else left.outcome,
        state=left.state,
        attempts=_attempts(report, error),
        seconds=seconds,
        url=left.url,
        previous=left.previous,
        error=error,
        notes=left.notes,
        left_unchanged=left.outcome is Outcome.UNCHANGED,
    )


def _interpret(
    ending: Done | BaseException, *, changing: bool
) -> tuple[Done, FlowdeployError | None]:
    """What an ending leaves, and its error; ``changing``: a change was recorded before it."""
    doubt = Done(state=State.UNKNOWN) if changing else Done()
    match ending:
        case Done():
            return ending, None
        case StepFailed():
            return ending.left, ending.error
        case KeyboardInterrupt():
            return doubt, StepInterrupted(has_changes=changing)
        case FlowdeployError():
            return Done(), ending
        case _:
            return doubt, unexpected_error(ending)


def _attempts(report: StepReport, error: FlowdeployError | None) -> int:
    """How often the change that was sent most often was sent.

    0 for a step that failed before it sent one; 1 for a step that has nothing to send.
    """
    changes = report.changes
    unsent = 0 if error and isinstance(report.step, CHANGING) else 1
    return max((changes.count(change) for change in changes), default=unsent)
