"""Where the files of releases are kept, each under the SHA-1 of its bytes.

In a records bucket of one's own they stay. In UAT1's staging bucket, which the
default is, they stay as long as its rules let them: days, as a rule. Records
that are local have their files in a folder beside them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowdeploy.appengine.manifest import Manifest
from flowdeploy.clients.batch import MOST_CALLS
from flowdeploy.clients.objects import BucketFolder, file_changed
from flowdeploy.errors import ServiceError
from flowdeploy.rollout.parallel import map_unordered

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets, Listing

_LOOKS = 16  # buckets looked into at once
_UPLOADS = 8  # files on their way at once


class ReleaseFileStore(Protocol):
    """Files by the SHA-1 of their bytes, in hex. Every method raises ServiceError.

    A release is the files of its manifest, and ``more``: those of its library.
    """

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        """Buckets that have all that is kept; none where it is kept on this machine."""

    def here(self, files: Manifest) -> Mapping[str, Path]:
        """The files of a release that is kept, if they are to be had on this machine."""

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        """Have a release again, if need be from elsewhere; what cannot be had any more."""

    def keep(self, files: Manifest, contents: Mapping[str, Path]) -> None:
        """Have a release, sending what is not there; ``contents`` has ``more`` too."""

    def fetch(self, name: str, into: Path) -> None:
        """Bring a file of ``more`` to a path on this machine."""


@dataclass(frozen=True, slots=True)
class BucketFileStore:
    """Each file is an object of ``own``.

    ``others`` are buckets that may have a file that ``own`` has lost or is about
    to lose, and give it back by a copy at Google; ``own`` may be one of them,
    since a copy of an object onto itself is as young as any.
    """

    buckets: Buckets
    own: BucketFolder
    others: Sequence[BucketFolder] = ()

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        return (self.own,)

    def here(self, files: Manifest) -> Mapping[str, Path]:  # noqa: ARG002
        return {}

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        return self.recover_objects({*files.by_sha1, *more})

    def keep(self, files: Manifest, contents: Mapping[str, Path]) -> None:  # noqa: ARG002
        self.send(contents)

    def fetch(self, name: str, into: Path) -> None:
        self.buckets.download(self.own.bucket, self.own.prefix + name, into)

    def recover_objects(self, names: Collection[str]) -> frozenset[str]:
        """As `recover`, for any objects."""
        listing = self.buckets.list_objects(self.own.bucket)
        lost = frozenset(n for n in names if self.own.prefix + n not in listing.lasting)
        looks = map_unordered(self._names, self.others if lost else (), _LOOKS)
        for source, there in looks:
            lost -= self._copy_from(source, there & lost, listing)
            if not lost:
                break
        return lost

    def send(self, contents: Mapping[str, Path]) -> None:
        """Have these objects."""
        bucket, prefix = self.own.bucket, self.own.prefix
        listing = self.buckets.list_objects(bucket)

        def send(name: str) -> None:
            self.buckets.upload(bucket, prefix + name, contents[name], listing.expiring)

        missing = (name for name in contents if prefix + name not in listing.lasting)
        for _ in map_unordered(send, missing, _UPLOADS):
            pass  # what one of them raises ends it

    def _names(self, source: BucketFolder) -> frozenset[str]:
        """Nothing where a bucket is not ours to look into."""
        try:
            listing = self.buckets.list_objects(source.bucket)
        except ServiceError:
            return frozenset()
        return listing.lasting | listing.expiring

    def _copy_from(
        self, source: BucketFolder, names: frozenset[str], listing: Listing
    ) -> frozenset[str]:
        """Those that the source has given."""
        asked, refused = sorted(names), set[str]()
        for start in range(0, len(asked), MOST_CALLS):
            some = asked[start : start + MOST_CALLS]
            refused |= self.buckets.copy(source, self.own.bucket, some, listing.expiring)
        return names - refused


@dataclass(frozen=True, slots=True)
class FolderFileStore:
    """Files in a folder of this machine."""

    folder: Path

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        return ()

    def here(self, files: Manifest) -> Mapping[str, Path]:
        return {name: self.folder / name for name in files.by_sha1}

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        names = {*files.by_sha1, *more}
        return frozenset(name for name in names if not (self.folder / name).is_file())

    def keep(self, files: Manifest, contents: Mapping[str, Path]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self.recover(files, contents):
            try:
                _copy(contents[name], self.folder, name)
            except FileNotFoundError as error:
                raise file_changed(contents[name], "it is gone") from error

    def fetch(self, name: str, into: Path) -> None:
        shutil.copyfile(self.folder / name, into)


def _copy(path: Path, folder: Path, sha1: str) -> None:
    """Whole or not at all, and on the disk. Raises FlowdeployError for a file that has changed."""
    with path.open("rb") as source, tempfile.NamedTemporaryFile(dir=folder, delete=False) as new:
        try:
            shutil.copyfileobj(source, new)
            new.flush()
            os.fsync(new.fileno())
            _require(path, Path(new.name), sha1)
            Path(new.name).replace(folder / sha1)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise


def _require(path: Path, copied: Path, sha1: str) -> None:
    with copied.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.sha1(usedforsecurity=False))
    if digest.hexdigest() != sha1:
        raise file_changed(path, "it has changed")
