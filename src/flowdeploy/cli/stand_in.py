"""The applications that the stand-in begins with."""

from __future__ import annotations

from flowdeploy.config import Config
from flowdeploy.sandbox.state import App


def apps_of(config: Config | None) -> tuple[App, ...]:
    """An application for every project of the configuration, with the services named there."""
    services: dict[str, dict[str, None]] = {}
    for instance in config.fleet.instances if config else ():
        services.setdefault(instance.project, {"default": None})[instance.service] = None
    return tuple(App(project, services=tuple(names)) for project, names in services.items())
