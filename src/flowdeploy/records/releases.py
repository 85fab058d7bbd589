"""Release records: what was built as a version, which is what the version is for ever.

Builds are not reproducible (jars carry times), so that a version is built once
and later runs deploy what was built then. A record is written when all of its
files are kept, and is replaced only where somebody asks for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from flowdeploy.appengine.manifest import File, Manifest
from flowdeploy.errors import Refused
from flowdeploy.planning.refs import Commit
from flowdeploy.records.store import ObjectStore

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Builder:
    """Who built it: the user, the machine, the run, and when (RFC 3339)."""

    user: str
    host: str
    run: str
    at: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host} at {self.at}, run {self.run}"


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A file of the library: its path in the repository, bytes, digests in hex."""

    path: str
    size: int
    sha1: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RecordedLibrary:
    """The library as it was built: ``group:artifact``, version, the jar and then the pom."""

    coordinates: str
    version: str
    files: tuple[LibraryFile, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """A version as it was built.

    ``commit`` is None where nobody has named it; ``modified`` is whether tracked
    files differed from it. ``app_yaml`` is that file's text. ``configs`` are those
    of queue.yaml and the like, by path, which are no part of a Version.
    """

    version: str
    commit: Commit | None
    modified: bool
    app_yaml: str
    manifest: Manifest
    configs: Mapping[str, str]
    library: RecordedLibrary | None
    builder: Builder

    def equals(self, other: Release) -> bool:
        """Whether both would be deployed and configured alike, whoever built them."""
        ours = (self.app_yaml, self.manifest, self.configs)
        return ours == (other.app_yaml, other.manifest, other.configs)

    @property
    def library_contents(self) -> tuple[str, ...]:
        """The SHA-1 of every file of the library."""
        return tuple(file.sha1 for file in self.library.files) if self.library else ()


def same_commit(one: Commit, other: Commit) -> bool:
    """Whether both are one commit; people abbreviate, so one SHA may be the other's beginning."""
    return one.sha.startswith(other.sha) or other.sha.startswith(one.sha)


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """A release as it was found, and the generation of its record."""

    release: Release
    generation: int


@dataclass(frozen=True, slots=True)
class Releases:
    """The records of all releases in a store; ``place`` is where that is, for people."""

    store: ObjectStore
    place: str

    def find(self, version: str) -> StoredRelease | None:
        """None where the version was never built. Raises Refused for an unreadable record."""
        found = self.store.read(_name(version))
        if found is None:
            return None
        try:
            return StoredRelease(_parsed(json.loads(found.content)), found.generation)
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                f"the release record {self.named(version)} cannot be read:"
                f" {type(error).__name__}: {error}",
                hint="It may be of a later flowdeploy: use that. Otherwise move the record away;"
                " the version is then built anew.",
            ) from error

    def write(self, release: Release, over: StoredRelease | None = None) -> None:
        """Record a release, over the record that was found if there was one.

        Raises Refused where another run has recorded the version meanwhile.
        """
        content = json.dumps(release_json(release), indent=2).encode()
        generation = over.generation if over else 0
        if self.store.write(_name(release.version), content, generation) is None:
            raise Refused(
                f"another run has recorded version {release.version} in this moment:"
                f" {self.named(release.version)}",
                hint="Run the same command again: it deploys what is recorded.",
            )

    def named(self, version: str) -> str:
        """The address of a version's record."""
        return f"{self.place.rstrip('/')}/{_name(version)}"


def _name(version: str) -> str:
    return f"releases/{version}.json"


def release_json(release: Release) -> dict[str, Any]:
    """The record, ``schema`` 1; sizes in bytes."""
    commit = release.commit
    return {
        "schema": SCHEMA,
        "version": release.version,
        "commit": {"sha": commit.sha, "time": commit.time.isoformat()} if commit else None,
        "modified": release.modified,
        "built": asdict(release.builder),
        "library": asdict(release.library) if release.library else None,
        "configs": dict(release.configs),
        "app_yaml": release.app_yaml,
        "files": [asdict(file) for file in release.manifest.files],
    }


def _parsed(record: dict[str, Any]) -> Release:
    """The release that `release_json` has written down. Raises ValueError, KeyError, TypeError."""
    if record["schema"] != SCHEMA:
        raise ValueError(f"its schema is {record['schema']}, not {SCHEMA}")
    commit = record["commit"]
    return Release(
        version=record["version"],
        commit=Commit(commit["sha"], datetime.fromisoformat(commit["time"])) if commit else None,
        modified=record["modified"],
        app_yaml=record["app_yaml"],
        manifest=Manifest(tuple(File(**file) for file in record["files"])),
        configs=_configs(record["configs"]),
        library=_library(record["library"]),
        builder=Builder(**record["built"]),
    )


def _configs(record: Any) -> Mapping[str, str]:
    """Raises ValueError for what was recorded before configuration could be applied."""
    if isinstance(record, list) and record:
        raise ValueError(f"it names {', '.join(record)} and does not say what is in them")
    return dict(record)  # an empty list of old is as good as no files


def _library(record: dict[str, Any] | None) -> RecordedLibrary | None:
    if record is None:
        return None
    files = tuple(LibraryFile(**file) for file in record["files"])
    return RecordedLibrary(record["coordinates"], record["version"], files)
