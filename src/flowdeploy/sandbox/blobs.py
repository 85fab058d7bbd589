"""Blobs on disk; equal content is stored once."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import google_crc32c

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """The size in bytes and the digests, in lower-case hex, of some content.

    ``key`` is the SHA-256, which is also the name of the stored file.
    """

    key: str
    size: int
    sha1: str
    md5: str
    crc32c: str


class Blobs:
    """A folder of immutable files, each named by the SHA-256 of its content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        folder.mkdir(0o700, parents=True, exist_ok=True)
        self._incoming.mkdir(0o700, exist_ok=True)

    def path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def open(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def incoming_path(self, name: str) -> Path:
        """The path for an unfinished upload, on the same file system as the blobs."""
        return self._incoming / name

    def writer(self) -> BlobWriter:
        return BlobWriter(self)

    def store(self, chunks: Iterable[bytes]) -> Blob:
        """Store the concatenated chunks."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    async def receive(self, chunks: AsyncIterable[bytes]) -> Blob:
        """Store the concatenated chunks as they arrive, in constant memory."""
        with self.writer() as writer:
            async for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    def adopt(self, file: Path) -> Blob:
        """Store a file by moving it into the folder."""
        digests = _Digests()
        with file.open("rb") as source:
            while chunk := source.read(CHUNK):
                digests.update(chunk)
        return self._move_in(file, digests)

    def _move_in(self, file: Path, digests: _Digests) -> Blob:
        blob = digests.blob()
        target = self.path(blob.key)
        target.parent.mkdir(0o700, exist_ok=True)
        file.replace(target)
        return blob


class BlobWriter:
    """Writes and hashes bytes, and moves them into place at the end.

    Leaving the context without ``finish`` discards the bytes.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._path = blobs.incoming_path(uuid.uuid4().hex)
        self._path.touch(0o600, exist_ok=False)
        self._file = self._path.open("wb")
        self._digests = _Digests()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digests.update(data)

    def finish(self) -> Blob:
        self._file.close()
        return self._blobs._move_in(self._path, self._digests)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class _Digests:
    def __init__(self) -> None:
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = 0

    def update(self, data: bytes) -> None:
        self._size += len(data)
        self._crc32c = google_crc32c.extend(self._crc32c, data)
        for digest in (self._sha256, self._sha1, self._md5):
            digest.update(data)

    def blob(self) -> Blob:
        return Blob(
            key=self._sha256.hexdigest(),
            size=self._size,
            sha1=self._sha1.hexdigest(),
            md5=self._md5.hexdigest(),
            crc32c=f"{self._crc32c:08x}",
        )
