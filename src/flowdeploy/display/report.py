"""Shows a report: every instance with its URL, every error once, and how the run ended."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from flowdeploy.display.errors import error_lines, failure_lines
from flowdeploy.display.outcome import end_sentence, failures, has_row, next_step, remarks
from flowdeploy.display.tables import pad
from flowdeploy.display.terminal import Line, literal, say_blocks, wrap_width
from flowdeploy.display.text import wrap, wrap_each
from flowdeploy.display.words import instance_name, result, target_line
from flowdeploy.report import Outcome, Report, RunOutcome, StepReport

_STYLES = {Outcome.DONE: "green", Outcome.UNCHANGED: "cyan", Outcome.FAILED: "bold red"}


def render(report: Report, console: Console, *, verbose: bool = False) -> None:
    """Print the table of steps, remarks, errors and how the run ended; the target comes last."""
    width = wrap_width(console)
    blocks: list[Sequence[Line]] = [
        list(_table([step for step in report.steps if has_row(step)], width)),
        wrap_each(remarks(report, verbose=verbose), width),
        *(failure_lines(*each, width, verbose=verbose) for each in failures(report)),
        error_lines(report.error, width, verbose=verbose) if report.error else [],
        list(_end(report, width)),
    ]
    say_blocks(console, blocks)


def render_end(report: Report, console: Console) -> None:
    """Print only how the run ended, where a program reads the report itself."""
    say_blocks(console, [list(_end(report, wrap_width(console)))])


def _table(steps: list[StepReport], width: int | None) -> Iterator[Line]:
    """A line for each step; URLs are on lines of their own if the terminal is too narrow."""
    if not steps:
        return
    header, *rows = pad([["STAGE", "INSTANCE", "RESULT", "SECONDS"], *map(_cells, steps)])
    full = len("  ".join([*header, max((step.url or "" for step in steps), key=len)]))
    beside = width is None or full <= width
    yield literal(("  ".join([*header, *(["URL"] if beside else [])]), "bold"))
    for step, (stage, instance, outcome, seconds) in zip(steps, rows, strict=True):
        style = _STYLES.get(step.outcome, "")
        url = step.url if step.url and beside else ""
        yield literal(f"{stage}  {instance}  ", (outcome, style), f"  {seconds}  {url}")
        if step.url and not beside:
            yield f"    {step.url}"


def _cells(step: StepReport) -> list[str]:
    return [step.stage, instance_name(step.step), result(step), f"{step.seconds:7.1f}"]


def _end(report: Report, width: int | None) -> Iterator[Line]:
    style = "bold green" if report.outcome is RunOutcome.SUCCEEDED else "bold red"
    for line in wrap(end_sentence(report), width):
        yield literal((line, style))
    if what := next_step(report):
        yield from wrap(what, width)
    yield f"Run: {report.run}"
    yield target_line(report.target)
