"""YAML text → plain data that remembers where in the file each value stands."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 50
MAX_NODES = 100_000  # a fleet of a thousand instances has a tenth of that

Location = tuple[str | int, ...]
"""The way to a value: ``("instances", 3, "role")``."""


_SURROGATE = re.compile("[\ud800-\udfff]")


def dotted(location: Location) -> str:
    """The location as people write it: ``instances[3].role``."""
    parts = (
        f"[{step}]" if isinstance(step, int) else f".{step if step.isprintable() else repr(step)}"
        for step in location
    )
    return "".join(parts).removeprefix(".") or "the file"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the file; lines and columns are counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something wrong at a position, and what to do instead."""

    position: Position
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding in a file, as it is shown: ``FILE:LINE:COLUMN: what; write …``."""

    file: str
    line: int
    column: int
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}; {self.advice}"


@dataclass(frozen=True, slots=True)
class Document:
    """``values`` is empty where ``findings`` left nothing that could be looked at."""

    data: Any
    keys: Mapping[Location, Position]
    values: Mapping[Location, Position]
    findings: tuple[Finding, ...]

    def key(self, location: Location) -> Position:
        """Where the key stands; for an item of a list, where the item does."""
        return self.keys.get(location) or self.value(location)

    def value(self, location: Location) -> Position:
        """Where the value stands; for a missing one, what should have held it."""
        while location not in self.values and location:
            location = location[:-1]
        return self.values.get(location, Position())


def parse(content: bytes) -> Document:
    """The one YAML document in ``content``, which must be UTF-8. Raises nothing."""
    try:
        return _parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        where = _position_after(content[: error.start].decode("utf-8-sig"))
        return _nothing(Finding(where, "this is not UTF-8 text", "save the file as UTF-8"))


def _parse(text: str) -> Document:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return _nothing(Finding(Position(), "the file is empty", "write `instances:` and more"))
        return _Walk(loader).document(root)
    except yaml.reader.ReaderError as error:
        finding = Finding(
            _position_after(text[: error.position]),
            f"the character U+{ord(text[error.position]):04X} is not allowed in YAML",
            "remove it",
        )
    except yaml.MarkedYAMLError as error:
        finding = _from_yaml(error)
    return _nothing(finding)


def _nothing(finding: Finding) -> Document:
    return Document(None, {}, {}, (finding,))


def _position_after(text: str) -> Position:
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _from_yaml(error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    where = _at(mark) if mark else Position()
    message = " ".join(part for part in (error.context, error.problem) if part)
    if error.note:
        return Finding(where, message, error.note)
    return Finding(where, f"this is not YAML: {message}", "mend the syntax here or just before")


def _at(mark: yaml.Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)


class _Loader(yaml.SafeLoader):
    """A safe loader that composes nodes of bounded depth, out of whole characters."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if parent and self.depth > MAX_DEPTH:
            raise _refusal(parent, f"nested more than {MAX_DEPTH} deep", "write it flatter")
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode) and _SURROGATE.search(node.value):
            raise _refusal(node, "half of a surrogate pair", "write the character itself")
        self.depth -= 1
        return node


# Dates stay text (`skip: 2019-06-30` is a reason), and so do YAML 1.1's `<<` and `=`.
_PLAIN = {"tag:yaml.org,2002:" + name for name in ("null", "bool", "int", "float")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag in _PLAIN]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_ACCEPTED_TAGS = _PLAIN | {"tag:yaml.org,2002:" + name for name in ("str", "seq", "map")}


def _refusal(node: yaml.Node, what: str, advice: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark, note=advice)


@dataclass(slots=True)
class _Walk:
    """Turns nodes into data, aliases written out, and notes positions on the way."""

    loader: _Loader
    keys: dict[Location, Position] = field(default_factory=dict)
    values: dict[Location, Position] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def document(self, root: yaml.Node) -> Document:
        data = self._data(root, ())
        return Document(data, self.keys, self.values, tuple(self.findings))

    def _data(self, node: yaml.Node, location: Location) -> Any:
        # An alias may hold its own ancestor, or multiply: both end here.
        if len(location) > MAX_DEPTH or len(self.values) > MAX_NODES:
            raise _refusal(node, "aliases make this endless, or far too large", "write less of it")
        self.values[location] = _at(node.start_mark)
        if node.tag not in _ACCEPTED_TAGS:
            self._find(node, f"the tag {node.tag} is not accepted", "write a plain value")
        match node:
            case yaml.MappingNode():
                return self._mapping(node, location)
            case yaml.SequenceNode():
                return [self._data(item, (*location, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:str":
                self._find(key_node, "a key must be text", "write it in quotes")
            elif key in data:
                first = self.keys[(*location, key)].line
                self._find(key_node, f"{key!r} is there twice, first in line {first}", "remove one")
            else:
                self.keys[(*location, key)] = _at(key_node.start_mark)
                data[key] = self._data(value_node, (*location, key))
        return data

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return _number_or_text(self.loader, node)
        except (ValueError, KeyError, IndexError):  # `!!int x`, `!!bool x`, `!!int ""`
            kind = node.tag.rpartition(":")[2]
            message = f"{reprlib.repr(node.value)} is no {kind} that fits"
            self._find(node, message, "write it in quotes, as text")
            return node.value

    def _find(self, node: yaml.Node, message: str, advice: str) -> None:
        self.findings.append(Finding(_at(node.start_mark), message, advice))


def _number_or_text(loader: _Loader, node: yaml.Node) -> Any:
    value = loader.construct_object(node) if node.tag in _PLAIN else node.value
    if isinstance(value, int) and value.bit_length() > 63:
        raise ValueError("no API takes more than 64 bits")
    return value
