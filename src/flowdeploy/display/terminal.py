"""What can be shown where: a terminal, a pipe, a stream that knows only ASCII."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from flowdeploy.display.text import clean

Line = str | Text


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


def literal(*parts: str | tuple[str, str]) -> Text:
    """One line of texts or (text, style): no markup in them counts, no control sequence is left."""
    styled = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((clean(text), style) for text, style in styled))


def say(console: Console, line: Line) -> None:
    """Print a line, neither wrapped nor cut."""
    text = literal(line) if isinstance(line, str) else line
    text.rstrip()
    console.print(text, soft_wrap=True)


def say_blocks(console: Console, blocks: Iterable[Sequence[Line]]) -> None:
    """Print blocks of lines with an empty line between each two; empty blocks are left out."""
    for number, block in enumerate(block for block in blocks if block):
        for line in ["", *block] if number else block:
            say(console, line)
