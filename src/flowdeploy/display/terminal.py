"""Consoles: what a terminal, a pipe or an ASCII stream can show."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from flowdeploy.display.text import clean

Line = str | Text


def console_on(stream: TextIO, environ: Mapping[str, str]) -> Console:
    """A console that sends control sequences only to terminals, and respects ``NO_COLOR``.

    Characters that the stream's encoding lacks are written as escapes (``\\u2026``).
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return Console(
        file=stream,
        # rich would take a pipe for a terminal if FORCE_COLOR is set.
        force_terminal=stream.isatty(),
        color_system=None if environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def takes_live_display(console: Console) -> bool:
    """Whether the display can be redrawn in place; otherwise all output is plain lines."""
    return console.is_terminal and not console.is_dumb_terminal and not console.no_color


def wrap_width(console: Console) -> int | None:
    """The width to wrap text at: a terminal's; None for a pipe."""
    return console.width if console.is_terminal else None


def literal(*parts: str | tuple[str, str]) -> Text:
    """One line of texts or (text, style), shown literally and without control sequences."""
    styled = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((clean(text), style) for text, style in styled))


def say(console: Console, line: Line) -> None:
    """Print a line without wrapping or cropping it."""
    text = literal(line) if isinstance(line, str) else line
    text.rstrip()
    console.print(text, soft_wrap=True)


def say_blocks(console: Console, blocks: Iterable[Sequence[Line]]) -> None:
    """Print blocks of lines, separated by empty lines; empty blocks are skipped."""
    for number, block in enumerate(block for block in blocks if block):
        for line in ["", *block] if number else block:
            say(console, line)
