"""What a configuration says, as the rest of the program sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowdeploy.planning.fleet import Fleet, Wave
from flowdeploy.units import Portion


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """How the application is built.

    ``commands`` run with the shell, in order, in ``directory``; ``env`` names
    the credential-like variables that they may see; ``staging`` is the folder
    that they leave behind to be deployed.
    """

    commands: tuple[str, ...]
    directory: Path
    env: tuple[str, ...]
    staging: Path


@dataclass(frozen=True, slots=True)
class LibraryConfig:
    """The jar that is published; ``repository`` is the URL that it is sent to."""

    jar: Path
    pom: Path
    classifier: str | None
    repository: str


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """A page that tells whether an instance is well; ``timeout`` is seconds for each attempt."""

    path: str = "/"
    timeout: float = 30.0
    attempts: int = 10


@dataclass(frozen=True, slots=True)
class RolloutConfig:
    """``jobs`` instances at once; more than ``max_failures`` failed ones stop a stage."""

    jobs: int
    max_failures: Portion
    waves: tuple[Wave, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration file. Every path is absolute; ``root`` is the project's.

    ``records`` is where releases, runs and locks are kept: ``gs://…``, ``local``,
    or None for the default.
    """

    path: Path
    root: Path
    trunk: str
    build: BuildConfig
    library: LibraryConfig | None
    descriptors: Path | None
    upload: str
    records: str | None
    health: HealthConfig | None
    rollout: RolloutConfig
    prune_queues: bool
    fleet: Fleet
