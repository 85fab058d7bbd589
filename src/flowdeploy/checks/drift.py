"""Where a version is not what was asked for, field by field.

Both sides are the API's Version in protobuf's own JSON form, so that what is equal
looks equal; what is absent is at its default, as zeros are. Only what was asked
for is compared, since servers fill in the rest. But the environment is compared
as a whole, because nobody but its user writes one; and a way to scale or a class
that is not asked for any more is seen where it is not what App Engine chooses
itself (source: its reference of app.yaml). Of a limit within automatic scaling,
or of a service account, nobody can say that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FILES = "files"
MASK = "***"

_WHOLE = frozenset({"envVariables", "buildEnvVariables"})
# What an instance runs, and on how much: a version that differs here is another one.
_GRAVE = frozenset(
    {
        *(FILES, "automatic_scaling", "basic_scaling", "manual_scaling"),
        *("instance_class", "env_variables", "service_account"),
    }
)
# Chosen for automatic scaling, and for the other ways.
_DEFAULT_CLASSES = ("F1", "B1", "B2")
_NAMED = 3  # paths in a message; further ones are counted


@dataclass(frozen=True, slots=True)
class Difference:
    """A field under its name in app.yaml: how it is, and how it should be; None for unset.

    The field ``files`` has mappings of those paths that differ to SHA-1s. The
    values of environment variables are masked already.
    """

    field: str
    actual: Any
    wanted: Any

    @property
    def is_grave(self) -> bool:
        """Whether it makes another version of this one. A zero that was asked for does not: in
        its place a server may put a default, for it looks like nothing to it."""
        return self.field.partition(".")[0] in _GRAVE and not _is_zero(self.wanted)

    def __str__(self) -> str:
        if self.field == FILES:
            return f"other files than these ({_first_paths(self.actual)})"
        return f"{self.field}: {value_text(self.actual)} instead of {value_text(self.wanted)}"


def compare_files(wanted: Mapping[str, str], actual: Mapping[str, str]) -> tuple[Difference, ...]:
    """Compare two manifests: path → SHA-1."""
    paths = sorted(p for p in wanted.keys() | actual.keys() if wanted.get(p) != actual.get(p))
    if not paths:
        return ()
    return (
        Difference(FILES, {p: actual.get(p) for p in paths}, {p: wanted.get(p) for p in paths}),
    )


def compare_settings(
    wanted: Mapping[str, Any], actual: Mapping[str, Any]
) -> tuple[Difference, ...]:
    """Compare the fields of two Versions, as far as ``wanted`` says something of them."""
    whole: dict[str, Any] = {name: {} for name in sorted(_WHOLE & actual.keys())}
    return (*_compare((), {**whole, **wanted}, actual), *_compare_defaults(wanted, actual))


def value_text(value: Any) -> str:
    """A value in a sentence."""
    return "unset" if value is None else str(value)


def app_yaml_name(path: Iterable[str]) -> str:
    """``automaticScaling.standardSchedulerSettings.maxInstances`` → what app.yaml calls it."""
    first, *rest = path
    if first in _WHOLE:
        return ".".join([_snake(first), *rest])
    return ".".join(_snake(part) for part in (first, *rest) if part != "standardSchedulerSettings")


def _compare(path: tuple[str, ...], wanted: Any, actual: Any) -> Iterator[Difference]:
    if isinstance(wanted, Mapping):
        inside = actual if isinstance(actual, Mapping) else {}
        others = inside.keys() - wanted.keys() if path and path[0] in _WHOLE else ()
        for name in (*wanted, *sorted(others)):
            yield from _compare((*path, name), wanted.get(name), inside.get(name))
    elif _are_messages(wanted) and _are_messages(actual) and len(wanted) == len(actual):
        for at, (ours, theirs) in enumerate(zip(wanted, actual, strict=True)):
            yield from _compare((*path, str(at)), ours, theirs)
    elif _is_asked(path, wanted, actual) and _comparable(wanted) != _comparable(actual):
        yield _difference(path, wanted, actual)


def _is_asked(path: tuple[str, ...], wanted: Any, actual: Any) -> bool:
    """An empty value is nothing to insist on, as the command of an ``entrypoint`` may be."""
    return bool(wanted) or path[0] in _WHOLE or (_is_zero(wanted) and bool(actual))


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not value


def _compare_defaults(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[Difference]:
    """What is there and would not be there by default, though nobody asks for it."""
    for name in ("basicScaling", "manualScaling"):
        block = {} if wanted.get(name) else actual.get(name)
        for key, there in block.items() if isinstance(block, Mapping) else ():
            yield _difference((name, key), None, there)
    there = actual.get("instanceClass")
    if there and there not in _DEFAULT_CLASSES and not wanted.get("instanceClass"):
        yield _difference(("instanceClass",), None, there)


def _difference(path: tuple[str, ...], wanted: Any, actual: Any) -> Difference:
    if path[0] in _WHOLE:
        wanted, actual = (None if value is None else MASK for value in (wanted, actual))
    return Difference(app_yaml_name(path), actual, wanted)


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _comparable(value: Any) -> Any:
    """Lists of plain values are sets to App Engine, as the inbound services are."""
    is_list = isinstance(value, list) and not _are_messages(value)
    return sorted(map(str, value)) if is_list else value


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)


def _first_paths(paths: Iterable[str]) -> str:
    paths = list(paths)
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more
