"""The configuration files beside app.yaml, read and checked together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.config_files import cron_yaml, dispatch_yaml, index_yaml, queue_yaml
from flowdeploy.appengine.forms.gcloud_yaml import GCLOUD
from flowdeploy.appengine.forms.problems import Place, describe_in_order
from flowdeploy.appengine.forms.yaml_reader import parse_yaml
from flowdeploy.errors import Refused


@dataclass(frozen=True, slots=True)
class AppConfig:
    """The content of the files; None where there is no such file.

    ``cron`` holds bodies of Cloud Scheduler's Job, ``dispatch`` UrlDispatchRules.
    ``warnings`` are notes as ``FILE:LINE: …``.
    """

    indexes: tuple[index_yaml.Index, ...] | None = None
    queues: queue_yaml.Queues | None = None
    cron: tuple[Mapping[str, Any], ...] | None = None
    dispatch: dispatch_yaml.Rules | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _FileKind:
    """A kind of configuration file: its name, its main key, and the reader of its data."""

    name: str
    key: str
    read: Callable[[Mapping[str, Any], Place, Collection[str]], Any]


_INDEX = _FileKind("index.yaml", "indexes", lambda data, place, _: index_yaml.read(data, place))
_QUEUE = _FileKind("queue.yaml", "queue", lambda data, place, _: queue_yaml.read(data, place))
_CRON = _FileKind("cron.yaml", "cron", cron_yaml.read)
_DISPATCH = _FileKind(
    "dispatch.yaml", "dispatch", lambda data, place, _: dispatch_yaml.read(data, place)
)
_KINDS = {kind.name: kind for kind in (_INDEX, _QUEUE, _CRON, _DISPATCH)}
NAMES = tuple(_KINDS)
"""The names of the files, in any folder."""


def read(files: Mapping[str, str | bytes], zones: Collection[str] = ()) -> AppConfig:
    """Read the files: path → text. Files with other names are ignored.

    ``zones`` are the known time zones (``zoneinfo.available_timezones()``); without them
    only impossible names are refused. Raises Refused with every problem of every file,
    each as ``FILE:LINE: what is wrong; what to write``.
    """
    found: dict[_FileKind, Any] = {}
    warnings: list[str] = []
    details: list[str] = []
    for path in sorted(path for path in files if _name(path) in _KINDS):
        kind = _KINDS[_name(path)]
        value, place = _read_one(kind, files[path], zones)
        details += describe_in_order(path, place.problems)
        warnings += describe_in_order(path, place.notes)
        if kind in found:
            details.append(f"{path}: is a second {kind.name}; keep one")
        found[kind] = value
    if details:
        raise _refusal(details)
    return AppConfig(
        indexes=found.get(_INDEX),
        queues=found.get(_QUEUE),
        cron=found.get(_CRON),
        dispatch=found.get(_DISPATCH),
        warnings=tuple(warnings),
    )


def _read_one(kind: _FileKind, text: str | bytes, zones: Collection[str]) -> tuple[Any, Place]:
    """The value of a file and the place with its problems and notes."""
    document = parse_yaml(text, GCLOUD, kind.key)
    place = Place(locate=document.key, problems=list(document.problems))
    return (kind.read(document.data, place, zones) if document.data else None), place


def _refusal(details: list[str]) -> Refused:
    count = "a problem" if len(details) == 1 else f"{len(details)} problems"
    return Refused(
        f"the configuration beside app.yaml has {count} and cannot be deployed",
        details=details,
        hint="If a build writes these files, correct what the build writes them from.",
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2]
