"""The files of a deployment: paths, sizes and hashes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

# App Engine's quotas page, for all runtimes of the standard environment.
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


def size_problems(manifest: Manifest) -> tuple[str, ...]:
    """The limits that App Engine's standard environment enforces, however files are sent."""
    large = tuple(
        f"{file.path} has {file.size} bytes, more than the {LARGEST_FILE} of a file's limit"
        for file in manifest.files
        if file.size > LARGEST_FILE
    )
    total = len(manifest.files)
    if total <= MOST_FILES:
        return large
    tops = Counter(file.path.partition("/")[0] for file in manifest.files)
    most = ", ".join(f"{name} ({count})" for name, count in tops.most_common(3))
    return (f"{total} files are more than the {MOST_FILES} of a version; most: {most}", *large)


def folder_warnings(manifest: Manifest) -> tuple[str, ...]:
    """Folders with more files than the quotas page allows; the server may allow them."""
    folders = Counter(file.path.rpartition("/")[0] for file in manifest.files)
    return tuple(
        f"{folder or 'the top folder'} has {count} files, more than the limit"
        f" of {MOST_FILES_IN_A_FOLDER}"
        for folder, count in sorted(folders.items())
        if count > MOST_FILES_IN_A_FOLDER
    )
