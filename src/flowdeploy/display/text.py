"""Prepares text for display: text from outside, durations, lists of names."""

import json
import re
import textwrap
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

# ECMA-48: CSI sequences; strings (OSC, DCS, …) up to their terminator; other escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)
_BLANKS = re.compile(r"[\t-\r\x85\u2028\u2029]+")
# C0 and C1 controls, and bidirectional controls, which reorder the text.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """``text`` on one line, without control characters and escape sequences."""
    return _CONTROLS.sub("", _BLANKS.sub(" ", _ESCAPES.sub("", text)))


def clean_lines(text: str) -> list[str]:
    """The lines of a text that are not empty, each cleaned."""
    return [line for line in map(clean, text.splitlines()) if line.strip()]


def json_text(document: Any, default: Callable[[Any], Any] | None = None) -> str:
    """``document`` as JSON, without ``##[``, which GitHub takes for a command in a log."""
    text = json.dumps(document, indent=2, default=default)
    return text.replace("##[", r"#\u0023[")  # it is in a string there


def output_line(text: str) -> str:
    """A line of a program's output as a terminal shows it, without what a CR has overwritten."""
    return clean(text.rstrip("\r\n").rpartition("\r")[2].expandtabs())


def duration(seconds: float) -> str:
    """``2.2s``, ``1m05s``, ``1h02m05s``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{rest:02}s" if hours else f"{minutes}m{rest:02}s"


def join_words(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def group_values(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """Each key with its values, in order of first appearance."""
    groups: dict[Key, list[Value]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def names_or_count(instances: Sequence[str]) -> str:
    """Up to three instances by name, more as a number."""
    return join_words(instances) if len(instances) <= 3 else f"{len(instances)} instances"


def wrap(text: str, width: int | None, indent: str = "") -> list[str]:
    """``text`` in lines of up to ``width``, broken at spaces; one line if that is None.

    Lines after the first are indented by two more columns.
    """
    if width is None:
        return [indent + text]
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrap_each(texts: Iterable[str], width: int | None, indent: str = "") -> list[str]:
    """Each text cleaned and wrapped."""
    return [line for text in texts for line in wrap(clean(text), width, indent)]
