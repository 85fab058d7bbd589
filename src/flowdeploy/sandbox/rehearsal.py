"""Bad days, made to order: named faults that are armed one by one, and faults by chance."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.errors import invalid
from flowdeploy.sandbox.state import Settings


class Kind(StrEnum):
    """What goes wrong."""

    UNAVAILABLE = "unavailable"  # 503
    INTERNAL = "internal"  # 500
    QUOTA = "quota"  # 429, with Retry-After
    PERMISSION = "permission"  # 403
    CONFLICT = "conflict"  # 409 ABORTED, in the words of an operation in progress
    RESET = "reset"  # the connection is closed, and nothing was done
    RESET_AFTER = "reset-after"  # the connection is closed, and all was done
    OPERATION_STUCK = "operation-stuck"  # an operation that never ends
    OPERATION_ERROR = "operation-error"  # an operation that ends with error 13
    VERSION_LIMIT = "version-limit"  # no version can be created
    UNHEALTHY = "unhealthy"  # an application's page answers 503


REQUEST_KINDS = frozenset(
    {
        Kind.UNAVAILABLE,
        Kind.INTERNAL,
        Kind.QUOTA,
        Kind.PERMISSION,
        Kind.CONFLICT,
        Kind.RESET,
        Kind.RESET_AFTER,
    }
)
OPERATION_KINDS = frozenset({Kind.OPERATION_STUCK, Kind.OPERATION_ERROR})
BY_CHANCE = (Kind.UNAVAILABLE, Kind.QUOTA, Kind.RESET, Kind.RESET_AFTER)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is armed.

    ``project`` and ``method`` narrow it: a project id; an HTTP method for requests, the
    API's method (``CreateVersion``, ``UpdateService``, …) for operations. ``target`` is a
    glob over the request's path, or over the resource (``apps/P/services/S/versions/V``)
    for operations and pages. It passes over the first ``after`` occasions and strikes at
    the next ``times``, or for good.
    """

    kind: Kind
    project: str | None = None
    method: str | None = None
    target: str | None = None
    times: int | None = None
    after: int = 0

    def matches(self, occasion: Occasion) -> bool:
        return (
            self.project in (None, occasion.project)
            and self.method in (None, occasion.method)
            and (self.target is None or fnmatchcase(occasion.target, self.target))
        )

    def as_json(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v not in (None, 0) or k == "times"}


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that may go wrong: a request, an operation, a page."""

    project: str | None
    method: str
    target: str


class Rehearsal:
    """The settings and the armed faults of a running stand-in."""

    def __init__(self, settings: Settings, faults: Iterable[Fault] = ()) -> None:
        self.settings = settings
        self._faults = list(faults)
        self._seen: Counter[str] = Counter()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is still armed, in the order of arming."""
        return tuple(self._faults)

    def arm(self, fault: Fault) -> None:
        self._faults.append(fault)

    def disarm(self) -> None:
        self._faults.clear()

    def strike(self, kinds: frozenset[Kind], occasion: Occasion) -> Kind | None:
        """The first armed fault for this occasion, which is thereby used up once."""
        for index, fault in enumerate(self._faults):
            if fault.kind not in kinds or not fault.matches(occasion):
                continue
            if fault.after:
                self._faults[index] = replace(fault, after=fault.after - 1)
                continue
            self._use(index, fault)
            return fault.kind
        return None

    def chance(self, key: str) -> Kind | None:
        """A fault by chance.

        It depends on the seed, on ``key`` and on how often that was asked for, not on
        what runs beside it: a test with several workers fails the same way each time.
        """
        if not self.settings.fault_rate:
            return None
        self._seen[key] += 1
        draw = f"{self.settings.seed} {key} {self._seen[key]}"
        number = int.from_bytes(hashlib.blake2b(draw.encode(), digest_size=8).digest())
        if number / 2**64 >= self.settings.fault_rate:
            return None
        return BY_CHANCE[number % len(BY_CHANCE)]

    def _use(self, index: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times == 1:
            del self._faults[index]
        else:
            self._faults[index] = replace(fault, times=fault.times - 1)


REHEARSAL = web.AppKey("rehearsal", Rehearsal)


def parse_fault(data: object) -> Fault:
    """A fault from JSON or YAML. Raises ApiError that says what is wrong with it."""
    if not isinstance(data, Mapping):
        raise invalid("a fault is an object with a `kind`")
    _refuse_unknown(data, {f.name for f in fields(Fault)})
    if data.get("kind") not in list(Kind):
        raise invalid(f"`kind` is one of {', '.join(Kind)}", "kind")
    for name in ("project", "method", "target"):
        if not isinstance(data.get(name), str | None):
            raise invalid(f"`{name}` is a text", name)
    for name, least in (("times", 1), ("after", 0)):
        if not _is_count(data.get(name, least), least):
            raise invalid(f"`{name}` is a whole number of at least {least}", name)
    return Fault(**{**data, "kind": Kind(data["kind"])})


def change_settings(settings: Settings, changes: object) -> Settings:
    """The settings with some of them changed. Raises ApiError for unknown or impossible ones."""
    if not isinstance(changes, Mapping):
        raise invalid("settings are an object")
    _refuse_unknown(changes, {f.name for f in fields(Settings)})
    for name, value in changes.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise invalid(f"`{name}` is a number, at least 0", name)
    changed = replace(settings, **changes)
    if changed.fault_rate > 1:
        raise invalid("`fault_rate` is a number from 0 to 1", "fault_rate")
    return changed


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _refuse_unknown(data: Mapping[Any, Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in data if key not in known)
    if unknown:
        raise invalid(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
