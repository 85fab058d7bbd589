"""What a run did: outcomes, the exit code that follows from them, and the report as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from flowdeploy.errors import FlowdeployError, Refused
from flowdeploy.planning.plan import CHANGING, Plan, PlanKind, Promote, Step, action, instance_of
from flowdeploy.planning.traffic import Split


class Outcome(StrEnum):
    """What became of a step."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_STARTED = "not-started"


class State(StrEnum):
    """The state of the version on an instance after a step."""

    DARK = "dark"
    LIVE = "live"
    DEPLOYED_NOT_PROMOTED = "deployed-not-promoted"
    UNKNOWN = "unknown"


class RunOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    PARTIAL = "partial"
    INTERRUPTED = "interrupted"


class Aspect(StrEnum):
    """The part of an instance that a change affects."""

    VERSION = "version"
    TRAFFIC = "traffic"
    ADDITIONS = "additions"
    QUEUES = "queues"
    SCHEDULES = "schedules"


@dataclass(frozen=True, slots=True)
class Change:
    """What a step intends to change on its instance: ``before`` → ``after``, as JSON.

    For traffic these are splits (`Split.as_json`); for a version, its id (before: None).
    For the other aspects they are resources of the APIs, by kind: indexes and queues that a
    deploy adds, settings of queues, cron jobs and dispatch rules. There, ``after`` is None
    until it has been read back; the change is then recorded again.
    """

    aspect: Aspect
    before: Any
    after: Any


SUCCESS = frozenset({Outcome.DONE, Outcome.UNCHANGED})
_EXIT_CODES = {
    RunOutcome.SUCCEEDED: 0,
    RunOutcome.FAILED: 1,
    RunOutcome.PARTIAL: 3,
    RunOutcome.REFUSED: 4,
    RunOutcome.INTERRUPTED: 130,
}
BUG_EXIT_CODE = 70


class Bug(FlowdeployError):
    """An unexpected exception while a plan ran, which is its ``__cause__``."""

    exit_code = BUG_EXIT_CODE
    code = "BUG"

    @classmethod
    def wrap(cls, cause: BaseException) -> Bug:
        bug = cls(f"{type(cause).__name__}: {cause}")
        bug.__cause__ = cause
        return bug


def unexpected_error(cause: BaseException) -> FlowdeployError:
    """The error for an exception that no code expects: of a machine at its limit, or a bug."""
    if isinstance(cause, RuntimeError) and "start new thread" in str(cause):
        error = FlowdeployError(
            "this machine lets flowdeploy start no more threads",
            hint="Use fewer at once with --jobs, or raise the limit on processes (`ulimit -u`).",
        )
        error.__cause__ = cause
        return error
    return Bug.wrap(cause)


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step of the plan, and its outcome.

    ``seconds`` is its duration, pauses included; ``previous`` is the traffic split that it
    replaced; ``notes`` are further remarks for the user; ``left_unchanged``: it changed
    nothing. ``changes`` are its recorded intents: each may have happened.
    """

    stage: str
    step: Step
    outcome: Outcome = Outcome.NOT_STARTED
    state: State | None = None
    attempts: int = 0
    seconds: float = 0.0
    url: str | None = None
    previous: Split | None = None
    error: FlowdeployError | None = None
    notes: tuple[str, ...] = ()
    left_unchanged: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.outcome in SUCCESS

    @property
    def may_have_changed(self) -> bool:
        """Whether the instance may differ from before the run."""
        if self.left_unchanged or not isinstance(self.step, CHANGING):
            return False
        if self.outcome is Outcome.FAILED:
            # A promotion that ends with its version dark has moved nothing.
            unmoved = isinstance(self.step, Promote) and self.state is State.DARK
            return self.state is not None and not unmoved
        return self.outcome is Outcome.DONE


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. ``plan`` is None if the run ended before it had one.

    ``remarks`` are about the run as a whole, such as trouble with its record.
    """

    run: str
    target: str
    plan: Plan | None
    started: datetime
    seconds: float
    steps: tuple[StepReport, ...] = ()
    error: FlowdeployError | None = None
    interrupted: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def outcome(self) -> RunOutcome:
        if self.interrupted:
            return RunOutcome.INTERRUPTED
        if self.error is None and all(step.succeeded for step in self.steps):
            return RunOutcome.SUCCEEDED
        if any(step.may_have_changed for step in self.steps):
            return RunOutcome.PARTIAL
        if any(isinstance(error, Refused) for error in self._errors):
            return RunOutcome.REFUSED
        return RunOutcome.FAILED

    @property
    def exit_code(self) -> int:
        if self.bugs:
            return BUG_EXIT_CODE
        if self.outcome is RunOutcome.FAILED and self._errors:
            return max(error.exit_code for error in self._errors)
        return _EXIT_CODES[self.outcome]

    @property
    def bugs(self) -> tuple[Bug, ...]:
        return tuple(error for error in self._errors if isinstance(error, Bug))

    @property
    def _errors(self) -> tuple[FlowdeployError, ...]:
        """The error of the run, if any, and those of its steps."""
        errors = (self.error, *(step.error for step in self.steps))
        return tuple(error for error in errors if error)


def planless_report(command: str, target: str, error: FlowdeployError, started: datetime) -> Report:
    """The report of a command that ended before it had a plan."""
    plan = None if command in ("run", "build") else Plan(None, PlanKind(command), None, ())
    return Report("", target, plan, started, 0.0, error=error)


def has_started(step: StepReport) -> bool:
    return step.outcome is not Outcome.NOT_STARTED


def initial_reports(plan: Plan) -> Iterable[StepReport]:
    """The reports of the plan's steps before it runs, in order."""
    return (StepReport(stage.name, step) for stage in plan.stages for step in stage.steps)


def report_json(report: Report) -> dict[str, Any]:
    """The report as JSON, ``schema`` 1."""
    plan = report.plan
    return {
        "schema": 1,
        "run": report.run,
        "target": report.target,
        "ref": plan.ref if plan else None,
        "kind": str(plan.kind) if plan else None,
        "version": plan.version if plan else None,
        "library_version": plan.library_version if plan else None,
        "outcome": str(report.outcome),
        "exit_code": report.exit_code,
        "started": report.started.astimezone(UTC).isoformat(timespec="milliseconds"),
        "seconds": round(report.seconds, 3),
        "steps": [step_report_json(step) for step in report.steps],
        "skipped": [
            {"instance": s.instance, "reason": s.reason} for s in (plan.skipped if plan else ())
        ],
        "configs": list(plan.configs or ()) if plan else [],
        "remarks": list(report.remarks),
        "error": error_json(report.error) if report.error else None,
    }


def step_report_json(step: StepReport) -> dict[str, Any]:
    instance = instance_of(step.step)
    return {
        "stage": step.stage,
        "action": action(step.step),
        "instance": instance.id if instance else None,
        "outcome": str(step.outcome),
        "state": str(step.state) if step.state else None,
        "attempts": step.attempts,
        "seconds": round(step.seconds, 3),
        "url": step.url,
        "previous": step.previous.as_json() if step.previous else None,
        "error": error_json(step.error) if step.error else None,
        "notes": list(step.notes),
    }


def error_json(error: FlowdeployError) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "details": list(error.details),
        "hint": error.hint,
    }
