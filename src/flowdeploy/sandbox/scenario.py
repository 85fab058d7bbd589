"""Scenarios: settings, applications and faults from a YAML file.

    settings: {latency: 0.05, operation_seconds: 2, fault_rate: 0.1, seed: 7}
    apps:
      - {project: akvoflow-1, location: europe-west, versions: [v1, v2]}
      - {project: akvoflow-2, versions: 209}              # v1 … v209
      - {project: akvoflow-3, serving_status: USER_DISABLED}
      - {project: akvoflow-4, disabled_apis: [cloudtasks.googleapis.com]}
    faults:
      - {kind: operation-error, project: akvoflow-1, method: CreateVersion, times: 1}

The keys are the fields of ``state.Settings``, ``state.App`` and ``faults.Fault``. Every
part is optional. ``builtin_names()`` lists the scenarios in the package.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from importlib import resources
from typing import TypeVar

import yaml

from flowdeploy.sandbox.faults import Fault, change_settings, parse_fault
from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument
from flowdeploy.sandbox.google_api.hostnames import REGION_IDS
from flowdeploy.sandbox.state import App, Settings

T = TypeVar("T")

PARTS = {"settings", "apps", "faults"}
PLURAL = ("services", "versions", "disabled_apis")
STATUSES = ("SERVING", "USER_DISABLED", "SYSTEM_DISABLED")


class ScenarioError(ValueError):
    """The text is not a valid scenario; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Settings, applications and faults to start a sandbox with."""

    settings: Settings = Settings()  # noqa: RUF009 (frozen)
    apps: tuple[App, ...] = ()
    faults: tuple[Fault, ...] = ()


def builtin_names() -> tuple[str, ...]:
    """The names of the scenarios in the package."""
    files = (resources.files("flowdeploy.sandbox") / "scenarios").iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def read_builtin(name: str) -> str:
    """The text of a scenario in the package."""
    return (resources.files("flowdeploy.sandbox") / "scenarios" / f"{name}.yaml").read_text()


def parse_scenario(text: str) -> Scenario:
    """Parse a scenario. Raises ScenarioError."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(str(error)) from error
    if data is None:
        return Scenario()
    if not isinstance(data, Mapping) or data.keys() - PARTS:
        raise ScenarioError(f"a scenario must be a mapping with some of {', '.join(sorted(PARTS))}")
    return Scenario(
        _parse_part("settings", lambda: change_settings(Settings(), data.get("settings") or {})),
        _parse_part(
            "apps", lambda: tuple(_parse_app(item) for item in _parse_list(data.get("apps")))
        ),
        _parse_part(
            "faults", lambda: tuple(parse_fault(item) for item in _parse_list(data.get("faults")))
        ),
    )


def _parse_part(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ApiError as error:
        raise ScenarioError(f"{name}: {error.message}") from error


def _parse_list(value: object) -> Iterable[object]:
    if not isinstance(value, list | None):
        raise invalid_argument("must be a list")
    return value or ()


def _parse_app(data: object) -> App:
    known = {field.name for field in fields(App)}
    if not isinstance(data, Mapping) or not isinstance(data.get("project"), str):
        raise invalid_argument("an app must be a mapping with a `project`")
    if data.keys() - known:
        raise invalid_argument(f"an app may have {', '.join(sorted(known))}")
    if data.get("location", "europe-west") not in list(REGION_IDS):
        raise invalid_argument(f"unknown location {data['location']!r}")
    if data.get("serving_status", "SERVING") not in STATUSES:
        raise invalid_argument(f"`serving_status` must be one of {', '.join(STATUSES)}")
    plural = {key: _parse_texts(key, data[key]) for key in PLURAL if key in data}
    return App(**{**data, **plural})


def _parse_texts(key: str, value: object) -> tuple[str, ...]:
    if key == "versions" and type(value) is int and value > 0:
        return tuple(f"v{number}" for number in range(1, value + 1))
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise invalid_argument(
            f"`{key}` must be a list of strings; `versions` may also be their number"
        )
    return tuple(value)
