"""Files of releases that are kept on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flowdeploy.appengine.manifest import File, Manifest
from flowdeploy.errors import FlowdeployError
from flowdeploy.steps.release.file_stores import FolderFileStore

SHA1 = hashlib.sha1(b"one", usedforsecurity=False).hexdigest()
MANIFEST = Manifest((File("a.txt", 3, SHA1),))


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    store = FolderFileStore(tmp_path / "kept")
    assert store.recover(MANIFEST, ()) == {SHA1}
    store.save(MANIFEST, {SHA1: tmp_path / "a.txt"})
    assert store.recover(MANIFEST, ()) == frozenset()
    assert store.local_paths(MANIFEST)[SHA1].read_bytes() == b"one"


@pytest.mark.parametrize(("now", "reason"), [(b"0ne", "it has changed"), (None, "it is gone")])
def test_what_is_no_longer_what_it_was_is_named_and_not_kept(
    tmp_path: Path, now: bytes | None, reason: str
) -> None:
    path, folder = tmp_path / "a.txt", tmp_path / "kept"
    if now is not None:
        path.write_bytes(now)
    with pytest.raises(FlowdeployError, match=rf"{path} cannot be deployed.* {reason}"):
        FolderFileStore(folder).save(MANIFEST, {SHA1: path})
    assert list(folder.iterdir()) == []
