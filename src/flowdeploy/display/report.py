"""A report, for people: every instance with its URL, every error once, what is so now."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from flowdeploy.display import errors
from flowdeploy.display.outcome import Failure, closing, failures, is_listed, next_step, remarks
from flowdeploy.display.tables import padded
from flowdeploy.display.terminal import say, say_all, wrap_width
from flowdeploy.display.text import clean, wrapped
from flowdeploy.display.words import instance_name, result, target_line
from flowdeploy.report import Outcome, Report, RunOutcome, StepReport

STYLES = {Outcome.DONE: "green", Outcome.UNCHANGED: "cyan", Outcome.FAILED: "bold red"}
_RESULT = 2  # the column of the table that is coloured


def render(report: Report, console: Console) -> None:
    """Print the closing table and all that is to be said after it; the last line is the target."""
    listed = [step for step in report.steps if is_listed(step)]
    if listed:
        _table(listed, console)
        say(console)
    width = wrap_width(console)
    for line in remarks(report):
        say_all(console, wrapped(clean(line), width))
    for failure in failures(report):
        say(console)
        say_all(console, _failure(failure, width))
    if report.error:
        say(console)
        errors.render(report.error, console)
    say(console)
    _end(report, console)


def _table(steps: list[StepReport], console: Console) -> None:
    """One line an instance; on a terminal too narrow for that, its URL stands on a line below."""
    header, *rows = padded([["STAGE", "INSTANCE", "RESULT", "SECONDS"], *map(_cells, steps)])
    longest = len("  ".join(header)) + 2 + max(len(step.url or "") for step in steps)
    beside = not console.is_terminal or longest <= console.width
    say(console, ("  ".join([*header, "URL"] if beside else header).rstrip(), "bold"))
    for step, cells in zip(steps, rows, strict=True):
        url = [step.url] if step.url else []
        left, right = cells[:_RESULT], cells[_RESULT + 1 :]
        said = (cells[_RESULT], STYLES.get(step.outcome, ""))
        say(
            console, "  ".join([*left, ""]), said, "  ".join(["", *right, *(url if beside else [])])
        )
        if not beside:
            say_all(console, [f"    {address}" for address in url])


def _cells(step: StepReport) -> list[str]:
    return [step.stage, instance_name(step.step), result(step), f"{step.seconds:7.1f}"]


def _failure(failure: Failure, width: int | None) -> Iterator[str]:
    error = failure.error
    yield from wrapped(f"{error.code} on {', '.join(failure.where)}", width)
    yield from errors.indented(error.message, width)
    yield from errors.details(error, width)
    yield from errors.hint(error, width, "  ")


def _end(report: Report, console: Console) -> None:
    style = "bold green" if report.outcome is RunOutcome.SUCCEEDED else "bold red"
    width = wrap_width(console)
    say_all(console, wrapped(closing(report), width), style)
    if what := next_step(report):
        say_all(console, wrapped(what, width))
    say(console, f"Run: {report.run}")
    say(console, target_line(report.target))
