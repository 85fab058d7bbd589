"""Releases kept as what their archives begin with: one object each, the files in it as they are.

A fleet that deploys archives sends these bytes anyway; files beside them would
be the same bytes again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flowdeploy.appengine import archive
from flowdeploy.appengine.archive import Entry
from flowdeploy.appengine.manifest import Manifest
from flowdeploy.clients.objects import BucketFolder
from flowdeploy.steps.deploy.upload.zip_uploader import (
    CHUNK,
    common_piece_names,
    write_common_pieces,
)
from flowdeploy.steps.release.file_stores import BucketFileStore


@dataclass(frozen=True, slots=True)
class ZipFileStore:
    """A `Vault` (see `vault`). ``scratch`` is a folder for what is written here."""

    objects: BucketFileStore
    scratch: Path

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        return self.objects.sources

    def here(self, files: Manifest) -> Mapping[str, Path]:
        """Every file, taken out of the head, which is fetched for that."""
        folder = self.scratch / "release"
        folder.mkdir(exist_ok=True)
        head = folder / "head"
        self.objects.fetch(_head(files), head)
        with head.open("rb") as stream:
            for file in files.files:
                stream.seek(len(archive.local_header(Entry(file.path, file.size, 0))), 1)
                _take(stream, file.size, folder / file.sha1)
        head.unlink()
        return {sha1: folder / sha1 for sha1 in files.by_sha1}

    def recover(self, files: Manifest, more: Collection[str]) -> frozenset[str]:
        lost = self.objects.recover_objects({_head(files), *more})
        if _head(files) in lost:
            return frozenset(files.by_sha1) | lost.intersection(more)
        return lost

    def keep(self, files: Manifest, contents: Mapping[str, Path]) -> None:
        folder = self.scratch / "kept"
        folder.mkdir(exist_ok=True)
        head = write_common_pieces(files, contents, folder).head
        more = {name: path for name, path in contents.items() if name not in files.by_sha1}
        self.objects.send({_head(files): head, **more})
        head.unlink()

    def fetch(self, name: str, into: Path) -> None:
        self.objects.fetch(name, into)


def _head(files: Manifest) -> str:
    return common_piece_names(files)[0]


def _take(stream: BinaryIO, size: int, into: Path) -> None:
    """The next bytes, as a file."""
    with into.open("wb") as target:
        while chunk := stream.read(min(size, CHUNK)):
            size -= target.write(chunk)
