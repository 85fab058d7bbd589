"""How an error is shown: what happened, the findings, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from flowdeploy.display.terminal import say, wrap_width
from flowdeploy.display.text import clean, clean_lines, wrapped
from flowdeploy.errors import FlowdeployError


def render(error: FlowdeployError, console: Console) -> None:
    width = wrap_width(console)
    first, *rest = clean_lines(error.message) or [error.code]
    headline, *more = wrapped(f"Error: {first}", width)
    say(console, ("Error:", "bold red"), headline.removeprefix("Error:"))
    for line in (*more, *indented("\n".join(rest), width), *details(error, width)):
        say(console, line)
    for line in hint(error, width):
        say(console, (line, "bold"))


def details(error: FlowdeployError, width: int | None) -> Iterator[str]:
    for finding in error.details:
        yield from indented(finding, width)


def hint(error: FlowdeployError, width: int | None, indent: str = "") -> list[str]:
    return wrapped(clean(f"Hint: {error.hint}"), width, indent) if error.hint else []


def indented(text: str, width: int | None) -> Iterator[str]:
    """The lines of a text, two columns in."""
    for line in clean_lines(text):
        yield from wrapped(line, width, "  ")
