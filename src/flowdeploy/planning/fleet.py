"""The instances of an application."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flowdeploy.errors import UsageError
from flowdeploy.units import ALL, Portion


class Role(StrEnum):
    """What an instance is for. One for each UAT, any number in production."""

    UAT1 = "uat1"
    UAT2 = "uat2"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Instance:
    """One App Engine service that runs the application.

    ``id`` is its name in the configuration; ``project`` and ``service`` are its names at
    Google, ``alias`` is another one by which its descriptor may name it. ``settings`` are keys
    of app.yaml for this instance alone. ``skip`` is the reason to skip it, if there is one.
    """

    id: str
    role: Role
    project: str
    service: str = "default"
    url: str | None = None
    wave: str | None = None
    skip: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    alias: str | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.id, self.project, self.alias or self.id})


@dataclass(frozen=True, slots=True)
class Wave:
    """Production instances that are promoted together, before the next wave.

    ``max`` limits how many of them are under way at once; ``pause`` is the number of
    seconds to wait after the wave.
    """

    name: str
    max: Portion = ALL
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """All instances, in the order of the configuration."""

    instances: tuple[Instance, ...]

    def __getitem__(self, instance_id: str) -> Instance:
        return self.select([instance_id])[0]

    def with_role(self, role: Role) -> tuple[Instance, ...]:
        return tuple(i for i in self.instances if i.role is role)

    @property
    def production(self) -> tuple[Instance, ...]:
        """The production instances, the skipped ones included."""
        return self.with_role(Role.PRODUCTION)

    def select(self, ids: Iterable[str]) -> tuple[Instance, ...]:
        """The instances with these ids, in the fleet's order, each once.

        Raises UsageError that names all unknown ids.
        """
        wanted = set(ids)
        unknown = sorted(wanted - {i.id for i in self.instances})
        if unknown:
            raise UsageError(
                f"no such instance: {', '.join(unknown)}",
                hint="`flowdeploy config check` lists the instances of the configuration.",
            )
        return tuple(i for i in self.instances if i.id in wanted)
