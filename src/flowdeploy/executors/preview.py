"""What a plan would change of the configuration of its instances, by what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flowdeploy.config import Config
from flowdeploy.configure_steps import by_instance
from flowdeploy.errors import FlowdeployError
from flowdeploy.executors import staging
from flowdeploy.executors.clients.folder_store import FolderStore
from flowdeploy.executors.instance.configure import Configurator
from flowdeploy.executors.past import Past
from flowdeploy.executors.together import together
from flowdeploy.journal.releases import Releases
from flowdeploy.plan import Configure, Plan

if TYPE_CHECKING:
    from flowdeploy.executors.clients.cloud import Cloud

Foreseen = Mapping[str, tuple[str, ...]]


def released_configs(config: Config, cloud: Cloud, home: Path, version: str) -> Mapping[str, str]:
    """The configuration files of a released version; none of one that has no record."""
    local = config.records == "local"
    store = FolderStore(home / "records") if local else cloud.records(config)
    found = Releases(store, "").find(version)
    return found.release.configs if found else {}


def configuration(
    plan: Plan, configs: Mapping[str, str], config: Config, cloud: Cloud, home: Path
) -> Foreseen:
    """What the plan's configure steps would do, by instance; or why that cannot be seen."""
    past = Past.of(config, cloud.endpoints, home)
    files = staging.configuration(configs)
    configurator = Configurator(cloud, past.require, files, prune=config.prune_queues)

    def look(named: tuple[str, list[Configure]]) -> tuple[str, ...]:
        try:
            return configurator.foreseen(named[1])
        except FlowdeployError as error:
            return (error.message,)

    looks = together(look, by_instance(plan).items(), cloud.connections)
    return {name: lines for (name, _), lines in looks if lines}
