"""Revisions on record: which there may be of a version, by project and service."""

from __future__ import annotations

from pathlib import Path

from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.records.revisions import RevisionRecords

TAG = "20200403-073034"
ONE = Instance("one", Role.PRODUCTION, "akvoflow-1")
API = Instance("api", Role.PRODUCTION, "example.com:flow-1", service="api-2")


def test_one_look_tells_all_revisions_of_a_version(tmp_path: Path) -> None:
    records = RevisionRecords(FolderStore(tmp_path))
    assert records.find(TAG) == {}
    for instance, version in (
        *((ONE, f"{TAG}-r{number}") for number in (9, 10, 1)),
        (API, f"{TAG}-r2"),
        (API, f"{TAG}-1a2b3c4d-r3"),
    ):
        records.add(instance, version, f"asked for {version}")
    (tmp_path / f"revisions/{TAG}/something else").write_text("")
    assert records.find(TAG) == {
        ("akvoflow-1", "default"): (f"{TAG}-r10", f"{TAG}-r9", f"{TAG}-r1"),
        ("example.com:flow-1", "api-2"): (f"{TAG}-r2",),
    }


def test_the_first_record_of_a_revision_is_kept(tmp_path: Path) -> None:
    records = RevisionRecords(FolderStore(tmp_path))
    for content in ("first", "second"):
        records.add(ONE, f"{TAG}-r1", content)
    assert records.content(ONE, f"{TAG}-r1") == "first"
    assert records.content(ONE, f"{TAG}-r2") is None
