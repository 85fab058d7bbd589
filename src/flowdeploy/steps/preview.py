"""What a plan would change of the configuration of its instances, by what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowdeploy.checks.deploy import Finding
from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.config import Config
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.configure_steps import by_instance
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Plan, Verify
from flowdeploy.records.releases import Releases
from flowdeploy.rollout.parallel import together
from flowdeploy.steps import staging
from flowdeploy.steps.configuration.apply import Configurator
from flowdeploy.steps.configuration.restore import Restorer
from flowdeploy.steps.history import RunHistory

if TYPE_CHECKING:
    from flowdeploy.clients.cloud import GoogleClients


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of the configuration, a line each, and what speaks against it."""

    changes: Mapping[str, tuple[str, ...]]
    refusals: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """``force`` is whether what somebody else has changed would be overwritten."""

    config: Config
    cloud: GoogleClients
    home: Path
    force: bool = False

    def released(self, version: str) -> Mapping[str, str] | None:
        """A version's configuration files, path → text; None where it has no record."""
        local = self.config.records == "local"
        store = FolderStore(self.home / "records") if local else self.cloud.records(self.config)
        found = Releases(store, "").find(version)
        return found.release.configs if found else None

    def of(self, plan: Plan, configs: Mapping[str, str]) -> Foreseen:
        """What the plan would do now, by instance. Raises Refused for files that are wrong."""
        past = RunHistory.of(self.config, self.cloud.endpoints, self.home)
        configurator = Configurator(
            self.cloud,
            Restorer(past.require, self.force),
            staging.configuration(configs),
            prune=self.config.prune_queues,
        )
        return _foreseen(configurator, plan, self.cloud.connections)


def _foreseen(configurator: Configurator, plan: Plan, connections: int) -> Foreseen:
    steps, checked = by_instance(plan), _checked(plan)

    def look(name: str) -> tuple[str, ...] | FlowdeployError:
        try:
            waits = _waits(configurator, checked[name]) if name in checked else ()
            return (*waits, *configurator.foreseen(steps.get(name, [])))
        except FlowdeployError as error:
            return error

    names = dict.fromkeys((*checked, *steps))
    seen = dict(together(look, names, connections))
    found = [(name, seen[name]) for name in names]
    return Foreseen(
        {name: each for name, each in found if each and not isinstance(each, FlowdeployError)},
        tuple(Finding(n, each.message) for n, each in found if isinstance(each, FlowdeployError)),
    )


def _waits(configurator: Configurator, instance: Instance) -> tuple[str, ...]:
    """What a promotion would wait for."""
    said: list[str] = []
    next(configurator.ready(instance, [], said.append), None)
    return tuple(said)


def _checked(plan: Plan) -> dict[str, Instance]:
    return {step.instance.id: step.instance for step in plan.steps_of(Verify)}
