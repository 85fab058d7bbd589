"""Messages of Google's APIs in JSON: read strictly, written in the form that was asked for.

Source: the JSON mapping of protocol buffers (protobuf.dev, "ProtoJSON Format"). Names may
come in lowerCamel or snake_case, enums as names or numbers, numbers as texts; what is not
a field is refused in the words of Google's front end. Fields at their default are left
out, as the services leave them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from flowdeploy.sandbox.errors import ApiError, invalid

PACKAGE = "type.googleapis.com/google."


@dataclass(frozen=True, slots=True)
class Scalar:
    """A plain value. ``convert`` raises ValueError for what is none."""

    name: str
    convert: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Enum:
    """A set of names with numbers; the first of several names with one number counts."""

    name: str
    numbers: Mapping[str, int]

    def name_of(self, number: int) -> str | None:
        return next((name for name, n in self.numbers.items() if n == number), None)


@dataclass(frozen=True, slots=True)
class Repeated:
    of: Type


@dataclass(frozen=True, slots=True)
class Map:
    """Texts to values."""

    of: Type


@dataclass(frozen=True, slots=True)
class Message:
    """Named fields. ``output_only`` ones are accepted and passed over."""

    name: str
    fields: Mapping[str, Type]
    output_only: frozenset[str] = field(default=frozenset())


Type = Scalar | Enum | Repeated | Map | Message


def enum(name: str, names: str, numbers: Iterable[int] | None = None) -> Enum:
    """An enum from its names, separated by spaces; numbered from 0 unless told otherwise."""
    split = names.split()
    return Enum(name, dict(zip(split, numbers or range(len(split)), strict=True)))


def read(kind: Message, data: object, at: str) -> dict[str, Any]:
    """The message in lowerCamel, with names for enums, without defaults.

    ``at`` is what the message is called in errors. Raises ApiError INVALID_ARGUMENT.
    """
    result: dict[str, Any] = _read(kind, data, at)
    return result


def with_numbers(kind: Type, value: Any) -> Any:
    """The same value with numbers for enums: ``$alt=json;enum-encoding=int``."""
    match kind:
        case Enum():
            return kind.numbers.get(value, value)
        case Repeated():
            return [with_numbers(kind.of, item) for item in value]
        case Map():
            return {key: with_numbers(kind.of, item) for key, item in value.items()}
        case Message():
            return {
                key: with_numbers(kind.fields[key], item) if key in kind.fields else item
                for key, item in value.items()
            }
        case Scalar():
            return value


@lru_cache(1024)
def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


@lru_cache(1024)
def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


def mask_paths(mask: str) -> list[list[str]]:
    """``"split.shard_by,labels,"`` → ``[["split", "shardBy"], ["labels"]]``"""
    return [camel(path.strip()).split(".") for path in mask.split(",") if path.strip()]


def merge(current: Mapping[str, Any], patch: Mapping[str, Any], mask: str) -> dict[str, Any]:
    """``current`` with the fields of ``mask`` as ``patch`` has them, gone where it has none.

    Raises ApiError INVALID_ARGUMENT for a mask that leads below a plain value.
    """
    result = dict(current)
    for path in mask_paths(mask):
        _set(result, patch, path)
    return result


def _set(target: dict[str, Any], patch: Mapping[str, Any], path: list[str]) -> None:
    head, *rest = path
    if rest:
        below, value = target.get(head, {}), patch.get(head, {})
        if not isinstance(below, dict) or not isinstance(value, dict):
            raise invalid(f"Invalid field mask: '{head}' has no field '{rest[0]}'.", "update_mask")
        target[head] = dict(below)
        _set(target[head], value, rest)
    elif head in patch:
        target[head] = patch[head]
    else:
        target.pop(head, None)


def _read(kind: Type, data: Any, at: str) -> Any:
    match kind:
        case Message():
            return _read_fields(kind, data, at)
        case Map():
            items = _expect(dict, data, at, "map")
            return {key: _read(kind.of, item, f"{at}[{key}]") for key, item in items.items()}
        case Repeated():
            items = _expect(list, data, at, "list")
            return [_read(kind.of, item, f"{at}[{n}]") for n, item in enumerate(items)]
        case Enum():
            return _read_enum(kind, data, at)
        case Scalar():
            try:
                return kind.convert(data)
            except ValueError:
                raise _bad_value(at, f"TYPE_{kind.name}", data) from None


def _read_fields(kind: Message, data: Any, at: str) -> dict[str, Any]:
    result = {}
    for name, value in _expect(dict, data, at, kind.name).items():
        key = name if name in kind.fields else camel(name)
        if key not in kind.fields:
            raise invalid(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': "
                "Cannot find field.",
                at,
            )
        if value is None or key in kind.output_only:
            continue
        of = kind.fields[key]
        read_value = _read(of, value, f"{at}.{snake(key)}")
        if isinstance(of, Message) or not _is_default(of, read_value):
            result[key] = read_value
    return result


def _read_enum(kind: Enum, data: Any, at: str) -> str:
    name = kind.name_of(data) if isinstance(data, int) and not isinstance(data, bool) else data
    if not isinstance(name, str) or name not in kind.numbers:
        raise _bad_value(at, PACKAGE + kind.name, data)
    return name


def _is_default(kind: Type, value: Any) -> bool:
    if isinstance(kind, Enum):
        return kind.numbers[value] == 0
    return not value


def _expect(of: type, data: Any, at: str, name: str) -> Any:
    if not isinstance(data, of):
        raise _bad_value(at, name, data)
    return data


def _bad_value(at: str, kind: str, data: Any) -> ApiError:
    return invalid(f"Invalid value at '{at}' ({kind}), {json.dumps(data)[:200]}", at)


def _require(holds: bool, value: Any) -> None:
    if not holds:
        raise ValueError(value)


def _text(value: Any) -> str:
    _require(isinstance(value, str), value)
    return str(value)


def _truth(value: Any) -> bool:
    _require(isinstance(value, bool), value)
    return bool(value)


def _number(value: Any) -> float:
    _require(isinstance(value, int | float | str) and not isinstance(value, bool), value)
    number = value if isinstance(value, int) else float(value)
    _require(-1e300 < number < 1e300, value)
    return number


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = _number(value)
        _require(number == int(number) and low <= number <= high, value)
        return int(number)

    return convert


def _matching(pattern: str) -> Callable[[Any], str]:
    shape = re.compile(pattern, re.ASCII)

    def convert(value: Any) -> str:
        _require(shape.fullmatch(_text(value)) is not None, value)
        return str(value)

    return convert


_plain_duration = _matching(r"-?\d{1,12}(\.\d{1,9})?s")


def _duration(value: Any) -> str:
    """With no, three, six or nine decimals, as few as it takes: ``10.0s`` is ``10s``."""
    whole, _, decimals = _plain_duration(value)[:-1].partition(".")
    decimals = decimals.rstrip("0")
    width = -(-len(decimals) // 3) * 3
    return f"{int(whole)}.{decimals:0<{width}}s" if decimals else f"{int(whole)}s"


_whole64 = _whole(-(2**63), 2**63 - 1)

STRING = Scalar("STRING", _text)
BOOL = Scalar("BOOL", _truth)
DOUBLE = Scalar("DOUBLE", _number)
INT32 = Scalar("INT32", _whole(-(2**31), 2**31 - 1))
UINT32 = Scalar("UINT32", _whole(0, 2**32 - 1))
INT64 = Scalar("INT64", lambda value: str(_whole64(value)))
DURATION = Scalar("DURATION", _duration)
TIMESTAMP = Scalar(
    "TIMESTAMP", _matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
)
BYTES = Scalar("BYTES", _matching(r"[A-Za-z0-9+/_-]*={0,2}"))
