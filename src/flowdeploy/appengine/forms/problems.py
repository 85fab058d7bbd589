"""Where in a file a value is, and what is found wrong there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong (or noteworthy) at a path, as half a sentence after its name."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{path_text(self.path)} {self.text}" if self.path else self.text


class Wrong(ValueError):
    """A value that cannot be; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path that is being read, and the lists in which findings are gathered.

    ``place / "key"`` is the place of a value inside.
    """

    path: Path = ()
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def __truediv__(self, key: str | int) -> Place:
        return Place((*self.path, key), self.problems, self.notes)

    def problem(self, text: str) -> None:
        self.problems.append(Problem(self.path, text))

    def note(self, text: str) -> None:
        self.notes.append(Problem(self.path, text))


def path_text(path: Path) -> str:
    """``handlers[2].expiration``"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def summary(value: Any) -> str:
    """A value in a message: short, and without what lies inside it."""
    match value:
        case None:
            return "empty"
        case dict():
            return "a block of keys"
        case list():
            return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
