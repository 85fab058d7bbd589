"""Versions as one zip archive each: a few calls for an instance, however many files it has."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import weakref
import zlib
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowdeploy.appengine import archive
from flowdeploy.appengine.archive import Entry, Extent
from flowdeploy.appengine.manifest import Manifest
from flowdeploy.clients.objects import file_changed
from flowdeploy.rollout import Notify, Pause
from flowdeploy.steps.deploy.package import VersionPackage
from flowdeploy.steps.deploy.upload.staging_buckets import StagingBuckets
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects
from flowdeploy.steps.deploy.upload.uploader import FileUploader, Uploader, UploadResult

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets

CHUNK = 1 << 20  # bytes of a file that are in memory at once


@dataclass(frozen=True, slots=True)
class CommonPieces:
    """What all archives begin with, and its entries in their directories, as files here."""

    extent: Extent
    head: Path
    directory: Path


def make_zip_uploader(
    scratch: Path, buckets: Buckets, packages: Collection[VersionPackage]
) -> Uploader:
    """Archives; but files, and a remark, where not all of an archive's files are here."""
    if all(package.contents.keys() >= package.manifest.by_sha1.keys() for package in packages):
        return ZipUploader(scratch, buckets, packages)
    return FileUploader(buckets, packages, ("deployed as files: an archive needs them here",))


class ZipUploader:
    """See `flowdeploy.appengine.archive`. Every package's files are on this machine.

    The archive of an instance is named by the digest of its manifest: what is
    there has the same files. The shared pieces are written below ``scratch``
    when they are first needed, and removed in the end.
    """

    def __init__(self, scratch: Path, buckets: Buckets, packages: Iterable[VersionPackage]) -> None:
        self._buckets = buckets
        self._scratch = Path(tempfile.mkdtemp(prefix="archive-", dir=scratch))
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        names = {name for package in packages for name in common_piece_names(_common(package))}
        self._stager = StagingBuckets(
            buckets, names | {package.wanted.archive for package in packages}
        )
        self._shared: dict[str, CommonPieces] = {}
        self._writing = threading.Lock()

    def look(self, bucket: str) -> None:
        self._stager.look(bucket)

    def bring(
        self, bucket: str, package: VersionPackage, notify: Notify
    ) -> Generator[Pause, None, UploadResult]:
        name = package.wanted.archive
        remarks: tuple[str, ...] = ()
        if not self._stager.has(bucket, name):
            pieces = self._pieces(package)
            _, *others = pieces  # where the release is kept there is its head, and no more
            needed = NeededObjects(tuple(pieces), pieces, package.sources, frozenset(others))
            remarks = yield from self._stager.fill(bucket, needed, notify)
            notify("composing the archive")
            self._buckets.compose(bucket, name, tuple(pieces))
        source = {
            "sourceUrl": f"https://storage.googleapis.com/{bucket}/{name}",
            "filesCount": len(package.manifest.files),
        }
        return UploadResult(
            {**package.to_version_body(bucket), "deployment": {"zip": source}}, remarks
        )

    def _pieces(self, package: VersionPackage) -> dict[str, Path]:
        """The archive's pieces by the names of their objects, in order."""
        common = _common(package)
        with self._writing:
            if common.digest not in self._shared:
                folder = self._scratch / common.digest
                folder.mkdir()
                self._shared[common.digest] = write_common_pieces(common, package.contents, folder)
            shared = self._shared[common.digest]
        files = Manifest(tuple(f for f in package.manifest.files if f.sha1 in package.own))
        own = archive.lay_out(_entries(files, package.own), shared.extent.stop)
        content = b"".join(_archive_content(files, own, package.own))
        head, directory = common_piece_names(common)
        return {
            head: shared.head,
            **(self._write_piece(content) if content else {}),
            directory: shared.directory,
            **self._write_piece(
                archive.end(len(common.files), shared.directory.stat().st_size, own)
            ),
        }

    def _write_piece(self, content: bytes) -> dict[str, Path]:
        """A small piece as a file that is named by its SHA-1, as is its object."""
        name = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        path = self._scratch / name
        with self._writing:
            if not path.exists():  # another instance's, which is being sent
                path.write_bytes(content)
        return {name: path}


def _common(package: VersionPackage) -> Manifest:
    """The files that are not this instance's own."""
    if not package.own:
        return package.manifest
    return Manifest(tuple(f for f in package.manifest.files if f.sha1 not in package.own))


def common_piece_names(common: Manifest) -> tuple[str, str]:
    """The objects of the head and of its directory."""
    return f"{common.digest}.head", f"{common.digest}.directory"


def write_common_pieces(
    common: Manifest, contents: Mapping[str, Path], folder: Path
) -> CommonPieces:
    """Raises FlowdeployError where a file is no longer what the manifest says."""
    extent = archive.lay_out(_entries(common, contents))
    head, directory = folder / "head", folder / "directory"
    with head.open("wb") as target:
        target.writelines(_archive_content(common, extent, contents))
    directory.write_bytes(archive.directory(extent.entries))
    return CommonPieces(extent, head, directory)


def _archive_content(
    files: Manifest, extent: Extent, contents: Mapping[str, Path]
) -> Iterator[bytes]:
    """Every file after its local header. Raises FlowdeployError for one that has changed."""
    for entry, file in zip(extent.entries, files.files, strict=True):
        yield archive.local_header(entry)
        path, checksum = contents[file.sha1], 0
        for chunk in _chunks(path):
            checksum = zlib.crc32(chunk, checksum)
            yield chunk
        if checksum != entry.crc32:
            raise file_changed(path, "it has changed")


def _entries(files: Manifest, contents: Mapping[str, Path]) -> Iterator[Entry]:
    """Raises FlowdeployError where a file is no longer what the manifest says."""
    for file in files.files:
        path = contents[file.sha1]
        digest, checksum = hashlib.sha1(usedforsecurity=False), 0
        for chunk in _chunks(path):
            digest.update(chunk)
            checksum = zlib.crc32(chunk, checksum)
        if digest.hexdigest() != file.sha1:
            raise file_changed(path, "it has changed")
        yield Entry(file.path, file.size, checksum)


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except OSError as error:
        raise file_changed(path, error.strerror or str(error)) from error
