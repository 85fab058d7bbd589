"""Builds a zip archive in pieces; the instances of a fleet share the large ones.

    head       the common files, each after its local header
    own        an instance's own files, likewise; most fleets have none
    directory  the central directory's entries of the common files
    end        its entries of the own files, and the end record

The archive of an instance is these four in this order. Head and directory are equal for
all instances, so Cloud Storage can copy and compose them.

Files are stored, not deflated: most of the bytes are jars, which are compressed already;
the head is sent once for a whole fleet; and the result does not depend on the version
of zlib. Source: PKWARE's APPNOTE 6.3.10.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_UTF8_NAME = 0x0800
_DATE, _TIME = 0x0021, 0  # 1 January 1980, the earliest time of the format
_UNIX = 3 << 8
_REGULAR_0644 = 0o100644 << 16
_NEEDS, _NEEDS_64 = 20, 45  # versions of the format, times ten
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF  # means: see the 64-bit field


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: path with slashes, size in bytes, CRC-32, and the offset of its local header."""

    path: str
    size: int
    crc32: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Extent:
    """Entries with their offsets; ``stop`` is the offset after the last one."""

    entries: tuple[Entry, ...]
    stop: int


def lay_out(files: Iterable[Entry], start: int = 0) -> Extent:
    """Assign offsets to files, sorted by path, from ``start`` on."""
    entries = []
    for entry in sorted(files, key=lambda entry: entry.path):
        entries.append(replace(entry, offset=start))
        start += len(local_header(entry)) + entry.size
    return Extent(tuple(entries), start)


def local_header(entry: Entry) -> bytes:
    """The local header, which precedes the file's bytes."""
    name = entry.path.encode()
    extra = _in_64_bits(entry.size, entry.size) if entry.size >= _MAX_32 else b""
    size = min(entry.size, _MAX_32)
    numbers = (_version(extra), *_common(entry), size, size, len(name), len(extra))
    return struct.pack("<4s5H3I2H", b"PK\3\4", *numbers) + name + extra


def directory(entries: Iterable[Entry]) -> bytes:
    """The central directory's entries of these files."""
    return b"".join(map(_directory_entry, entries))


def end(common: int, size: int, own: Extent) -> bytes:
    """The directory entries of the own files, and the end record.

    ``common`` is the number of common files, ``size`` that of their directory in bytes.
    """
    ours = directory(own.entries)
    return ours + _end_record(common + len(own.entries), size + len(ours), own.stop)


def _directory_entry(entry: Entry) -> bytes:
    name = entry.path.encode()
    sizes = (entry.size, entry.size) if entry.size >= _MAX_32 else ()
    large = (*sizes, *((entry.offset,) if entry.offset >= _MAX_32 else ()))
    extra = _in_64_bits(*large) if large else b""
    size = min(entry.size, _MAX_32)
    needs = _version(extra)
    numbers = (_UNIX | needs, needs, *_common(entry), size, size, len(name), len(extra))
    where = (0, 0, 0, _REGULAR_0644, min(entry.offset, _MAX_32))
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *numbers, *where) + name + extra


def _common(entry: Entry) -> Sequence[int]:
    """Flags, method (stored), time, date, checksum: equal in header and directory."""
    return _UTF8_NAME, 0, _TIME, _DATE, entry.crc32


def _version(extra: bytes) -> int:
    return _NEEDS_64 if extra else _NEEDS


def _in_64_bits(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _end_record(count: int, size: int, offset: int) -> bytes:
    """The end of the central directory, after its 64-bit form if that is needed."""
    large = b""
    if count >= _MAX_16 or size >= _MAX_32 or offset >= _MAX_32:
        totals = (0, 0, count, count, size, offset)
        large = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, _UNIX | _NEEDS_64, _NEEDS_64, *totals)
        large += struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    few = min(count, _MAX_16)
    numbers = (0, 0, few, few, min(size, _MAX_32), min(offset, _MAX_32), 0)
    return large + struct.pack("<4s4H2IH", b"PK\5\6", *numbers)
