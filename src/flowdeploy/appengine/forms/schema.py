"""Readers of values: what a value may be, and what is sent to the API for it.

A ``Read`` converts the value of the YAML document to JSON of the API; None means that
nothing is sent. It raises Wrong, or adds a problem to its place and continues, so that
one pass finds all problems. The conversions are those of gcloud 528
(``appengine/api/appinfo`` and ``appengine/admin/tools/conversion``).
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flowdeploy.appengine.forms.problems import Place, Wrong, summary
from flowdeploy.appengine.forms.user_regex import compile_regex

Read = Callable[[Any, Place], Any]

INT32 = 2**31 - 1
LONGEST_DURATION = 315_576_000_000  # seconds; the limit of protobuf's Duration
NOT_CARRIED = "cannot be sent: the App Engine Admin API has no field for it"
FLEXIBLE = "is a key of the flexible environment, which is not supported"
_MAX_SUGGESTIONS = 12  # keys that a message lists
_SCALARS = (str, int, float, date)
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_TRUE = ("true", "yes", "on", "y")


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a block, and the field that its value is sent in.

    ``name`` is the path of the field in the API if it is not the key in lowerCamel. A
    ``default`` is read if the key is absent.
    """

    read: Read
    name: str = ""
    required: bool = False
    nullable: bool = True
    default: Any = None


def text(value: Any, _place: Place) -> str:
    """Any single value, as text: numbers and booleans as Python writes them."""
    if not isinstance(value, _SCALARS):
        raise Wrong("a text")
    return str(value)


def pattern(regex: str, wanted: str) -> Read:
    """A text that matches as a whole."""
    allowed = re.compile(regex, re.ASCII)

    def read(value: Any, place: Place) -> str:
        if not allowed.fullmatch(text(value, place)):
            raise Wrong(wanted)
        return str(value)

    return read


def choice(*words: str, prefix: str = "", unsent: str | None = None) -> Read:
    """One of some words, sent as the value of an enum if there is a prefix."""

    def read(value: Any, place: Place) -> str | None:
        word = text(value, place)
        if word not in words:
            raise Wrong(f"one of {', '.join(words)}")
        sent = f"{prefix}_{word.upper()}" if prefix else word
        return None if word == unsent else sent

    return read


def switch(value: Any, _place: Place) -> bool:
    """A boolean, or a number. gcloud reads any text as true, even a quoted "false"."""
    if isinstance(value, bool | int | float) or str(value).lower() in _TRUE:
        return bool(value)
    raise Wrong("true or false, without quotes")


def whole(low: int, high: int = INT32) -> Read:
    """A whole number, also in quotes."""

    def read(value: Any, place: Place) -> int:
        number = text(value, place)
        if not re.fullmatch(r"-?[0-9]{1,19}", number) or not low <= int(number) <= high:
            raise Wrong(f"a whole number from {low} to {high}" if low >= 0 else "a whole number")
        return int(number)

    return read


def number(value: Any, place: Place) -> float:
    try:
        found = float(text(value, place))
    except ValueError:
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise Wrong("a number, such as 0.6")
    return found


def whole_or_automatic(value: Any, place: Place) -> int:
    """A number of instances; ``automatic`` is sent as 0."""
    if value == "automatic":
        return 0
    try:
        return int(whole(0)(value, place))
    except Wrong as wrong:
        raise Wrong(f"{wrong}, or automatic") from None


def regex(value: Any, place: Place) -> str:
    """A regular expression, or a list of alternatives."""
    parts = value if isinstance(value, list) else [value]
    joined = "|".join(re.sub(r"[\r\n]", "", text(part, place)) for part in parts)
    try:
        compile_regex(joined)
    except ValueError as error:
        raise Wrong(f"a regular expression ({error})") from None
    return joined


def text_map(value: Any, place: Place) -> dict[str, str]:
    """Names and texts, such as environment variables. No message contains a value."""
    texts: dict[str, str] = {}
    for name, inner in _mapping(value).items():
        if _VARIABLE.fullmatch(name):
            texts[name] = _map_value(inner, place / name)
        else:
            advice = "write letters, digits and _, not a digit first"
            (place / name).problem("is no name", advice)
    return texts


def _map_value(value: Any, place: Place) -> str:
    if value is None:
        place.note("has no value and is sent as the text None", 'write "" for an empty text')
        return "None"
    try:
        return text(value, place)
    except Wrong as wrong:
        place.problem("is not a single value", f"write {wrong}")
        return ""


def unusable(why: str, advice: str = "remove it") -> Read:
    """A known key that cannot be used; the reason continues its name."""

    def read(_value: Any, place: Place) -> None:
        place.problem(why, advice)

    return read


def list_of(read: Read, at_most: int | None = None) -> Read:
    def read_all(value: Any, place: Place) -> list[Any]:
        if not isinstance(value, list):
            raise Wrong("a list, each item on a line with - before it")
        if at_most is not None and len(value) > at_most:
            place.problem(f"has {len(value)} items", f"at most {at_most} are allowed")
        return [read_value(read, item, place / at) for at, item in enumerate(value)]

    return read_all


def block(keys: Mapping[str, Key], kind: str) -> Read:
    """A mapping with the given keys; ``kind`` is its name in messages."""

    def read(value: Any, place: Place) -> dict[str, Any]:
        given = _mapping(value)
        for name in given.keys() - keys.keys():
            (place / name).problem(*unknown_key(name, keys.keys() - given.keys(), kind))
        sent: dict[str, Any] = {}
        for name, key in keys.items():
            put(sent, key.name or camel(name), entry(given, name, key, place))
        return sent

    return read


def unknown_key(name: str, keys: Iterable[str], kind: str) -> tuple[str, str]:
    """Message and advice for an unknown key; the advice is the known one that is nearest."""
    known = sorted(keys)
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"is no key of {kind}", f"write {close[0]}"
    if len(known) > _MAX_SUGGESTIONS:
        return f"is no key of {kind}", "remove it"
    return f"is no key of {kind}", f"its other keys are {', '.join(known)}"


def entry(given: Mapping[str, Any], name: str, key: Key, place: Place) -> Any:
    """The JSON for one key of a mapping; None if nothing is sent."""
    inside = place / name
    value = given.get(name)
    if value is None and name in given and not key.nullable:
        inside.problem("is empty", "give it a value or remove it")
    elif value is None and key.required:
        place.problem(f"has no {name}" if place.path else f"{name} is missing", "add it")
    value = key.default if value is None else value
    return None if value is None else read_value(key.read, value, inside)


def read_value(read: Read, value: Any, place: Place) -> Any:
    """Read a value; Wrong becomes a problem of the place."""
    try:
        return read(value, place)
    except Wrong as wrong:
        place.problem(f"cannot be {summary(value)}", f"write {wrong}")
        return None


def put(message: dict[str, Any], name: str, value: Any) -> None:
    """Set the field at a path with dots; maps are merged into existing ones."""
    if value is None:
        return
    outer, _, inner = name.partition(".")
    if inner:
        put(message.setdefault(outer, {}), inner, value)
    elif isinstance(value, dict):
        message[outer] = {**message.get(outer, {}), **value}
    else:
        message[outer] = value


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("a block of `key: value` lines")
    return {str(name): inner for name, inner in value.items()}
