"""What archives share, written from files that others may write to as well."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from flowdeploy.appengine.manifest import File, Manifest
from flowdeploy.errors import FlowdeployError
from flowdeploy.steps.deploy.upload.zip_uploader import write_common_pieces

SHA1 = hashlib.sha1(b"one", usedforsecurity=False).hexdigest()
MANIFEST = Manifest((File("a.txt", 3, SHA1),))


class Changing(Mapping[str, Path]):
    """A file that somebody writes to between one reading of it and the next."""

    def __init__(self, path: Path, *contents: bytes) -> None:
        self._path = path
        self._contents = list(contents)

    def __getitem__(self, name: str) -> Path:
        self._path.write_bytes(self._contents.pop(0))
        return self._path

    def __iter__(self) -> Iterator[str]:
        return iter([SHA1])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("contents", [[b"0ne"], [b"one", b"0ne"]])
def test_a_file_that_changes_is_named(tmp_path: Path, contents: list[bytes]) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(FlowdeployError, match=rf"{path} cannot be deployed.* it has changed"):
        write_common_pieces(MANIFEST, Changing(path, *contents), tmp_path)


def test_a_file_that_stays_as_it_is(tmp_path: Path) -> None:
    shared = write_common_pieces(MANIFEST, Changing(tmp_path / "a.txt", b"one", b"one"), tmp_path)
    assert shared.head.read_bytes().endswith(b"a.txtone")
