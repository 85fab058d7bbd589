"""Starting the sandbox from a command: with the configuration's applications, in a folder."""

from collections.abc import Iterable
from pathlib import Path

from flowdeploy.cli.report_files import ensure_folder
from flowdeploy.config.values import Config
from flowdeploy.errors import FlowdeployError, UsageError
from flowdeploy.sandbox.scenario import (
    Scenario,
    ScenarioError,
    builtin_names,
    parse_scenario,
    read_builtin,
)
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App, Settings, StateError

# Long enough to be seen, and not longer.
OPERATION_SECONDS = 0.8


def start_sandbox(
    state: Path,
    scenario: Scenario,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allowed_hosts: Iterable[str] = (),
) -> Sandbox:
    """A sandbox that keeps its state in the folder ``state``.

    It also answers to the names in ``allowed_hosts``. Raises FlowdeployError where it cannot
    listen, or its state cannot be read.
    """
    try:
        return Sandbox(
            ensure_folder(state, private=True),
            scenario.apps,
            host=host,
            port=port,
            settings=scenario.settings,
            faults=scenario.faults,
            allowed_hosts=allowed_hosts,
        )
    except OSError as error:
        raise FlowdeployError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="Choose another --port, or none for one that is free.",
        ) from error
    except StateError as error:
        raise FlowdeployError(
            f"the sandbox's state cannot be read: {error}",
            hint="Remove the folder, or `flowdeploy sandbox reset` for the embedded one.",
        ) from error


def load_scenario(name: str | None) -> Scenario:
    """The scenario in a file, or the one that comes with flowdeploy under that name.

    Raises UsageError for what is neither, or no scenario.
    """
    if name is None:
        return Scenario(Settings(operation_seconds=OPERATION_SECONDS))
    try:
        return parse_scenario(
            read_builtin(name) if name in builtin_names() else Path(name).read_text()
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the scenario {name}: {error}",
            hint=f"Name a file, or one that comes with flowdeploy: {', '.join(builtin_names())}.",
        ) from error
    except ScenarioError as error:
        raise UsageError(f"{name} is no scenario: {error}") from error


def apps_of(config: Config | None) -> tuple[App, ...]:
    """An application for every project of the configuration, with its services."""
    services: dict[str, dict[str, None]] = {}
    for instance in config.fleet.instances if config else ():
        services.setdefault(instance.project, {"default": None})[instance.service] = None
    return tuple(App(project, services=tuple(names)) for project, names in services.items())
