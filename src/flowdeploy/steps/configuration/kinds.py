"""What there is of an instance's configuration, part by part, and its form on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowdeploy.appengine.config_files import AppConfig, Snapshot
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.service_usage import DATASTORE, SCHEDULER, TASKS
from flowdeploy.errors import ServiceError
from flowdeploy.known_errors import enable_command
from flowdeploy.planning.plan import Phase
from flowdeploy.report import Aspect

PARTS = {
    Phase.ADD: ("indexes", "queues"),
    Phase.BEFORE_TRAFFIC: ("queues",),
    Phase.AFTER_TRAFFIC: ("jobs", "dispatch"),
}
ASPECTS = {
    Phase.ADD: Aspect.ADDITIONS,
    Phase.BEFORE_TRAFFIC: Aspect.QUEUES,
    Phase.AFTER_TRAFFIC: Aspect.SCHEDULES,
}
_APIS = {"indexes": DATASTORE, "queues": TASKS, "jobs": SCHEDULER}


def read(cloud: GoogleClients, project: str, parts: Iterable[str]) -> Snapshot:
    """These parts of a project's configuration, and nothing else of it. Raises ServiceError."""
    return Snapshot(**{part: _resources(cloud, part, project) for part in parts})


def _resources(cloud: GoogleClients, part: str, project: str) -> tuple[dict[str, Any], ...]:
    match part:
        case "indexes":
            return cloud.datastore.indexes(project)
        case "queues":
            return cloud.tasks.queues(project)
        case "jobs":
            return cloud.scheduler.jobs(project)
        case _:
            return cloud.dispatch.rules(project)


def switched_off(cloud: GoogleClients, project: str, parts: Iterable[str]) -> str | None:
    """The one command that enables what these parts need, as far as a project tells of it."""
    needed = [_APIS[part] for part in dict.fromkeys(parts) if part in _APIS]
    try:
        disabled = cloud.service_usage.disabled_apis(project, needed)
    except ServiceError:
        return None  # not everybody may ask
    return f"Enable what is off: {enable_command(project, disabled)}" if disabled else None


def written(config: AppConfig, phase: Phase) -> AppConfig:
    """Of a version's configuration what is due in a phase."""
    parts = PARTS[phase]
    return AppConfig(
        indexes=config.indexes if "indexes" in parts else None,
        queues=config.queues if "queues" in parts else None,
        cron=config.cron if "jobs" in parts else None,
        dispatch=config.dispatch if "dispatch" in parts else None,
    )


def parts_of(config: AppConfig) -> tuple[str, ...]:
    """The parts that a configuration speaks of."""
    values = (config.indexes, config.queues, config.cron, config.dispatch)
    parts = ("indexes", "queues", "jobs", "dispatch")
    return tuple(part for part, value in zip(parts, values, strict=True) if value is not None)


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """What was read, as it is put on record."""
    parts = ("indexes", "queues", "jobs", "dispatch")
    return {part: list(value) for part in parts if (value := getattr(snapshot, part)) is not None}


def of_json(document: Mapping[str, Any]) -> Snapshot:
    return Snapshot(**{part: tuple(value) for part, value in document.items()})
