"""Stores of the files of releases, each file under the SHA-1 of its bytes.

A records bucket of the fleet's own keeps them. UAT1's staging bucket, the default, keeps
them as long as its lifecycle rules allow: usually some days. With local records they are in
a folder beside the records.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowdeploy.appengine.manifest import Manifest
from flowdeploy.clients.batch import MOST_CALLS
from flowdeploy.clients.files import (
    BucketFolder,
    file_changed,
    make_private_folder,
    open_private,
    replace_file,
)
from flowdeploy.config.regular_files import open_regular
from flowdeploy.errors import ServiceError
from flowdeploy.rollout.parallel import map_in_threads

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets, Listing

_LISTINGS = 16  # buckets that are listed at once
_UPLOADS = 8  # files that are uploaded at once


class ReleaseFileStore(Protocol):
    """Files by the SHA-1 of their bytes, in hex. Every method raises ServiceError.

    A release is the files of its manifest, and ``more``: those of its library.
    """

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        """Buckets that have all saved files; none where they are on this machine."""

    def local_paths(self, files: Manifest) -> Mapping[str, Path]:
        """The files of a saved release on this machine by SHA-1; empty where they are not."""

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        """Complete a release, if need be from elsewhere; the files that are lost."""

    def save(self, files: Manifest, contents: Mapping[str, Path]) -> None:
        """Save a release; only missing files are sent. ``contents`` includes ``more``."""

    def fetch(self, name: str, into: Path) -> None:
        """Copy a file of ``more`` to a path on this machine."""


@dataclass(frozen=True, slots=True)
class BucketFileStore:
    """Each file is an object in ``own``.

    A file that ``own`` has lost, or is about to lose, is copied at Google from ``others`` if
    one of them has it. ``own`` may be one of them: copying an object onto itself renews it.
    """

    buckets: Buckets
    own: BucketFolder
    others: Sequence[BucketFolder] = ()

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        return (self.own,)

    def local_paths(self, files: Manifest) -> Mapping[str, Path]:  # noqa: ARG002
        return {}

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        return self.recover_objects({*files.by_sha1, *more})

    def save(self, files: Manifest, contents: Mapping[str, Path]) -> None:  # noqa: ARG002
        self.upload(contents)

    def fetch(self, name: str, into: Path) -> None:
        self.buckets.download(self.own.bucket, self.own.prefix + name, into)

    def recover_objects(self, names: Collection[str]) -> frozenset[str]:
        """Like `recover`, for any objects."""
        listing = self.buckets.list_objects(self.own.bucket)
        lost = frozenset(n for n in names if self.own.prefix + n not in listing.lasting)
        looks = map_in_threads(self._names, self.others if lost else (), _LISTINGS)
        for source, names_there in looks:
            lost -= self._copy_from(source, names_there & lost, listing)
            if not lost:
                break
        return lost

    def upload(self, contents: Mapping[str, Path]) -> None:
        """Upload the objects that are missing."""
        bucket, prefix = self.own.bucket, self.own.prefix
        listing = self.buckets.list_objects(bucket)

        def upload(name: str) -> None:
            self.buckets.upload(bucket, prefix + name, contents[name], listing.expiring)

        missing = (name for name in contents if prefix + name not in listing.lasting)
        for _ in map_in_threads(upload, missing, _UPLOADS):
            pass  # raises the first error

    def _names(self, source: BucketFolder) -> frozenset[str]:
        """The objects of a bucket; empty where it may not be listed."""
        try:
            listing = self.buckets.list_objects(source.bucket)
        except ServiceError:
            return frozenset()
        return listing.lasting | listing.expiring

    def _copy_from(
        self, source: BucketFolder, names: frozenset[str], listing: Listing
    ) -> frozenset[str]:
        """Copy objects from a source; those that were copied."""
        requested, refused = sorted(names), set[str]()
        for start in range(0, len(requested), MOST_CALLS):
            batch = requested[start : start + MOST_CALLS]
            refused |= self.buckets.copy(source, self.own.bucket, batch, listing.expiring)
        return names - refused


@dataclass(frozen=True, slots=True)
class FolderFileStore:
    """Files in a folder on this machine."""

    folder: Path

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        return ()

    def local_paths(self, files: Manifest) -> Mapping[str, Path]:
        return {name: self.folder / name for name in files.by_sha1}

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        names = {*files.by_sha1, *more}
        return frozenset(name for name in names if not (self.folder / name).is_file())

    def save(self, files: Manifest, contents: Mapping[str, Path]) -> None:
        make_private_folder(self.folder)
        for name in self.recover(files, contents):
            try:
                _copy(contents[name], self.folder / name)
            except FileNotFoundError as error:
                raise file_changed(contents[name], "it is gone") from error

    def fetch(self, name: str, into: Path) -> None:
        with (self.folder / name).open("rb") as source, open_private(into, "wb") as target:
            shutil.copyfileobj(source, target)


def _copy(path: Path, target: Path) -> None:
    """Copy a file atomically. Raises FlowdeployError unless ``target`` is named by its SHA-1."""
    with open_regular(path) as source, replace_file(target) as file:
        shutil.copyfileobj(source, file)
        file.seek(0)
        digest = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False))
        if digest.hexdigest() != target.name:
            raise file_changed(path, "it has changed")
