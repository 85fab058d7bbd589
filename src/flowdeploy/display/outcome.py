"""What a report comes down to, in words that the terminal and the Markdown summary share."""

from __future__ import annotations

from dataclasses import dataclass

from flowdeploy.display.text import duration, group_values, join_words, names_or_count
from flowdeploy.display.words import instance_name, result, skip_lines, where
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Configure, Deploy, Promote, Verify
from flowdeploy.report import Outcome, Report, RunOutcome, State, StepReport, has_started

_SERVING = (State.LIVE, State.DARK)
_STANDING = {
    State.DEPLOYED_NOT_PROMOTED: "deployed but not promoted",
    State.UNKNOWN: "in an unknown state",
}
_NEXT = {
    RunOutcome.PARTIAL: "put right what failed and go on (what is done stays):",
    RunOutcome.INTERRUPTED: "go on with it (what is done stays):",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, and the instances (or stages) that it was met on."""

    error: FlowdeployError
    where: tuple[str, ...]


def has_row(step: StepReport) -> bool:
    """Whether a step has a row of its own: what went as it does everywhere has none."""
    passed = isinstance(step.step, Verify | Configure) and step.succeeded
    return step.outcome is not Outcome.NOT_STARTED and not passed


def remarks(report: Report) -> list[str]:
    """What else is to be said of steps and plan; what is so of many instances is said once."""
    rowless = [step for step in report.steps if not has_row(step)]
    folded = group_values(
        ((s.stage, s.succeeded, result(s)), instance_name(s.step)) for s in rowless
    )
    notes = group_values((note, where(step)) for step in report.steps for note in step.notes)
    return [
        *(
            _colons(stage, said, names_or_count(names) if passed else ", ".join(names))
            for (stage, passed, said), names in folded.items()
        ),
        *(f"{names_or_count(names)}: {note}" for note, names in notes.items()),
        *(skip_lines(report.plan) if report.plan else []),
    ]


def _colons(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def failures(report: Report) -> list[Failure]:
    """The errors of all steps, identical ones once."""
    failed = [(step.error, where(step)) for step in report.steps if step.error]
    alike = group_values((_content(error), (error, name)) for error, name in failed)
    return [Failure(same[0][0], tuple(name for _, name in same)) for same in alike.values()]


def _content(error: FlowdeployError) -> tuple[object, ...]:
    return error.code, error.message, error.details, error.hint


def end_sentence(report: Report) -> str:
    """One sentence: how the run ended, after how long, and what is so now."""
    verb = "in" if report.outcome is RunOutcome.SUCCEEDED else "after"
    outcome = str(report.outcome).capitalize()
    return f"{outcome} {verb} {duration(report.seconds)}: {_state_sentence(report)}"


def next_step(report: Report) -> str | None:
    """What to do about a run that stands half-way."""
    what = _NEXT.get(report.outcome)
    if what is None:
        return None
    if not any(map(has_started, report.steps)):  # it may not even be on record
        return "Next: give the same command again"
    return f"Next: {what} flowdeploy resume {report.run}"


def _state_sentence(report: Report) -> str:
    changed = any(step.may_have_changed for step in report.steps)
    if not changed and report.outcome is not RunOutcome.SUCCEEDED:
        return "no instance was changed"
    instances = _instances_by_state(report)
    said = {how: f"{how} on {names_or_count(names)}" for how, names in instances.items()}
    serving = [said.pop(state) for state in _SERVING if state in said]
    version = report.plan.version if report.plan else None
    clauses = [f"{version} is {join_words(serving)}"] if serving else []
    return "; ".join([*clauses, *said.values()]) or ", ".join(map(result, report.steps))


def _instances_by_state(report: Report) -> dict[str, list[str]]:
    """How each instance that was to be changed stands now → the instances of which that is so."""
    concerned = (step for step in report.steps if isinstance(step.step, Deploy | Promote))
    return group_values((_state_text(step), where(step)) for step in concerned)


def _state_text(step: StepReport) -> str:
    if step.succeeded and isinstance(step.step, Promote) and step.step.undoes:
        return "rolled back"
    if step.state and (step.succeeded or step.state not in _SERVING):
        return _STANDING.get(step.state, str(step.state))
    return str(step.outcome).replace("-", " ")
