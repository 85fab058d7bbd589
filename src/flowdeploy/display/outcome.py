"""A report in words, for the terminal and for the Markdown summary."""

from collections.abc import Iterable, Iterator, Sequence

from flowdeploy.checks.findings import FEW, without_names
from flowdeploy.display.text import duration, group_values, join_words, names_or_count
from flowdeploy.display.words import instance_name, result, skip_lines, where
from flowdeploy.errors import FlowdeployError, ServiceError
from flowdeploy.planning.plan import (
    Configure,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Verify,
    instance_of,
)
from flowdeploy.report import Outcome, Report, RunOutcome, State, StepReport, has_started

_SERVING = (State.LIVE, State.DARK)
_STATE_TEXTS = {
    State.DEPLOYED_NOT_PROMOTED: "deployed but not promoted",
    State.UNKNOWN: "in an unknown state",
}
_NEXT = {
    RunOutcome.PARTIAL: "fix the cause; finished steps are skipped:",
    RunOutcome.INTERRUPTED: "continue it; finished steps are skipped:",
}


def has_row(step: StepReport) -> bool:
    """Whether the step has a row of its own. Successful checks and configuration have none."""
    passed = isinstance(step.step, Verify | Configure) and step.succeeded
    return step.outcome is not Outcome.NOT_STARTED and not passed


def remarks(report: Report, *, verbose: bool = True) -> list[str]:
    """Lines for the steps without a row, notes and skipped instances, grouped; and of the run.

    Many instances that did not pass are only counted, unless ``verbose``.
    """
    rowless = [step for step in report.steps if not has_row(step)]
    groups = group_values(
        ((s.stage, s.succeeded, result(s)), instance_name(s.step)) for s in rowless
    )
    notes = group_values((note, where(step)) for step in report.steps for note in step.notes)
    return [
        *(
            _colons(stage, text, names_or_count(names) if passed else _named(names, verbose))
            for (stage, passed, text), names in groups.items()
        ),
        *(f"{names_or_count(names)}: {note}" for note, names in notes.items()),
        *(skip_lines(report.plan) if report.plan else []),
        *report.remarks,
    ]


def _named(names: list[str], verbose: bool) -> str:
    return ", ".join(names) if verbose or len(names) <= FEW else f"{len(names)} instances"


def _colons(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def failures(report: Report) -> list[tuple[list[str], FlowdeployError]]:
    """The errors of all steps, each with the instances that it is of; identical errors once.

    For many instances, errors that differ by the names of their own instances only are
    identical.
    """
    alike = group_values(
        (_without_names(error, step), (error, where(step)))
        for step in report.steps
        if (error := step.error)
    )
    return [each for words, same in alike.items() for each in _distinct(words, same)]


_Words = tuple[str, str, tuple[str, ...], str | None]


def _distinct(
    words: _Words, same: Sequence[tuple[FlowdeployError, str]]
) -> Iterator[tuple[list[str], FlowdeployError]]:
    """One error for many instances, in ``words`` without names; for few, each as it is."""
    found = group_values((_words(error), (error, name)) for error, name in same)
    if len(found) > 1 and len(same) > FEW:
        code, message, details, hint = words
        yield (
            [name for _, name in same],
            ServiceError(code, message, details=details, hint=hint),
        )
        return
    for exact in found.values():
        yield [name for _, name in exact], exact[0][0]


def _words(error: FlowdeployError) -> _Words:
    return (error.code, error.message, error.details, error.hint)


def _without_names(error: FlowdeployError, step: StepReport) -> _Words:
    instance = instance_of(step.step)
    names = (instance.id, instance.project) if instance else ()
    details = tuple(without_names(line, names) for line in error.details)
    hint = without_names(error.hint, names) if error.hint else None
    return (error.code, without_names(error.message, names), details, hint)


def end_sentence(report: Report) -> str:
    """A sentence: how the run ended, after how long, and the state of the instances."""
    verb = "in" if report.outcome is RunOutcome.SUCCEEDED else "after"
    outcome = str(report.outcome).capitalize()
    return f"{outcome} {verb} {duration(report.seconds)}: {_state_sentence(report)}"


def next_step(report: Report) -> str | None:
    """How to continue a run that is not complete; None for others."""
    what = _NEXT.get(report.outcome)
    if what is None:
        return None
    if not any(map(has_started, report.steps)):  # it may not be recorded
        return "Next: run the same command again"
    return f"Next: {what} flowdeploy resume {report.run}"


def _state_sentence(report: Report) -> str:
    changed = any(step.may_have_changed for step in report.steps)
    if not changed and report.outcome is not RunOutcome.SUCCEEDED:
        return "no instance was changed"
    instances = group_values((_state_text(step), where(step)) for step in _last_changes(report))
    clauses = {how: f"{how} on {names_or_count(names)}" for how, names in instances.items()}
    serving = [clauses.pop(state) for state in _SERVING if state in clauses]
    first = [f"{_subject(report.plan)} is {join_words(serving)}"] if serving else []
    told = "; ".join([*first, *clauses.values()]) or ", ".join(map(result, report.steps))
    return told or "nothing had to be changed"


def _last_changes(report: Report) -> Iterable[StepReport]:
    """Of each instance, the last deploy or promotion that has begun; else the first."""
    last: dict[str, StepReport] = {}
    for step in report.steps:
        begins = has_started(step) or where(step) not in last
        if begins and isinstance(step.step, Deploy | Promote):
            last[where(step)] = step
    return last.values()


def _subject(plan: Plan | None) -> str:
    if plan is None or plan.kind is not PlanKind.RECONFIGURE:
        return str(plan and plan.version)
    return f"a revision of {plan.version}" if plan.version else "a revision"


def _state_text(step: StepReport) -> str:
    if step.succeeded and isinstance(step.step, Promote) and step.step.undoes:
        return "rolled back"
    if step.state and (step.succeeded or step.state not in _SERVING):
        return _STATE_TEXTS.get(step.state, str(step.state))
    return str(step.outcome).replace("-", " ")
