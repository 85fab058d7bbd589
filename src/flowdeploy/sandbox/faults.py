"""Fault injection: faults that are armed one by one, and random faults."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

from aiohttp import web

from flowdeploy.sandbox.google_api.errors import invalid_argument
from flowdeploy.sandbox.state import Settings


class FaultKind(StrEnum):
    """The kinds of faults."""

    UNAVAILABLE = "unavailable"  # 503
    INTERNAL = "internal"  # 500
    QUOTA = "quota"  # 429, with Retry-After
    PERMISSION = "permission"  # 403
    CONFLICT = "conflict"  # 409 ABORTED, as if an operation were in progress
    RESET = "reset"  # the connection is closed before the request takes effect
    RESET_AFTER = "reset-after"  # the connection is closed after the request took effect
    OPERATION_STUCK = "operation-stuck"  # an operation that never ends
    OPERATION_ERROR = "operation-error"  # an operation that ends with error 13
    VERSION_LIMIT = "version-limit"  # no version can be created
    UNHEALTHY = "unhealthy"  # an application's page answers 503


REQUEST_KINDS = frozenset(
    {
        FaultKind.UNAVAILABLE,
        FaultKind.INTERNAL,
        FaultKind.QUOTA,
        FaultKind.PERMISSION,
        FaultKind.CONFLICT,
        FaultKind.RESET,
        FaultKind.RESET_AFTER,
    }
)
OPERATION_KINDS = frozenset({FaultKind.OPERATION_STUCK, FaultKind.OPERATION_ERROR})
RANDOM_KINDS = (FaultKind.UNAVAILABLE, FaultKind.QUOTA, FaultKind.RESET, FaultKind.RESET_AFTER)


@dataclass(frozen=True, slots=True)
class Fault:
    """An armed fault.

    ``project``, ``method`` and ``target`` select the occasions; None selects all. For
    requests, ``method`` is the HTTP method and ``target`` is a glob that matches the path.
    For operations, ``method`` is the API's method (``CreateVersion``, ``UpdateService``, …)
    and ``target`` is a glob that matches the resource (``apps/P/services/S/versions/V``);
    for pages, ``target`` matches the version's resource. The fault skips the first
    ``after`` occasions and strikes the next ``times``; if ``times`` is None, it never ends.
    """

    kind: FaultKind
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

    def to_json(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v not in (None, 0) or k == "times"}


@dataclass(frozen=True, slots=True)
class Occasion:
    """A request, an operation or a page that a fault may strike."""

    project: str | None
    method: str
    target: str


class FaultInjector:
    """The settings and the armed faults of a running sandbox."""

    def __init__(self, settings: Settings, faults: Iterable[Fault] = ()) -> None:
        self.settings = settings
        self._faults = list(faults)
        self._seen: Counter[str] = Counter()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that are still armed, oldest first."""
        return tuple(self._faults)

    def arm(self, fault: Fault) -> None:
        self._faults.append(fault)

    def disarm_all(self) -> None:
        self._faults.clear()

    def take_fault(self, kinds: frozenset[FaultKind], occasion: Occasion) -> FaultKind | None:
        """Find the first armed fault of these kinds that strikes here, and use it up once."""
        for index, fault in enumerate(self._faults):
            if fault.kind not in kinds or not fault.matches(occasion):
                continue
            if fault.after:
                self._faults[index] = replace(fault, after=fault.after - 1)
                continue
            self._count_down(index, fault)
            return fault.kind
        return None

    def random_fault(self, key: str) -> FaultKind | None:
        """A fault with the probability ``fault_rate``, or None.

        The result depends only on the seed, ``key`` and the number of earlier calls with
        ``key``. A test with several workers therefore fails in the same way each time.
        """
        if not self.settings.fault_rate:
            return None
        self._seen[key] += 1
        draw = f"{self.settings.seed} {key} {self._seen[key]}"
        number = int.from_bytes(hashlib.blake2b(draw.encode(), digest_size=8).digest())
        if number / 2**64 >= self.settings.fault_rate:
            return None
        return RANDOM_KINDS[number % len(RANDOM_KINDS)]

    def _count_down(self, index: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times == 1:
            del self._faults[index]
        else:
            self._faults[index] = replace(fault, times=fault.times - 1)


FAULTS = web.AppKey("faults", FaultInjector)


def parse_fault(data: object) -> Fault:
    """Parse a fault from JSON or YAML data. Raises ApiError INVALID_ARGUMENT."""
    if not isinstance(data, Mapping):
        raise invalid_argument("a fault must be an object with a `kind`")
    _refuse_unknown(data, {f.name for f in fields(Fault)})
    if data.get("kind") not in list(FaultKind):
        raise invalid_argument(f"`kind` must be one of {', '.join(FaultKind)}", "kind")
    for name in ("project", "method", "target"):
        if not isinstance(data.get(name), str | None):
            raise invalid_argument(f"`{name}` must be a string", name)
    for name, least in (("times", 1), ("after", 0)):
        if not _is_count(data.get(name, least), least):
            raise invalid_argument(f"`{name}` must be an integer of at least {least}", name)
    return Fault(**{**data, "kind": FaultKind(data["kind"])})


def change_settings(settings: Settings, changes: object) -> Settings:
    """A copy of the settings with changes from JSON or YAML data. Raises ApiError."""
    if not isinstance(changes, Mapping):
        raise invalid_argument("settings must be an object")
    _refuse_unknown(changes, {f.name for f in fields(Settings)})
    for name, value in changes.items():
        if not is_amount(value):
            raise invalid_argument(f"`{name}` must be a number of at least 0", name)
    changed = replace(settings, **changes)
    if changed.fault_rate > 1:
        raise invalid_argument("`fault_rate` must be a number from 0 to 1", "fault_rate")
    return changed


def is_amount(value: object) -> TypeGuard[float]:
    """Whether the value is a number of at least 0, and less than a billion."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _refuse_unknown(data: Mapping[Any, Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in data if key not in known)
    if unknown:
        raise invalid_argument(
            f"unknown keys: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )
