"""Stores a release as the common beginning of its archives: one object.

A fleet that deploys archives uploads these bytes anyway; single files would be the same
bytes a second time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flowdeploy.appengine import archive
from flowdeploy.appengine.archive import Entry
from flowdeploy.appengine.manifest import Manifest
from flowdeploy.clients.files import BucketFolder, open_private
from flowdeploy.steps.deploy.upload.zip_uploader import (
    CHUNK,
    common_piece_names,
    write_common_pieces,
)
from flowdeploy.steps.release.file_stores import BucketFileStore


@dataclass(frozen=True, slots=True)
class ZipFileStore:
    """A `ReleaseFileStore`. ``scratch`` is a folder for temporary files."""

    objects: BucketFileStore
    scratch: Path

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        return self.objects.sources

    def local_paths(self, files: Manifest) -> Mapping[str, Path]:
        """Fetches the head and extracts every file from it."""
        folder = self.scratch / "release"
        folder.mkdir(0o700, exist_ok=True)
        head = folder / "head"
        self.objects.fetch(_head(files), head)
        with head.open("rb") as stream:
            for file in files.files:
                stream.seek(len(archive.local_header(Entry(file.path, file.size, 0))), 1)
                _extract(stream, file.size, folder / file.sha1)
        head.unlink()
        return {sha1: folder / sha1 for sha1 in files.by_sha1}

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        lost = self.objects.recover_objects({_head(files), *more})
        if _head(files) in lost:
            return frozenset(files.by_sha1) | lost.intersection(more)
        return lost

    def save(self, files: Manifest, contents: Mapping[str, Path]) -> None:
        folder = self.scratch / "kept"
        folder.mkdir(0o700, exist_ok=True)
        head = write_common_pieces(files, contents, folder).head
        more = {name: path for name, path in contents.items() if name not in files.by_sha1}
        self.objects.upload({_head(files): head, **more})
        head.unlink()

    def fetch(self, name: str, into: Path) -> None:
        self.objects.fetch(name, into)


def _head(files: Manifest) -> str:
    """The name of the head's object."""
    return common_piece_names(files)[0]


def _extract(stream: BinaryIO, size: int, into: Path) -> None:
    """Write the next ``size`` bytes into a file."""
    with open_private(into, "wb") as target:
        while chunk := stream.read(min(size, CHUNK)):
            size -= target.write(chunk)
