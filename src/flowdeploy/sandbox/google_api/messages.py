"""Messages of Google's APIs: definitions of their fields, and strict parsing from JSON.

Source: the JSON mapping of protocol buffers (protobuf.dev, "ProtoJSON Format"). Field names
may be lowerCamel or snake_case, enums may be names or numbers, and numbers may be strings.
Unknown fields are refused with the error text of Google's front end. Fields with their
default value are omitted, as the services do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument

PACKAGE = "type.googleapis.com/google."


@dataclass(frozen=True, slots=True)
class ScalarType:
    """A scalar type. ``convert`` raises ValueError for other values."""

    name: str
    convert: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum: names with their numbers. If a number has several names, the first one counts."""

    name: str
    numbers: Mapping[str, int]

    def name_of(self, number: int) -> str | None:
        return next((name for name, n in self.numbers.items() if n == number), None)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one type (``repeated``)."""

    of: FieldType


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from strings to values of one type."""

    of: FieldType


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message: named fields. Input for ``output_only`` fields is ignored."""

    name: str
    fields: Mapping[str, FieldType]
    output_only: frozenset[str] = field(default=frozenset())


FieldType = ScalarType | EnumType | ListOf | MapOf | MessageType


def define_enum(name: str, names: str, numbers: Iterable[int] | None = None) -> EnumType:
    """An enum with these names, separated by spaces; the default numbers count from 0."""
    split = names.split()
    return EnumType(name, dict(zip(split, numbers or range(len(split)), strict=True)))


def parse_message(kind: MessageType, data: object, at: str) -> dict[str, Any]:
    """Parse a message: lowerCamel field names, enums as names, no fields with defaults.

    ``at`` is the name of the message in errors. Raises ApiError INVALID_ARGUMENT.
    """
    result: dict[str, Any] = _parse(kind, data, at)
    return result


def with_enum_numbers(kind: FieldType, value: Any) -> Any:
    """The value with numbers for enums, as ``$alt=json;enum-encoding=int`` asks for."""
    match kind:
        case EnumType():
            return kind.numbers.get(value, value)
        case ListOf():
            return [with_enum_numbers(kind.of, item) for item in value]
        case MapOf():
            return {key: with_enum_numbers(kind.of, item) for key, item in value.items()}
        case MessageType():
            return {
                key: with_enum_numbers(kind.fields[key], item) if key in kind.fields else item
                for key, item in value.items()
            }
        case ScalarType():
            return value


@lru_cache(1024)
def to_camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


@lru_cache(1024)
def to_snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


def mask_paths(mask: str) -> list[list[str]]:
    """``"split.shard_by,labels,"`` → ``[["split", "shardBy"], ["labels"]]``"""
    return [to_camel(path.strip()).split(".") for path in mask.split(",") if path.strip()]


def apply_mask(current: Mapping[str, Any], patch: Mapping[str, Any], mask: str) -> dict[str, Any]:
    """``current`` with the fields in ``mask`` replaced by those of ``patch``, or removed.

    Raises ApiError INVALID_ARGUMENT for a mask with a path below a scalar.
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
            raise invalid_argument(
                f"Invalid field mask: '{head}' has no field '{rest[0]}'.", "update_mask"
            )
        target[head] = dict(below)
        _set(target[head], value, rest)
    elif head in patch:
        target[head] = patch[head]
    else:
        target.pop(head, None)


def _parse(kind: FieldType, data: Any, at: str) -> Any:
    match kind:
        case MessageType():
            return _parse_fields(kind, data, at)
        case MapOf():
            items = _expect(dict, data, at, "map")
            return {key: _parse(kind.of, item, f"{at}[{key}]") for key, item in items.items()}
        case ListOf():
            items = _expect(list, data, at, "list")
            return [_parse(kind.of, item, f"{at}[{n}]") for n, item in enumerate(items)]
        case EnumType():
            return _parse_enum_name(kind, data, at)
        case ScalarType():
            try:
                return kind.convert(data)
            except ValueError:
                raise _value_error(at, f"TYPE_{kind.name}", data) from None


def _parse_fields(kind: MessageType, data: Any, at: str) -> dict[str, Any]:
    result = {}
    for name, value in _expect(dict, data, at, kind.name).items():
        key = name if name in kind.fields else to_camel(name)
        if key not in kind.fields:
            raise invalid_argument(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': "
                "Cannot find field.",
                at,
            )
        if value is None or key in kind.output_only:
            continue
        of = kind.fields[key]
        read_value = _parse(of, value, f"{at}.{to_snake(key)}")
        if isinstance(of, MessageType) or not _is_default(of, read_value):
            result[key] = read_value
    return result


def _parse_enum_name(kind: EnumType, data: Any, at: str) -> str:
    name = kind.name_of(data) if isinstance(data, int) and not isinstance(data, bool) else data
    if not isinstance(name, str) or name not in kind.numbers:
        raise _value_error(at, PACKAGE + kind.name, data)
    return name


def _is_default(kind: FieldType, value: Any) -> bool:
    if isinstance(kind, EnumType):
        return kind.numbers[value] == 0
    return not value


def _expect(of: type, data: Any, at: str, name: str) -> Any:
    if not isinstance(data, of):
        raise _value_error(at, name, data)
    return data


def _value_error(at: str, kind: str, data: Any) -> ApiError:
    return invalid_argument(f"Invalid value at '{at}' ({kind}), {json.dumps(data)[:200]}", at)


def _require(holds: bool, value: Any) -> None:
    if not holds:
        raise ValueError(value)


def _to_text(value: Any) -> str:
    _require(isinstance(value, str), value)
    return str(value)


def _to_bool(value: Any) -> bool:
    _require(isinstance(value, bool), value)
    return bool(value)


def _to_number(value: Any) -> float:
    _require(isinstance(value, int | float | str) and not isinstance(value, bool), value)
    number = value if isinstance(value, int) else float(value)
    _require(-1e300 < number < 1e300, value)
    return number


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = _to_number(value)
        _require(number == int(number) and low <= number <= high, value)
        return int(number)

    return convert


def _pattern(pattern: str) -> Callable[[Any], str]:
    shape = re.compile(pattern, re.ASCII)

    def convert(value: Any) -> str:
        _require(shape.fullmatch(_to_text(value)) is not None, value)
        return str(value)

    return convert


_to_plain_duration = _pattern(r"-?\d{1,12}(\.\d{1,9})?s")


def _to_duration(value: Any) -> str:
    """Normalize to 0, 3, 6 or 9 decimals, as few as needed: ``10.0s`` becomes ``10s``."""
    whole, _, decimals = _to_plain_duration(value)[:-1].partition(".")
    decimals = decimals.rstrip("0")
    width = -(-len(decimals) // 3) * 3
    return f"{int(whole)}.{decimals:0<{width}}s" if decimals else f"{int(whole)}s"


_to_int64 = _integer(-(2**63), 2**63 - 1)

STRING = ScalarType("STRING", _to_text)
BOOL = ScalarType("BOOL", _to_bool)
DOUBLE = ScalarType("DOUBLE", _to_number)
INT32 = ScalarType("INT32", _integer(-(2**31), 2**31 - 1))
UINT32 = ScalarType("UINT32", _integer(0, 2**32 - 1))
INT64 = ScalarType("INT64", lambda value: str(_to_int64(value)))
DURATION = ScalarType("DURATION", _to_duration)
TIMESTAMP = ScalarType(
    "TIMESTAMP", _pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
)
BYTES = ScalarType("BYTES", _pattern(r"[A-Za-z0-9+/_-]*={0,2}"))
