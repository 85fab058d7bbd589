"""The values of a configuration file."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flowdeploy.planning.fleet import Fleet, Wave
from flowdeploy.units import Portion


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """How to build the application.

    ``commands`` run with the shell, in order, in ``directory``; ``env`` names the
    variables with credentials that they may use; ``staging`` is the folder to deploy.
    ``reuse``: a release uses the trunk's build of its commit.
    """

    commands: tuple[str, ...]
    directory: Path
    env: tuple[str, ...]
    staging: Path
    reuse: bool = False


@dataclass(frozen=True, slots=True)
class LibraryConfig:
    """The jar to publish; ``repository`` is the URL of the Maven repository."""

    jar: Path
    pom: Path
    classifier: str | None
    repository: str


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """The page of the health check; ``timeout`` is in seconds for each attempt."""

    path: str = "/"
    timeout: float = 30.0
    attempts: int = 10


@dataclass(frozen=True, slots=True)
class RolloutConfig:
    """At most ``jobs`` instances at once; more than ``max_failures`` failures stop a stage."""

    jobs: int
    max_failures: Portion
    waves: tuple[Wave, ...]


@dataclass(frozen=True, slots=True)
class DescriptorsConfig:
    """The folder of the instances' descriptors, and the system property that names each."""

    directory: Path
    alias: str | None = None


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
    descriptors: DescriptorsConfig | None
    upload: UploadMode
    records: LocalRecords | BucketRecords
    health: HealthConfig | None
    rollout: RolloutConfig
    prune_queues: bool
    fleet: Fleet
