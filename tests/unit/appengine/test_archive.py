"""Archives in pieces: valid to every reader, and the same to the byte."""

from __future__ import annotations

import io
import shutil
import stat
import subprocess
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.archive import Entry, Extent, directory, end, lay_out, local_header

COMMON = {
    "WEB-INF/lib/flow.jar": b"PK jar" * 100,
    "index.html": b"<html>",
    "odd/naïve 名 %41.txt": b"",
    ".hidden": b"x",
}
OWN = {"WEB-INF/appengine-web.xml": b"<appengine-web-app/>", "a.txt": b"a"}


def extent(contents: Mapping[str, bytes], start: int = 0) -> Extent:
    files = (Entry(path, len(data), zlib.crc32(data)) for path, data in contents.items())
    return lay_out(files, start)


def locals_of(found: Extent, contents: Mapping[str, bytes]) -> bytes:
    return b"".join(local_header(entry) + contents[entry.path] for entry in found.entries)


def archive(common: Mapping[str, bytes], own: Mapping[str, bytes]) -> bytes:
    head = extent(common)
    ours = extent(own, head.stop)
    shared = directory(head.entries)
    pieces = (locals_of(head, common), locals_of(ours, own), shared)
    return b"".join((*pieces, end(len(common), len(shared), ours)))


@pytest.mark.parametrize("own", [{}, OWN])
def test_python_reads_what_was_put_in(own: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(COMMON, own))) as found:
        assert found.testzip() is None
        assert {name: found.read(name) for name in found.namelist()} == {**COMMON, **own}
        for info in found.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == stat.S_IFREG | 0o644
            assert info.compress_type == zipfile.ZIP_STORED


@pytest.mark.parametrize("command", [("unzip", "-tqq"), ("jar", "tf"), ("zipinfo", "-1")])
def test_other_tools_read_it_where_they_are_installed(
    tmp_path: Path, command: tuple[str, str]
) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    path = tmp_path / "archive.zip"
    path.write_bytes(archive(COMMON, OWN))
    done = subprocess.run([*command, str(path)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_order_of_files_makes_no_difference() -> None:
    turned = dict(reversed(COMMON.items()))
    assert archive(turned, OWN) == archive(COMMON, OWN)


def test_head_and_directory_are_the_same_whatever_an_instance_has_of_its_own() -> None:
    head = extent(COMMON)
    shared = directory(head.entries)
    for own in ({}, OWN, {"b.txt": b"b" * 1000}):
        whole = archive(COMMON, own)
        assert whole.startswith(locals_of(head, COMMON))
        assert shared in whole


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0\\"), min_size=1)
FILES = st.dictionaries(NAMES, st.binary(max_size=50), max_size=8)


@given(FILES, FILES)
def test_every_division_of_files_is_a_whole_archive(
    common: dict[str, bytes], own: dict[str, bytes]
) -> None:
    common = {path: data for path, data in common.items() if path not in own}
    with zipfile.ZipFile(io.BytesIO(archive(common, own))) as found:
        assert found.testzip() is None
        entries = {info.orig_filename: found.read(info) for info in found.infolist()}
    assert entries == {**common, **own}


def test_more_files_than_16_bits_can_count() -> None:
    many = {f"{number:05}": b"" for number in range(70_000)}
    with zipfile.ZipFile(io.BytesIO(archive(many, OWN))) as found:
        assert len(found.namelist()) == 70_002
        assert found.read("a.txt") == b"a"


class Sparse(io.RawIOBase):
    """A file that is mostly zeros, too large for memory: bytes by the place where they begin."""

    def __init__(self, pieces: Mapping[int, bytes]) -> None:
        self._pieces = pieces
        self._size = max(start + len(data) for start, data in pieces.items())
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {0: 0, 1: self._at, 2: self._size}[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._at + size, self._size)
        found = bytearray(stop - self._at)
        for start, data in self._pieces.items():
            low, high = max(start, self._at), min(start + len(data), stop)
            if low < high:
                found[low - self._at : high - self._at] = data[low - start : high - start]
        self._at = stop
        return bytes(found)


def test_more_bytes_than_32_bits_can_count() -> None:
    large = Entry("large", 5 << 30, 0)
    head = lay_out([large, Entry("next", 1, zlib.crc32(b"x"))])
    own = lay_out([Entry("own", 1, zlib.crc32(b"y"))], head.stop)
    after = head.entries[1]
    shared = directory(head.entries)
    pieces = {
        0: local_header(large),
        after.offset: local_header(after) + b"x",
        head.stop: local_header(own.entries[0]) + b"y",
        own.stop: shared + end(len(head.entries), len(shared), own),
    }
    with zipfile.ZipFile(Sparse(pieces)) as found:
        sizes = {info.filename: info.file_size for info in found.infolist()}
        assert sizes == {"large": 5 << 30, "next": 1, "own": 1}
        assert (found.read("next"), found.read("own")) == (b"x", b"y")
