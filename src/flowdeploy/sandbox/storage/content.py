"""The bytes of an object: one blob, or after a compose several concatenated blobs."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from flowdeploy.sandbox.blobs import CHUNK, Blobs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Castagnoli's polynomial with reversed bits: the highest bit is the coefficient of x^0.
POLYNOMIAL = 0x82F63B78
ONE = 1 << 31
X = 1 << 30


@dataclass(frozen=True, slots=True)
class BlobPart:
    """A blob and its length in bytes."""

    key: str
    size: int


def format_parts(parts: Iterable[BlobPart]) -> str:
    """The parts as text, for the database."""
    return " ".join(f"{part.key}:{part.size}" for part in parts)


def parse_parts(text: str) -> tuple[BlobPart, ...]:
    """Parse the text of ``format_parts``."""
    pairs = (item.split(":") for item in text.split())
    return tuple(BlobPart(key, int(size)) for key, size in pairs)


def read_range(blobs: Blobs, parts: Iterable[BlobPart], start: int, stop: int) -> Iterator[bytes]:
    """The bytes from ``start`` up to, not including, ``stop``, in chunks of a megabyte."""
    for part in parts:
        begin, end = max(start, 0), min(stop, part.size)
        if begin < end:
            with blobs.open(part.key) as file:
                file.seek(begin)
                yield from _read_exactly(file, end - begin)
        start -= part.size
        stop -= part.size


def compute_sha1(blobs: Blobs, parts: tuple[BlobPart, ...]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for chunk in read_range(blobs, parts, 0, sum(part.size for part in parts)):
        digest.update(chunk)
    return digest.hexdigest()


def _read_exactly(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count:
        data = file.read(min(CHUNK, count))
        count -= len(data)
        yield data


class PartsFile(io.RawIOBase):
    """The concatenated parts as a seekable file, such as zipfile needs."""

    def __init__(self, blobs: Blobs, parts: tuple[BlobPart, ...]) -> None:
        self._blobs = blobs
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        stop = min(self._at + len(view), self._size)
        data = b"".join(read_range(self._blobs, self._parts, self._at, stop))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def combine_crc32c(first: int, second: int, second_size: int) -> int:
    """The checksum of two concatenated texts, from their checksums and the second's size.

    A checksum is a remainder modulo the polynomial. Appending the second text shifts the
    first by that many bits, which multiplies it by a power of x.
    """
    return _multiply(_power_of_x(8 * second_size), first) ^ second


def _power_of_x(exponent: int) -> int:
    result, base = ONE, X
    while exponent:
        if exponent & 1:
            result = _multiply(result, base)
        base = _multiply(base, base)
        exponent >>= 1
    return result


def _multiply(a: int, b: int) -> int:
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = (b >> 1) ^ (POLYNOMIAL if b & 1 else 0)
    return product
