"""Where a deployed version differs from the wanted one, field by field.

Both sides are the API's Version in protobuf's JSON form, in which equal values look
equal, and an absent field is at its default, like a zero. Servers fill in fields, so only
wanted fields are compared, with two exceptions:

- Environment variables are compared as a whole: only the user sets them.
- A kind of scaling, a way into a VPC or an instance class that is not wanted any more is a
  difference, if it is not App Engine's own default (source: reference of app.yaml). For limits
  of automatic scaling and for service accounts, the default cannot be told apart.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FILES = "files"
MASK = "***"

_WHOLE = frozenset({"envVariables", "buildEnvVariables"})
# A version that differs in what it runs, or on what, is another version.
_GRAVE = frozenset(
    {
        *(FILES, "automatic_scaling", "basic_scaling", "manual_scaling"),
        *("instance_class", "env_variables", "service_account"),
    }
)
# The defaults for automatic scaling, and for basic and manual scaling.
_DEFAULT_CLASSES = ("F1", "B1", "B2")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field by its name in app.yaml, with its actual and wanted values; None: unset.

    The values of ``files`` map the paths that differ to SHA-1s. The values of environment
    variables are masked.
    """

    field: str
    actual: Any
    wanted: Any

    @property
    def is_grave(self) -> bool:
        """Whether the version is another one because of it.

        Never for a wanted zero: servers may take it for unset, and put in a default.
        """
        return self.field.partition(".")[0] in _GRAVE and not _is_zero(self.wanted)

    def __str__(self) -> str:
        if self.field == FILES:
            return f"different files ({first_names(self.actual)})"
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
    """Compare the wanted fields of two Versions."""
    whole: dict[str, Any] = {name: {} for name in sorted(_WHOLE & actual.keys())}
    return (*_compare((), {**whole, **wanted}, actual), *_compare_defaults(wanted, actual))


def value_text(value: Any) -> str:
    """A value, for a sentence."""
    return "unset" if value is None else str(value)


def app_yaml_name(path: Iterable[str]) -> str:
    """``automaticScaling.standardSchedulerSettings.maxInstances`` → its name in app.yaml."""
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
    """Whether a field is compared. Not if it is wanted empty, as an ``entrypoint`` may be."""
    return bool(wanted) or path[0] in _WHOLE or (_is_zero(wanted) and bool(actual))


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not value


def _compare_defaults(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[Difference]:
    """Fields that are set and are neither wanted nor defaults."""
    for name in ("basicScaling", "manualScaling", "vpcAccess", "vpcAccessConnector"):
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
    """``value``, sorted if it is a list of plain values: App Engine treats those as sets."""
    is_list = isinstance(value, list) and not _are_messages(value)
    return sorted(map(str, value)) if is_list else value


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)


def first_names(names: Iterable[str], limit: int = 3) -> str:
    """The first names, and the number of the others: ``a, b, c and 2 more``."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
