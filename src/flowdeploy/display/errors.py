"""Shows an error: what happened, the findings, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from flowdeploy.display.terminal import Line, literal, say_blocks, wrap_width
from flowdeploy.display.text import clean, clean_lines, wrap
from flowdeploy.errors import FlowdeployError


def render(error: FlowdeployError, console: Console) -> None:
    say_blocks(console, [error_lines(error, wrap_width(console))])


def error_lines(error: FlowdeployError, width: int | None) -> list[Line]:
    """The lines of an error that ends a command."""
    first, *rest = clean_lines(error.message) or [error.code]
    headline, *more = wrap(f"Error: {first}", width)
    return [
        literal(("Error:", "bold red"), headline.removeprefix("Error:")),
        *more,
        *_indent("\n".join(rest), width),
        *_findings(error, width),
        *_hint(error, width),
    ]


def failure_lines(headline: str, error: FlowdeployError, width: int | None) -> list[Line]:
    """The lines of an error of steps, which ``headline`` names."""
    return [
        *wrap(headline, width),
        *_indent(error.message, width),
        *_findings(error, width),
        *_hint(error, width, indent="  "),
    ]


def _findings(error: FlowdeployError, width: int | None) -> Iterator[str]:
    for finding in error.details:
        yield from _indent(finding, width)


def _hint(error: FlowdeployError, width: int | None, indent: str = "") -> Iterator[Line]:
    if error.hint:
        for line in wrap(clean(f"Hint: {error.hint}"), width, indent):
            yield literal((line, "bold"))


def _indent(text: str, width: int | None) -> Iterator[str]:
    """The lines of a text, indented by two columns."""
    for line in clean_lines(text):
        yield from wrap(line, width, "  ")
