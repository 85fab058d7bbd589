"""The configuration files beside app.yaml, read and checked together."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flowdeploy.appengine.config_files import cron_yaml, dispatch_yaml, index_yaml, queue_yaml
from flowdeploy.appengine.forms.gcloud_yaml import GCLOUD
from flowdeploy.appengine.forms.problems import Place, describe_in_order, refusal
from flowdeploy.appengine.forms.yaml_reader import parse_yaml


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


_MAIN_KEYS = {
    "index.yaml": "indexes",
    "queue.yaml": "queue",
    "cron.yaml": "cron",
    "dispatch.yaml": "dispatch",
}
NAMES = tuple(_MAIN_KEYS)
"""The names of the files, in any folder."""


def read(files: Mapping[str, str | bytes], zones: Collection[str] = ()) -> AppConfig:
    """Read the files: path → text. Files with other names are ignored.

    ``zones`` are the known time zones (``zoneinfo.available_timezones()``); without them
    only impossible names are refused. Raises Refused with every problem of every file,
    each as ``FILE:LINE: what is wrong; what to write``.
    """
    readers: Mapping[str, Callable[[Mapping[str, Any], Place], Any]] = {
        "index.yaml": index_yaml.read,
        "queue.yaml": queue_yaml.read,
        "cron.yaml": partial(cron_yaml.read, zones=zones),
        "dispatch.yaml": dispatch_yaml.read,
    }
    found: dict[str, Any] = {}
    warnings: list[str] = []
    details: list[str] = []
    for path in sorted(path for path in files if _name(path) in NAMES):
        name = _name(path)
        document = parse_yaml(files[path], GCLOUD, _MAIN_KEYS[name])
        place = Place(locate=document.key, problems=list(document.problems))
        value = readers[name](document.data, place) if document.data else None
        details += describe_in_order(path, place.problems)
        warnings += describe_in_order(path, place.notes)
        if name in found:
            details.append(f"{path}: is a second {name}; keep one")
        found[name] = value
    if details:
        raise refusal("the configuration beside app.yaml", details)
    indexes, queues, cron, dispatch = map(found.get, NAMES)
    return AppConfig(indexes, queues, cron, dispatch, tuple(warnings))


def _name(path: str) -> str:
    return path.rpartition("/")[2]
