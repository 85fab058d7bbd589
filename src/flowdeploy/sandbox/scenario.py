"""Scenarios: what exists, how it behaves and what goes wrong, from a YAML file.

    settings: {latency: 0.05, operation_seconds: 2, fault_rate: 0.1, seed: 7}
    apps:
      - {project: akvoflow-1, location: europe-west, versions: [v1, v2]}
      - {project: akvoflow-2, versions: 209}              # v1 … v209
      - {project: akvoflow-3, serving_status: USER_DISABLED}
      - {project: akvoflow-4, disabled_apis: [cloudtasks.googleapis.com]}
    faults:
      - {kind: operation-error, project: akvoflow-1, method: CreateVersion, times: 1}

``settings`` are those of ``state.Settings``, ``apps`` those of ``state.App`` and
``faults`` those of ``rehearsal.Fault``. Every part may be left out. Those that come with
the package are listed by ``names()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from importlib import resources
from typing import TypeVar

import yaml

from flowdeploy.sandbox.errors import ApiError, invalid
from flowdeploy.sandbox.hosts import REGION_IDS
from flowdeploy.sandbox.rehearsal import Fault, change_settings, parse_fault
from flowdeploy.sandbox.state import App, Settings

T = TypeVar("T")

PARTS = {"settings", "apps", "faults"}
PLURAL = ("services", "versions", "disabled_apis")
STATUSES = ("SERVING", "USER_DISABLED", "SYSTEM_DISABLED")


class ScenarioError(ValueError):
    """A text that is no scenario; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Scenario:
    settings: Settings = Settings()  # noqa: RUF009 (frozen)
    apps: tuple[App, ...] = ()
    faults: tuple[Fault, ...] = ()


def names() -> tuple[str, ...]:
    """The scenarios that come with the package."""
    files = (resources.files("flowdeploy.sandbox") / "scenarios").iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def packaged(name: str) -> str:
    """The text of a scenario that comes with the package."""
    return (resources.files("flowdeploy.sandbox") / "scenarios" / f"{name}.yaml").read_text()


def load(text: str) -> Scenario:
    """Raises ScenarioError."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(str(error)) from error
    if data is None:
        return Scenario()
    if not isinstance(data, Mapping) or data.keys() - PARTS:
        raise ScenarioError(f"a scenario is a mapping with some of {', '.join(sorted(PARTS))}")
    return Scenario(
        _part("settings", lambda: change_settings(Settings(), data.get("settings") or {})),
        _part("apps", lambda: tuple(_app(item) for item in _list(data.get("apps")))),
        _part("faults", lambda: tuple(parse_fault(item) for item in _list(data.get("faults")))),
    )


def _part(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ApiError as error:
        raise ScenarioError(f"{name}: {error.message}") from error


def _list(value: object) -> Iterable[object]:
    if not isinstance(value, list | None):
        raise invalid("a list is needed here")
    return value or ()


def _app(data: object) -> App:
    known = {field.name for field in fields(App)}
    if not isinstance(data, Mapping) or not isinstance(data.get("project"), str):
        raise invalid("an app is a mapping with a `project`")
    if data.keys() - known:
        raise invalid(f"an app has some of {', '.join(sorted(known))}")
    if data.get("location", "europe-west") not in list(REGION_IDS):
        raise invalid(f"unknown location {data['location']!r}")
    if data.get("serving_status", "SERVING") not in STATUSES:
        raise invalid(f"`serving_status` is one of {', '.join(STATUSES)}")
    plural = {key: _texts(key, data[key]) for key in PLURAL if key in data}
    return App(**{**data, **plural})


def _texts(key: str, value: object) -> tuple[str, ...]:
    if key == "versions" and type(value) is int and value > 0:
        return tuple(f"v{number}" for number in range(1, value + 1))
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise invalid(f"`{key}` is a list of texts; versions may be a number of them")
    return tuple(value)
