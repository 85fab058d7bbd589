"""The files of a deployment: paths, sizes and hashes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from flowdeploy.appengine.runtimes import has_small_files

# App Engine's quotas page; the server may allow more to some applications.
LARGEST_FILE = 32 * 1024 * 1024
MOST_FILES = 10_000
MOST_FILES_IN_A_FOLDER = 1_000


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A file to deploy: its path in the application (with /), bytes, SHA-1 in hex."""

    path: str
    size: int
    sha1: str


@dataclass(frozen=True)  # without slots, since the digest is kept
class Manifest:
    """All files of a deployment, sorted by path, no path twice."""

    files: tuple[File, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex over all paths and hashes: equal for equal deployments."""
        total = hashlib.sha256()
        for file in self.files:
            total.update(f"{file.path}\0{file.sha1}\0".encode())
        return total.hexdigest()

    @property
    def by_sha1(self) -> Mapping[str, File]:
        """One file for each distinct content, by hash."""
        return {file.sha1: file for file in reversed(self.files)}

    @property
    def size(self) -> int:
        """Bytes of the distinct contents: the upload to an empty bucket."""
        return sum(file.size for file in self.by_sha1.values())

    def with_file(self, file: File) -> Manifest:
        """The manifest with this file added, or in place of the one at its path."""
        others = (other for other in self.files if other.path != file.path)
        return Manifest(tuple(sorted((*others, file))))


@dataclass(frozen=True, slots=True)
class Findings:
    """Errors are refused by gcloud, warnings possibly by the server."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check(manifest: Manifest, runtime: str) -> Findings:
    """Check the limits; those that gcloud 528 enforces for the runtime are errors."""
    large = tuple(
        f"{file.path} has {file.size} bytes, more than the {LARGEST_FILE} of a file's limit"
        for file in manifest.files
        if file.size > LARGEST_FILE
    )
    numbers = _too_many(manifest)
    if has_small_files(runtime):
        return Findings(errors=large, warnings=numbers)
    return Findings(warnings=large + numbers)


def _too_many(manifest: Manifest) -> tuple[str, ...]:
    total = len(manifest.files)
    all_files = [f"{total} files are more than the limit of {MOST_FILES}"] * (total > MOST_FILES)
    folders = Counter(file.path.rpartition("/")[0] for file in manifest.files)
    crowded = [
        f"{folder or 'the top folder'} has {count} files, more than the limit"
        f" of {MOST_FILES_IN_A_FOLDER}"
        for folder, count in sorted(folders.items())
        if count > MOST_FILES_IN_A_FOLDER
    ]
    return (*all_files, *crowded)
