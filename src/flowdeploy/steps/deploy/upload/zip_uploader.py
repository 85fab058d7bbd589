"""Uploads versions as one zip archive each: a few requests for any number of files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import weakref
import zlib
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flowdeploy.appengine import archive
from flowdeploy.appengine.archive import Entry, Extent
from flowdeploy.appengine.manifest import Manifest
from flowdeploy.clients.files import file_changed, open_private, write_private
from flowdeploy.config.regular_files import open_regular
from flowdeploy.rollout.contract import Notify, Pause
from flowdeploy.steps.deploy.package import VersionPackage
from flowdeploy.steps.deploy.upload.staging_buckets import StagingBuckets
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects
from flowdeploy.steps.deploy.upload.uploader import FileUploader, Uploader, UploadResult

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets

CHUNK = 1 << 20  # bytes of a file that are in memory at once


@dataclass(frozen=True, slots=True)
class CommonPieces:
    """The common beginning of all archives and its directory entries, as files here."""

    extent: Extent
    head: Path
    directory: Path


def make_zip_uploader(
    parent: Path, buckets: Buckets, packages: Collection[VersionPackage]
) -> Uploader:
    """An uploader of archives; of single files where not all files are on this machine."""
    if all(package.contents.keys() >= package.manifest.by_sha1.keys() for package in packages):
        return ZipUploader(parent, buckets, packages)
    return FileUploader(buckets, packages, ("deployed as files: an archive needs them here",))


class ZipUploader:
    """Uploads archives; see `flowdeploy.appengine.archive` for their format.

    All files of all packages are on this machine. An archive is named by the digest of its
    manifest, so an object of that name has the same files. The common pieces are written into
    a folder in ``parent`` when they are first needed, and removed at the end: a dry run makes an
    uploader, too, and writes nothing.
    """

    def __init__(self, parent: Path, buckets: Buckets, packages: Iterable[VersionPackage]) -> None:
        self._buckets = buckets
        self._parent = parent
        names = {name for package in packages for name in common_piece_names(_common(package))}
        self._staging = StagingBuckets(
            buckets, names | {package.wanted.archive for package in packages}
        )
        self._common_pieces: dict[str, CommonPieces] = {}
        self._writing = threading.Lock()

    def look(self, bucket: str) -> None:
        self._staging.look(bucket)

    def upload(
        self, bucket: str, package: VersionPackage, notify: Notify
    ) -> Generator[Pause, None, UploadResult]:
        name = package.wanted.archive
        remarks: tuple[str, ...] = ()
        if not self._staging.has(bucket, name):
            pieces = self._pieces(package)
            _, *others = pieces  # of a saved release only the head, the first piece, is stored
            needed = NeededObjects(tuple(pieces), pieces, package.sources, frozenset(others))
            remarks = yield from self._staging.fill(bucket, needed, notify)
            notify("composing the archive")
            self._buckets.compose(bucket, name, tuple(pieces))
        source = {
            "sourceUrl": f"https://storage.googleapis.com/{bucket}/{name}",
            "filesCount": len(package.manifest.files),
        }
        return UploadResult(
            {**package.to_version_body(bucket), "deployment": {"zip": source}}, remarks
        )

    @cached_property
    def _scratch(self) -> Path:
        """The folder of the common pieces; used by one thread at a time."""
        folder = Path(tempfile.mkdtemp(prefix="archive-", dir=self._parent))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _pieces(self, package: VersionPackage) -> dict[str, Path]:
        """The archive's pieces in order, by the names of their objects."""
        common = _common(package)
        with self._writing:
            if common.digest not in self._common_pieces:
                folder = self._scratch / common.digest
                folder.mkdir(0o700)
                self._common_pieces[common.digest] = write_common_pieces(
                    common, package.contents, folder
                )
            common_pieces = self._common_pieces[common.digest]
        files = Manifest(tuple(f for f in package.manifest.files if f.sha1 in package.own))
        own = archive.lay_out(_entries(files, package.own), common_pieces.extent.stop)
        content = b"".join(_archive_content(files, own, package.own))
        head, directory = common_piece_names(common)
        return {
            head: common_pieces.head,
            **(self._write_piece(content) if content else {}),
            directory: common_pieces.directory,
            **self._write_piece(
                archive.end(len(common.files), common_pieces.directory.stat().st_size, own)
            ),
        }

    def _write_piece(self, content: bytes) -> dict[str, Path]:
        """Write a small piece into a file that is named by its SHA-1, as its object is."""
        name = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        path = self._scratch / name
        with self._writing:
            if not path.exists():  # it may be another instance's, and be uploaded now
                write_private(path, content)
        return {name: path}


def _common(package: VersionPackage) -> Manifest:
    """The files without the instance's own."""
    if not package.own:
        return package.manifest
    return Manifest(tuple(f for f in package.manifest.files if f.sha1 not in package.own))


def common_piece_names(common: Manifest) -> tuple[str, str]:
    """The names of the objects of the head and of its directory."""
    return f"{common.digest}.head", f"{common.digest}.directory"


def write_common_pieces(
    common: Manifest, contents: Mapping[str, Path], folder: Path
) -> CommonPieces:
    """Write the common pieces into files.

    Raises FlowdeployError where a file has changed since the manifest was made.
    """
    extent = archive.lay_out(_entries(common, contents))
    head, directory = folder / "head", folder / "directory"
    with open_private(head, "wb") as target:
        target.writelines(_archive_content(common, extent, contents))
    write_private(directory, archive.directory(extent.entries))
    return CommonPieces(extent, head, directory)


def _archive_content(
    files: Manifest, extent: Extent, contents: Mapping[str, Path]
) -> Iterator[bytes]:
    """The local header and the content of each file. Raises FlowdeployError as above."""
    for entry, file in zip(extent.entries, files.files, strict=True):
        yield archive.local_header(entry)
        path, checksum = contents[file.sha1], 0
        for chunk in _chunks(path):
            checksum = zlib.crc32(chunk, checksum)
            yield chunk
        if checksum != entry.crc32:
            raise file_changed(path, "it has changed")


def _entries(files: Manifest, contents: Mapping[str, Path]) -> Iterator[Entry]:
    """The entries of the files. Raises FlowdeployError as `write_common_pieces`."""
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
        with open_regular(path) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except OSError as error:
        raise file_changed(path, error.strerror or str(error)) from error
