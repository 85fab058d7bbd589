"""Reads YAML text as plain data that remembers the position of every key and value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from flowdeploy.appengine.forms.problems import Path, Position, Problem, path_text

MAX_DEPTH = 50
MAX_NODES = 50_000  # the configuration of a thousand instances has a fifth of that
MAX_BYTES = 1 << 20  # of a file that is parsed; PyYAML takes a second for some 100 KB
TAG = "tag:yaml.org,2002:"

LONGEST_VALUE = 1000  # characters of a value that is no text

Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]

# PyYAML raises any of these for `!!int x`, `!!bool x`, `!!timestamp x`, 2020-13-45.
_NOT_CONSTRUCTED = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, yaml.YAMLError),
)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What YAML means in one kind of file.

    ``resolvers`` tell which plain scalars are no text (PyYAML's
    ``yaml_implicit_resolvers``). ``scalar_tags`` are the tags that a scalar may have, and
    ``construct`` makes its value; it raises ValueError. Where not ``text_keys``, any
    scalar is a key, as it is written.
    """

    resolvers: Resolvers
    scalar_tags: frozenset[str]
    construct: Callable[[yaml.ScalarNode], Any]
    anchors: bool
    text_keys: bool


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The data of a file, a mapping, and its problems; no data if it cannot be read."""

    data: dict[str, Any]
    keys: Mapping[Path, Position]
    values: Mapping[Path, Position]
    problems: tuple[Problem, ...] = ()

    def key(self, path: Path) -> Position:
        """The position of a key or list item, or of the nearest one around it."""
        return _nearest(self.keys, path)

    def value(self, path: Path) -> Position:
        """The position of a value, or of the nearest one around it."""
        return _nearest(self.values, path)


def _nearest(positions: Mapping[Path, Position], path: Path) -> Position:
    while path and path not in positions:
        path = path[:-1]
    return positions.get(path, Position())


def parse_yaml(content: bytes | str, dialect: Dialect, least: str) -> YamlDocument:
    """Parse one document whose root is a mapping. Problems are in the result.

    ``least`` is the key that an empty file is advised to have.
    """
    try:
        if len(content) > MAX_BYTES:
            what = f"the file has more than {MAX_BYTES >> 10} KiB"
            return _unreadable(Position(), what, "write less of it")
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        document = _parse(text, dialect)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig")
        return _unreadable(_end_of(before), "this is not UTF-8 text", "save the file as UTF-8")
    except yaml.reader.ReaderError as error:
        what = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        return _unreadable(_end_of(text[: error.position]), what, "remove it")
    except yaml.MarkedYAMLError as error:
        return _unreadable(*_describe(error))
    if document and isinstance(document.data, dict) and document.data:
        return document
    what = "has no `key: value` lines" if document else "is empty"
    return _unreadable(Position(), f"the file {what}", f"write at least `{least}:`")


def _parse(text: str, dialect: Dialect) -> YamlDocument | None:
    composer = _Composer(text, dialect)
    try:
        root = composer.get_single_node()
    finally:
        composer.dispose()
    if root is None:
        return None
    walk = _Walk(dialect)
    data = walk.data(root, ())
    return YamlDocument(data, walk.keys, walk.values, tuple(walk.problems))


def _unreadable(position: Position, message: str, advice: str) -> YamlDocument:
    return YamlDocument({}, {}, {}, (Problem((), message, advice, position),))


def _end_of(text: str) -> Position:
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _describe(error: yaml.MarkedYAMLError) -> tuple[Position, str, str]:
    mark = error.problem_mark or error.context_mark
    position = _position(mark) if mark else Position()
    message = " ".join(part for part in (error.context, error.problem) if part)
    if error.note:
        return position, message, error.note
    return position, f"this is not YAML: {message}", "correct the syntax here or just before"


def _position(mark: yaml.Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _refusal(mark: yaml.Mark, what: str, advice: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=mark, note=advice)


class _Composer(yaml.SafeLoader):
    """Composes nodes of bounded depth from whole characters."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = dialect.resolvers
        self._anchors = dialect.anchors
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if not self._anchors and getattr(event, "anchor", None):
            what = "anchors and references cannot be used"
            raise _refusal(event.start_mark, what, "write the value out")
        self._depth += 1
        self._nodes += 1
        if parent and self._nodes > MAX_NODES:
            what = f"the file has more than {MAX_NODES:,} values"
            raise _refusal(event.start_mark, what, "write less of it")
        if parent and self._depth > MAX_DEPTH:
            what = f"nested more than {MAX_DEPTH} deep"
            raise _refusal(parent.start_mark, what, "write it flatter")
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode) and _SURROGATE.search(node.value):
            what = "half of a surrogate pair"
            raise _refusal(node.start_mark, what, "write the character itself")
        self._depth -= 1
        return node


@dataclass(slots=True)
class _Walk:
    """Turns nodes into data, aliases expanded, and records positions."""

    dialect: Dialect
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def data(self, node: yaml.Node, path: Path) -> Any:
        # An alias may contain its own ancestor, or multiply.
        if len(path) > MAX_DEPTH or len(self.values) > MAX_NODES:
            what = "aliases make this endless, or far too large"
            raise _refusal(node.start_mark, what, "write less of it")
        self.values[path] = _position(node.start_mark)
        match node:
            case yaml.MappingNode():
                self._check_tag(node, path, {TAG + "map"})
                return self._mapping(node, path)
            case yaml.SequenceNode():
                self._check_tag(node, path, {TAG + "seq"})
                return [self._item(item, (*path, at)) for at, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return self._scalar(node, path)
        raise AssertionError(node)

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self.keys[path] = _position(node.start_mark)
        return self.data(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, inside = key_node.value, (*path, key_node.value)
            if not self._is_key(key_node):
                self._add(key_node, path, "a key must be text", "write it in quotes")
            elif key in data:
                first = self.keys[inside].line
                message = f"{path_text(inside)} is there twice, first in line {first}"
                self._add(key_node, inside, message, "remove one")
            else:
                self.keys[inside] = _position(key_node.start_mark)
                data[key] = self.data(value_node, inside)
        return data

    def _is_key(self, node: yaml.Node) -> bool:
        is_scalar = isinstance(node, yaml.ScalarNode)
        return is_scalar and not (self.dialect.text_keys and node.tag != TAG + "str")

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if not self._check_tag(node, path, self.dialect.scalar_tags):
            return node.value
        try:
            # PyYAML takes minutes for a whole number such as 1:59:59:59…
            if node.tag == TAG + "str" or len(node.value) < LONGEST_VALUE:
                return self.dialect.construct(node)
        except _NOT_CONSTRUCTED:
            pass
        kind = node.tag.removeprefix(TAG)
        self._add(node, path, f"this is no {kind} that fits", "write it in quotes, as text")
        return node.value

    def _check_tag(self, node: yaml.Node, path: Path, known: frozenset[str] | set[str]) -> bool:
        if node.tag in known:
            return True
        self._add(node, path, f"the tag {node.tag} is not accepted", "write a plain value")
        return False

    def _add(self, node: yaml.Node, path: Path, message: str, advice: str) -> None:
        self.problems.append(Problem(path, message, advice, _position(node.start_mark)))
