"""A YAML text as plain values, with the line on which each of them stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from flowdeploy.appengine.forms.problems import Path, Place, Problem

Lines = Mapping[Path, int]


class _Loader(yaml.SafeLoader):
    """Takes for booleans and numbers what gcloud's own library takes for them (YAML 1.1)."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("[yYnN]$"), list("yYnN"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


class _Scalars(SafeConstructor):
    bool_values = SafeConstructor.bool_values | {"y": True, "n": False}


@dataclass(frozen=True, slots=True)
class Document:
    """The values of one YAML document and their lines, counted from 1."""

    values: dict[str, Any]
    lines: Lines

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(text: bytes | str, least: str = "runtime") -> tuple[Document, list[Problem]]:
    """Read one document whose top level is a mapping.

    Stricter than YAML where gcloud 528 is: no key twice, no second document, no
    anchors or references. Keys are texts as they stand, never ``on`` as a
    boolean. A document that cannot be read comes back empty with a problem; in one
    that says nothing, ``least`` is what to write.
    """
    lines: dict[Path, int] = {(): 1}
    problems: list[Problem] = []
    try:
        if line := _anchor_line(text):
            return _unreadable("anchors and references cannot be used; write the value out", line)
        root = yaml.compose(text, _Loader)
        values = _Reader(lines).read(root, Place(problems=problems)) if root else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return _unreadable(f"is no YAML: {error.problem}", 1 if mark is None else mark.line + 1)
    except (yaml.YAMLError, RecursionError) as error:
        return _unreadable(f"is no YAML: {' '.join(str(error).split())}", 1)
    if not isinstance(values, dict) or not values:
        return _unreadable(f"has no `key: value` lines; write at least {least}", 1)
    return Document(values, lines), problems


def _anchor_line(text: bytes | str) -> int | None:
    events: Iterator[Any] = yaml.parse(text, _Loader)
    return next((e.start_mark.line + 1 for e in events if getattr(e, "anchor", None)), None)


def _unreadable(what: str, line: int) -> tuple[Document, list[Problem]]:
    return Document({}, {(): line}), [Problem((), what)]


class _Reader:
    """Builds values from YAML nodes and notes their lines on the way."""

    def __init__(self, lines: dict[Path, int]) -> None:
        self._lines = lines
        self._scalars = _Scalars()

    def read(self, node: yaml.Node, place: Place) -> Any:
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, place))
        if isinstance(node, yaml.SequenceNode):
            return [self._noted(item, place / at) for at, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _noted(self, node: yaml.Node, place: Place) -> Any:
        self._lines[place.path] = node.start_mark.line + 1
        return self.read(node, place)

    def _entries(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                place.problem("a key is a list or a block; write a single word")
                continue
            inside = place / key_node.value
            self._lines[inside.path] = key_node.start_mark.line + 1
            if key_node.value in seen:
                inside.problem("is there twice; keep one")
            seen.add(key_node.value)
            yield key_node.value, self.read(value_node, inside)

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        try:
            value = self._scalars.construct_object(node)
            str(value)  # Python refuses to write out a number of thousands of digits
        except (ValueError, yaml.constructor.ConstructorError):
            place.problem("looks like a date or number and is none; put it in quotes")
            return None
        if isinstance(value, datetime) and value.tzinfo:
            return value.astimezone(UTC).replace(tzinfo=None)  # as gcloud's library does
        return value
