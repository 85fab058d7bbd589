"""Shows an error: what happened, the findings, and what to do."""

from collections.abc import Sequence

from rich.console import Console

from flowdeploy.checks.findings import FEW, line_for_people
from flowdeploy.display.terminal import Line, literal, say_blocks, wrap_width
from flowdeploy.display.text import clean_lines, wrap, wrap_each
from flowdeploy.errors import FlowdeployError

MOST_LINES = 1000  # of an error; all of it is in the report


def render(error: FlowdeployError, console: Console, *, verbose: bool = False) -> None:
    say_blocks(console, [error_lines(error, wrap_width(console), verbose=verbose)])


def error_lines(error: FlowdeployError, width: int | None, *, verbose: bool = False) -> list[Line]:
    """The lines of an error that ends a command; ``verbose``: with the names of many instances."""
    first, *rest = clean_lines(error.message) or [error.code]
    headline, *more = wrap(f"Error: {first}", width)
    return [
        literal(("Error:", "bold red"), headline.removeprefix("Error:")),
        *more,
        *_body(error, rest, width, verbose=verbose),
    ]


def failure_lines(
    names: Sequence[str], error: FlowdeployError, width: int | None, *, verbose: bool = False
) -> list[Line]:
    """The lines of an error of steps of these instances."""
    named = ", ".join(names) if verbose or len(names) <= FEW else f"{len(names)} instances"
    lines = clean_lines(error.message)
    return [
        *wrap(f"{error.code} on {named}", width),
        *_body(error, lines, width, hint_indent="  ", verbose=verbose),
    ]


def _body(
    error: FlowdeployError,
    lines: Sequence[str],
    width: int | None,
    hint_indent: str = "",
    *,
    verbose: bool = False,
) -> list[Line]:
    """Lines of the message, the findings and the hint."""
    shown = (line_for_people(finding, verbose=verbose) for finding in error.details)
    lines = [*lines, *(line for each in shown for line in clean_lines(each))]
    left = [f"… and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
    hint = [f"Hint: {error.hint}"] if error.hint else []
    return [
        *wrap_each([*lines[:MOST_LINES], *left], width, "  "),
        *(literal((line, "bold")) for line in wrap_each(hint, width, hint_indent)),
    ]
