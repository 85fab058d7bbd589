"""The kinds of configuration beside app.yaml: when each is due, and how it is read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.config_files import AppConfig, Snapshot
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.service_usage import DATASTORE, SCHEDULER, TASKS
from flowdeploy.errors import ServiceError
from flowdeploy.known_errors import enable_command
from flowdeploy.planning.plan import Phase
from flowdeploy.report import Aspect

ASPECTS = {
    Phase.ADD: Aspect.ADDITIONS,
    Phase.BEFORE_TRAFFIC: Aspect.QUEUES,
    Phase.AFTER_TRAFFIC: Aspect.SCHEDULES,
}
"""The aspect under which the changes of a phase are recorded."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of configuration.

    ``key`` is its field of `Snapshot`, and its key in records; ``config_field`` is its field of
    `AppConfig`. ``read`` takes a project; ``api`` is the API that must be enabled for that.
    """

    key: str
    config_field: str
    phases: tuple[Phase, ...]
    read: Callable[[GoogleClients, str], tuple[dict[str, Any], ...]]
    api: str | None = None


KINDS = (
    Kind("indexes", "indexes", (Phase.ADD,), lambda c, p: c.datastore.indexes(p), DATASTORE),
    Kind(
        "queues",
        "queues",
        (Phase.ADD, Phase.BEFORE_TRAFFIC),
        lambda c, p: c.tasks.queues(p),
        TASKS,
    ),
    Kind("jobs", "cron", (Phase.AFTER_TRAFFIC,), lambda c, p: c.scheduler.jobs(p), SCHEDULER),
    Kind("dispatch", "dispatch", (Phase.AFTER_TRAFFIC,), lambda c, p: c.engine.dispatch_rules(p)),
)


def kinds_due(phase: Phase) -> tuple[Kind, ...]:
    """The kinds that may change in a phase."""
    return tuple(kind for kind in KINDS if phase in kind.phases)


def kinds_in(config: AppConfig) -> tuple[Kind, ...]:
    """The kinds that a configuration has files for."""
    return tuple(kind for kind in KINDS if getattr(config, kind.config_field) is not None)


def config_due(config: AppConfig, phase: Phase) -> AppConfig:
    """The part of a version's configuration that is due in a phase."""
    fields = (kind.config_field for kind in kinds_due(phase))
    return AppConfig(**{field: getattr(config, field) for field in fields})


def read_kinds(cloud: GoogleClients, project: str, kinds: Iterable[Kind]) -> Snapshot:
    """Read these kinds of a project's configuration, and nothing else. Raises ServiceError."""
    return Snapshot(**{kind.key: kind.read(cloud, project) for kind in kinds})


def enable_hint(cloud: GoogleClients, project: str, kinds: Iterable[Kind]) -> str | None:
    """The command that enables the disabled APIs of these kinds; None if none is known to be."""
    apis = [kind.api for kind in dict.fromkeys(kinds) if kind.api]
    try:
        disabled = cloud.service_usage.disabled_apis(project, apis)
    except ServiceError:
        return None  # not everybody may ask
    return f"Enable what is off: {enable_command(project, disabled)}" if disabled else None


def snapshot_to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as it is recorded."""
    values = ((kind.key, getattr(snapshot, kind.key)) for kind in KINDS)
    return {key: list(value) for key, value in values if value is not None}


def snapshot_from_json(document: Mapping[str, Any]) -> Snapshot:
    """The snapshot that `snapshot_to_json` has recorded."""
    return Snapshot(**{key: tuple(value) for key, value in document.items()})
