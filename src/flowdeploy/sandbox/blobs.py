"""Bytes on disk, stored once by their content."""

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
    """What some bytes are: ``size`` in bytes, digests in lower-case hex.

    ``key`` is the SHA-256, the name under which they are stored.
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
        self._incoming.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def open(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def writer(self) -> Writer:
        return Writer(self)

    def put(self, chunks: Iterable[bytes]) -> Blob:
        """Store what the chunks hold together."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    async def receive(self, chunks: AsyncIterable[bytes]) -> Blob:
        """Store what arrives, in memory that does not grow with it."""
        with self.writer() as writer:
            async for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    def incoming(self) -> Path:
        """A new name for bytes that are still arriving, on the same file system."""
        return self._incoming / uuid.uuid4().hex


class Writer:
    """Takes bytes in, hashes them on the way, and moves them into place at the end.

    Leaving it without ``finish`` throws the bytes away.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._path = blobs.incoming()
        self._file = self._path.open("xb")
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = google_crc32c.Checksum()  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._size += len(data)
        for digest in (self._sha256, self._sha1, self._md5, self._crc32c):
            digest.update(data)

    def finish(self) -> Blob:
        self._file.close()
        blob = Blob(
            key=self._sha256.hexdigest(),
            size=self._size,
            sha1=self._sha1.hexdigest(),
            md5=self._md5.hexdigest(),
            crc32c=self._crc32c.digest().hex(),  # type: ignore[no-untyped-call]
        )
        target = self._blobs.path(blob.key)
        target.parent.mkdir(exist_ok=True)
        self._path.replace(target)
        return blob

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
