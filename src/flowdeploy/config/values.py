"""What a configuration says, as the rest of the program sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
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


class UploadMode(StrEnum):
    """How files reach App Engine: one object for each file, or one zip archive."""

    FILES = "files"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class LocalRecords:
    """Releases, runs and locks are stored on this machine only."""


@dataclass(frozen=True, slots=True)
class BucketRecords:
    """Releases, runs and locks are stored as objects in a bucket of Cloud Storage.

    ``prefix`` is empty or ends in a slash. ``own`` is False for the default,
    UAT1's staging bucket, which deletes old objects.
    """

    bucket: str
    prefix: str
    own: bool


def staging_bucket(project: str) -> str:
    """The bucket that App Engine creates for the code of a project's application."""
    return f"staging.{project}.appspot.com"


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration file. All paths are absolute; ``root`` is the project's folder."""

    path: Path
    root: Path
    trunk: str
    build: BuildConfig
    library: LibraryConfig | None
    descriptors: Path | None
    upload: UploadMode
    records: LocalRecords | BucketRecords
    health: HealthConfig | None
    rollout: RolloutConfig
    prune_queues: bool
    fleet: Fleet
