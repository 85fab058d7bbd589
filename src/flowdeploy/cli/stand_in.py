"""The stand-in as commands start it: with the configuration's applications, on a folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from flowdeploy.cli.record import made
from flowdeploy.config import Config
from flowdeploy.errors import FlowdeployError
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App, Settings


def stand_in(
    state: Path, apps: Iterable[App], settings: Settings, *, host: str = "127.0.0.1", port: int = 0
) -> Sandbox:
    """A stand-in that remembers in the folder ``state``. Raises FlowdeployError."""
    try:
        return Sandbox(made(state), tuple(apps), host=host, port=port, settings=settings)
    except OSError as error:
        raise FlowdeployError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="Another --port, or none for one that is free.",
        ) from error
    except sqlite3.Error as error:
        raise FlowdeployError(
            f"the sandbox's state in {state} cannot be read: {error}",
            hint="Remove the folder, or `flowdeploy sandbox reset` for the embedded one.",
        ) from error


def apps_of(config: Config | None) -> tuple[App, ...]:
    """An application for every project of the configuration, with the services named there."""
    services: dict[str, dict[str, None]] = {}
    for instance in config.fleet.instances if config else ():
        services.setdefault(instance.project, {"default": None})[instance.service] = None
    return tuple(App(project, services=tuple(names)) for project, names in services.items())
