"""Rules between several values: the instances, their roles and their waves.

They check raw data, not validated models, so that an error elsewhere in the file does
not hide their problems. The models check the types of values.
"""

import re
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.app_yaml import check_settings
from flowdeploy.appengine.forms.problems import Path, Place, Problem, path_text
from flowdeploy.config.models import NAME, PROJECT, SETTING_KEYS
from flowdeploy.errors import RefError
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import parse_ref


@dataclass(frozen=True, slots=True)
class _Item:
    """A mapping in a list; ``text`` is empty for a missing value or one that is no text."""

    path: Path
    data: dict[Any, Any]

    def text(self, key: str) -> str:
        value = self.data.get(key)
        return value if isinstance(value, str) else ""


def find_problems(data: Any) -> Iterator[Problem]:
    """Check every rule on the raw data of a configuration file."""
    if not isinstance(data, dict):
        return
    yield from _empty_values(data, ())
    yield from _trunk(data.get("trunk"))
    waves = _entries(data.get("rollout"), "waves", ("rollout",))
    yield from _repetitions(waves, "name", lambda wave: wave.text("name"))
    if isinstance(data.get("instances"), list):
        instances = _entries(data, "instances", ())
        yield from _ids(instances)
        yield from _apps(instances)
        yield from _roles(instances)
        yield from _waves(instances, {wave.text("name") for wave in waves})
        for instance in instances:
            yield from _settings(instance)


def _entries(parent: Any, key: str, path: Path) -> list[_Item]:
    items = parent.get(key) if isinstance(parent, dict) else None
    return [
        _Item((*path, key, index), item)
        for index, item in enumerate(items if isinstance(items, list) else [])
        if isinstance(item, dict)
    ]


def _empty_values(value: Any, path: Path) -> Iterator[Problem]:
    """A key without a value is a mistake, except in settings."""
    if value is None:
        yield Problem(path, f"{path_text(path)} has no value", "write one or remove it")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != "settings":
                yield from _empty_values(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _empty_values(inner, (*path, index))


def _trunk(trunk: Any) -> Iterator[Problem]:
    if not isinstance(trunk, str):
        return
    if trunk.startswith("refs/"):
        short = trunk.removeprefix("refs/heads/")
        yield Problem(("trunk",), f"{trunk} is a full ref name", f"write trunk: {short}")
    elif _kind(trunk, trunk) is not PlanKind.TRUNK or _kind(f"refs/tags/{trunk}"):
        message = f"{reprlib.repr(trunk)} is not the short name of a branch"
        yield Problem(("trunk",), message, "write one such as trunk: main")


def _kind(ref: str, trunk: str = "") -> PlanKind | None:
    try:
        return parse_ref(ref, trunk).kind
    except RefError:
        return None


def _repetitions(
    entries: Sequence[_Item], key: str, identity: Callable[[_Item], str]
) -> Iterator[Problem]:
    """Entries with the identity of an earlier one."""
    seen: dict[str, Path] = {}
    for entry in entries:
        name = identity(entry)
        first = seen.setdefault(name, entry.path)
        if name and first != entry.path:
            message = f"{name} is taken by {path_text(first)}"
            yield Problem((*entry.path, key), message, f"write another {key}")


def _ids(instances: list[_Item]) -> Iterator[Problem]:
    yield from _repetitions(instances, "id", lambda instance: instance.text("id"))
    for instance in instances:
        name = instance.text("id")
        where = (*instance.path, "id")
        if name == "all":
            yield Problem(where, "all means every production instance", "write another id")
        elif _lacks_project(instance):
            message = f"{name} cannot be the id of the Google project as well"
            yield Problem(where, message, "write that one as project: akvoflow-1")


def _lacks_project(instance: _Item) -> bool:
    """Whether its id, which is valid as such, would be an invalid id of its project."""
    name = instance.text("id")
    lent = "project" not in instance.data
    return lent and bool(re.match(NAME, name)) and not re.match(PROJECT, name)


def _apps(instances: list[_Item]) -> Iterator[Problem]:
    """Two instances with one project and service would overwrite each other."""
    distinct = {instance.text("id"): instance for instance in reversed(instances)}
    yield from _repetitions(list(reversed(distinct.values())), "project", _app)


def _app(instance: _Item) -> str:
    project = instance.text("project") or instance.text("id")
    service = instance.text("service") or "default"
    return project and f"service {service} of project {project}"


def _roles(instances: list[_Item]) -> Iterator[Problem]:
    for role in ("uat1", "uat2"):
        holders = [instance for instance in instances if instance.text("role") == role]
        if not holders:
            advice = f"write one with role: {role}"
            yield Problem(("instances",), f"no instance has the role {role}", advice)
        for holder in holders[1:]:
            message = f"{role} is taken by {path_text(holders[0].path)}"
            yield Problem((*holder.path, "role"), message, "write role: production")


def _waves(instances: list[_Item], names: set[str]) -> Iterator[Problem]:
    for instance in instances:
        wave = instance.text("wave")
        where = (*instance.path, "wave")
        if wave and instance.text("role") in ("uat1", "uat2"):
            yield Problem(
                where, "waves are for production instances", "write nothing, remove wave:"
            )
        elif wave and wave not in names:
            advice = f"write one of {', '.join(sorted(names))}" if names else "name it there"
            yield Problem(where, f"rollout.waves has no wave {wave}", advice)


def _settings(instance: _Item) -> Iterator[Problem]:
    """Values that app.yaml does not allow either. The models check the keys themselves."""
    settings = instance.data.get("settings")
    if isinstance(settings, dict):
        known = {name: settings[name] for name in SETTING_KEYS if name in settings}
        place = Place((*instance.path, "settings"))
        check_settings(known, place)
        yield from place.problems
