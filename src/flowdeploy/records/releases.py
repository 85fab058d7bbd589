"""Release records: what was built as a version.

Builds are not reproducible (jars contain times), so a version is built once and later runs
deploy what was built then. A record is written after all of its files are stored, and is
replaced only by ``--replace``.
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
from flowdeploy.records.forms import check_release
from flowdeploy.records.store import ObjectStore

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Builder:
    """The user, machine and run that built a release, and when (RFC 3339)."""

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

    ``commit`` is None where it is not known; ``modified`` is whether tracked files differed
    from it. ``app_yaml`` is that file's text. ``configs`` are the texts of queue.yaml and the
    like by path, which are no part of a Version. ``descriptor`` is what the appengine-web.xml of
    the build has decided for all instances, by element; None in records that do not say it.
    """

    version: str
    commit: Commit | None
    modified: bool
    app_yaml: str
    manifest: Manifest
    configs: Mapping[str, str]
    library: RecordedLibrary | None
    builder: Builder
    descriptor: Mapping[str, Any] | None = None

    def equals(self, other: Release) -> bool:
        """Whether both would be deployed and configured alike."""
        ours = (self.app_yaml, self.manifest, self.configs)
        return ours == (other.app_yaml, other.manifest, other.configs)

    @property
    def library_contents(self) -> tuple[str, ...]:
        """The SHA-1 of every file of the library."""
        return tuple(file.sha1 for file in self.library.files) if self.library else ()


def same_commit(one: Commit, other: Commit) -> bool:
    """Whether both are one commit, of which one SHA may be abbreviated."""
    return one.sha.startswith(other.sha) or other.sha.startswith(one.sha)


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """A release record and its generation in the store."""

    release: Release
    generation: int


@dataclass(frozen=True, slots=True)
class Releases:
    """The release records in a store; ``place`` is the store's address, for people."""

    store: ObjectStore
    place: str

    def find(self, version: str) -> StoredRelease | None:
        """None where the version has no record. Raises Refused for an unreadable record."""
        found = self.store.read(_object_name(version))
        if found is None:
            return None
        try:
            return StoredRelease(_parse_release(json.loads(found.content)), found.generation)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Refused(
                f"the release record {self.address_of(version)} cannot be read:"
                f" {type(error).__name__}: {error}",
                hint="A later flowdeploy may have written it: use that. Otherwise move the record"
                " away; the version is then built again.",
            ) from error

    def write(self, release: Release, over: StoredRelease | None = None) -> None:
        """Write a release record; ``over`` is the record that it replaces, if any.

        Raises Refused where another run has written one meanwhile.
        """
        content = json.dumps(release_json(release), indent=2).encode()
        generation = over.generation if over else 0
        if self.store.write(_object_name(release.version), content, generation) is None:
            raise Refused(
                f"another run has just recorded version {release.version}:"
                f" {self.address_of(release.version)}",
                hint="Run the same command again: it deploys what is recorded.",
            )

    def address_of(self, version: str) -> str:
        """The address of a version's record."""
        return f"{self.place.rstrip('/')}/{_object_name(version)}"


def _object_name(version: str) -> str:
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
        "descriptor": dict(release.descriptor) if release.descriptor is not None else None,
        "files": [asdict(file) for file in release.manifest.files],
    }


def _parse_release(record: dict[str, Any]) -> Release:
    """The release that `release_json` has written. Raises ValueError, KeyError, TypeError."""
    if record["schema"] != SCHEMA:
        raise ValueError(f"its schema is {record['schema']}, not {SCHEMA}")
    check_release(record)
    commit = record["commit"]
    return Release(
        version=record["version"],
        commit=Commit(commit["sha"], datetime.fromisoformat(commit["time"])) if commit else None,
        modified=record["modified"],
        app_yaml=record["app_yaml"],
        manifest=Manifest(tuple(File(**file) for file in record["files"])),
        configs=_parse_configs(record["configs"]),
        library=_parse_library(record["library"]),
        builder=Builder(**record["built"]),
        descriptor=record.get("descriptor"),
    )


def _parse_configs(record: Any) -> Mapping[str, str]:
    """Raises ValueError for records that are older than the configuration in them."""
    if isinstance(record, list) and record:
        raise ValueError(f"it names {', '.join(record)} and does not say what is in them")
    return dict(record)  # old records have an empty list for no files


def _parse_library(record: dict[str, Any] | None) -> RecordedLibrary | None:
    if record is None:
        return None
    files = tuple(LibraryFile(**file) for file in record["files"])
    return RecordedLibrary(record["coordinates"], record["version"], files)
