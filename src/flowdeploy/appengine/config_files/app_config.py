"""The configuration files beside app.yaml, read and checked together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowdeploy.appengine.config_files import cron_yaml, dispatch_yaml, index_yaml, queue_yaml
from flowdeploy.appengine.forms.problems import Place, Problem
from flowdeploy.appengine.forms.yaml_reader import Document, load
from flowdeploy.errors import Refused


@dataclass(frozen=True, slots=True)
class AppConfig:
    """What the files say; None where there is no such file.

    ``cron`` holds bodies of Cloud Scheduler's Job, ``dispatch`` UrlDispatchRules.
    ``sources`` are the files' paths, ``warnings`` remarks as ``FILE:LINE: …``.
    """

    indexes: tuple[index_yaml.Index, ...] | None = None
    queues: queue_yaml.Queues | None = None
    cron: tuple[Mapping[str, Any], ...] | None = None
    dispatch: dispatch_yaml.Rules | None = None
    sources: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


_EMPTY = {"index": "indexes:", "queue": "queue:", "cron": "cron:", "dispatch": "dispatch:"}
NAMES = tuple(f"{name}.yaml" for name in _EMPTY)
"""The names of the files, wherever they are."""


def read(files: Mapping[str, str | bytes], zones: Collection[str] = ()) -> AppConfig:
    """Read the files: path → text. Files of other names are passed over.

    ``zones`` are the time zones that there are (``zoneinfo.available_timezones()``);
    without them only what cannot be a name is refused. Raises Refused with every
    problem of every file, each as ``FILE:LINE: what is wrong; what to write``.
    """
    config, details = AppConfig(), []
    chosen = {path: text for path, text in files.items() if _name(path) in NAMES}
    for path, text in sorted(chosen.items()):
        found, wrong = _read_one(path, text, zones)
        field = next(iter(found))
        if getattr(config, field) is not None:
            wrong.append(f"{path}: is a second {_name(path)}; keep one")
        details += wrong
        config = replace(config, **found | {"warnings": config.warnings + found["warnings"]})
    if details:
        raise _refusal(details)
    return replace(config, sources=tuple(sorted(chosen)))


def _read_one(
    path: str, text: str | bytes, zones: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """The fields of AppConfig that a file gives, its own one first, and its problems."""
    field, reader = _readers(zones)[_name(path)]
    document, problems = load(text, least=_EMPTY[_name(path).removesuffix(".yaml")])
    place = Place(problems=problems)
    value = reader(document.values, place) if document.values else ()
    notes = tuple(_told(path, document, place.notes))
    return {field: value, "warnings": notes}, _told(path, document, place.problems)


def _readers(
    zones: Collection[str],
) -> Mapping[str, tuple[str, Callable[[Mapping[str, Any], Place], Any]]]:
    return {
        "index.yaml": ("indexes", index_yaml.indexes),
        "queue.yaml": ("queues", queue_yaml.queues),
        "cron.yaml": ("cron", lambda values, place: cron_yaml.jobs(values, place, zones)),
        "dispatch.yaml": ("dispatch", dispatch_yaml.rules),
    }


def _told(path: str, document: Document, found: list[Problem]) -> list[str]:
    ordered = sorted(found, key=lambda problem: (document.line(problem.path), str(problem)))
    return [f"{path}:{document.line(problem.path)}: {problem}" for problem in ordered]


def _refusal(details: list[str]) -> Refused:
    count = "a problem" if len(details) == 1 else f"{len(details)} problems"
    return Refused(
        f"the configuration beside app.yaml has {count} and cannot be deployed",
        details=details,
        hint="If a build writes these files, correct what the build writes them from.",
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2]
