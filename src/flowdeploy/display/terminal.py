"""What can be shown where: a terminal, a pipe, a stream that knows only ASCII."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.console import Console
from rich.text import Text

from flowdeploy.display.text import clean


def console_on(stream: TextIO, environ: Mapping[str, str]) -> Console:
    """A console that sends control sequences only to a terminal whose user has not said no.

    What the stream's encoding lacks is written as an escape (``\\u2026``).
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return Console(
        file=stream,
        # Not left to rich, which takes a pipe for a terminal where FORCE_COLOR is set.
        force_terminal=stream.isatty(),
        color_system=None if environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def takes_live_display(console: Console) -> bool:
    """Whether a display may be redrawn in place; else everything is plain lines."""
    return console.is_terminal and not console.is_dumb_terminal and not console.no_color


def wrap_width(console: Console) -> int | None:
    """Where text is to be wrapped: at a terminal's edge; in a pipe nowhere."""
    return console.width if console.is_terminal else None


def say(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one line, of texts or (text, style), literally: no markup, not wrapped, not cut."""
    line = literal(parts)
    line.rstrip()
    console.print(line, soft_wrap=True)


def say_all(console: Console, lines: Iterable[str], style: str = "") -> None:
    for line in lines:
        say(console, (line, style))


def literal(parts: Iterable[str | tuple[str, str]]) -> Text:
    styled = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((clean(text), style) for text, style in styled))
