"""What is wrong with a value of a file, and where the value is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from flowdeploy.errors import Refused

Path = tuple[str | int, ...]
"""The keys and list indexes that lead to a value: ``("handlers", 2, "url")``."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; lines and columns are counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, or worth a note, in a file.

    ``message`` names the value; ``advice`` says what to write instead, if anything.
    """

    path: Path
    message: str
    advice: str = ""
    position: Position = Position()

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}" if self.advice else self.message


class Wrong(ValueError):
    """A value is not valid; the message says what to write instead."""


def _nowhere(_path: Path) -> Position:
    return Position()


@dataclass(frozen=True, slots=True)
class Place:
    """The path of the value that is being read, and the lists that collect problems and notes.

    ``place / "key"`` is the place of a value inside. ``locate`` finds the position of a
    path in the file; without a file every position is the first one.
    """

    path: Path = ()
    locate: Callable[[Path], Position] = _nowhere
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def __truediv__(self, key: str | int) -> Place:
        return Place((*self.path, key), self.locate, self.problems, self.notes)

    def problem(self, message: str, advice: str) -> None:
        """Add a problem; ``message`` continues the name of the value."""
        self.problems.append(self._problem(message, advice))

    def note(self, message: str, advice: str = "") -> None:
        """Add a note; ``message`` continues the name of the value."""
        self.notes.append(self._problem(message, advice))

    def _problem(self, message: str, advice: str) -> Problem:
        name = f"{path_text(self.path)} " if self.path else ""
        return Problem(self.path, name + message, advice, self.locate(self.path))


def describe_in_order(source: str, problems: Iterable[Problem]) -> list[str]:
    """Each problem as ``FILE:LINE: message; advice``, in the order of the file."""
    ordered = sorted(problems, key=lambda problem: (problem.position.line, str(problem)))
    return [f"{source}:{problem.position.line}: {problem}" for problem in ordered]


def refusal(source: str, details: list[str]) -> Refused:
    """The error that lists all problems of a source."""
    count = "a problem" if len(details) == 1 else f"{len(details)} problems"
    return Refused(
        f"{source} has {count} and cannot be deployed",
        details=details,
        hint="If a build generates it, correct the input of the build.",
    )


def path_text(path: Path) -> str:
    """A path as people write it: ``handlers[2].expiration``."""
    parts = (
        f"[{step}]" if isinstance(step, int) else f".{step if step.isprintable() else repr(step)}"
        for step in path
    )
    return "".join(parts).removeprefix(".")


def summary(value: Any) -> str:
    """A value for a message: short, and without what is inside it."""
    match value:
        case None:
            return "empty"
        case dict():
            return "a block of keys"
        case list():
            return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
