"""``flowdeploy library check``, and the lock around a publish."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from google.auth.credentials import AnonymousCredentials

from flowdeploy.clients.bucket_store import BucketStore
from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.errors import LockHeld
from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.records.locks import Holder, Lease
from flowdeploy.steps.publish.publish import publish_lock

if TYPE_CHECKING:
    from tests.integration.conftest import Project, Remote

BUCKET = "staging.flow-uat1.appspot.com"
LOCK = "library/org.akvo.flow:akvo-flow/lock"
LIBRARY = Coordinates("org.akvo.flow", "akvo-flow")
OURS = Holder("run-1", "ada", "laptop", "flowdeploy run my-feature", "2020-04-03T07:30:34+00:00")
OTHER = Holder("run-2", "bob", "ci", "flowdeploy run master", "2020-04-03T07:30:35+00:00")


def store(remote: Remote) -> BucketStore:
    session = GoogleSession(AnonymousCredentials(), 2)
    return BucketStore(session, remote.url, BUCKET, "flowdeploy/")


def test_a_library_that_can_be_published_is_described(project: Project) -> None:
    assert project.run("run", "my-feature").code == 0
    asked = len(project.remote.requests())
    ended = project.run("library", "check", "--format", "json")
    assert ended.code == 0
    assert ended.json["library"].startswith("org.akvo.flow:akvo-flow:20200403-073034.")
    assert ended.json["repository"] == "https://clojars.org/repo"
    assert [file["path"].rpartition(".")[2] for file in ended.json["files"]] == ["jar", "pom"]
    assert len(project.remote.requests()) == asked, "it asks nobody"


def test_nothing_is_started_to_check_it(project: Project) -> None:
    assert project.run("run", "my-feature").code == 0
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    ended = project.run("library", "check", "--sandbox")
    assert ended.code == 0
    assert "can be published to https://clojars.org/repo" in ended.out
    assert not (project.root / ".flowdeploy/sandbox").exists()


def test_what_would_keep_it_from_being_published_comes_at_once(project: Project) -> None:
    project.edit("pom.xml", "<licenses><license><name>AGPL-3.0</name></license></licenses>", "")
    ended = project.run("library", "check", CLOJARS_USERNAME="me", CLOJARS_PASSWORD="secret")
    assert ended.code == 4
    for part in ("flow-classes.jar", "license", "CLOJARS_PASSWORD"):
        assert part in ended.err
    assert "secret" not in ended.out + ended.err


def test_a_fleet_without_a_library_has_nothing_to_check(project: Project) -> None:
    project.edit(
        "config/instances.yaml",
        "library: {jar: target/flow-classes.jar, pom: pom.xml, classifier: classes}\n",
        "",
    )
    ended = project.run("library", "check")
    assert ended.code == 2
    assert "has no library" in ended.err


def test_the_checks_of_the_library_come_before_anything_is_changed(project: Project) -> None:
    project.edit("pom.xml", "<licenses><license><name>AGPL-3.0</name></license></licenses>", "")
    project.commit()
    report = project.report("run", "master")
    assert report["exit_code"] == 4
    assert "license" in json.dumps(report["error"]["details"])
    assert project.remote.changes() == []


def test_a_publish_takes_the_lock_and_gives_it_back(project: Project) -> None:
    assert project.run("run", "my-feature").code == 0
    uploads = project.remote.requests("POST")
    written = [r for r in uploads if r["path"].endswith(f"b/{BUCKET}/o") and "lock" in r["query"]]
    assert len(written) == 1
    assert store(project.remote).read(LOCK) is None


def test_a_publish_does_not_begin_while_another_has_the_lock(remote: Remote) -> None:
    records = store(remote)
    Lease(records, LOCK, OTHER).acquire()
    with (
        pytest.raises(LockHeld, match="`flowdeploy run master` by bob on ci"),
        publish_lock(records, LIBRARY, OURS, lambda _: None, wait=0.0),
    ):
        raise AssertionError


def test_local_records_need_nothing_of_google(project: Project) -> None:
    project.edit("config/instances.yaml", "build:\n", "records: local\nbuild:\n")
    project.commit()
    assert project.run("run", "my-feature").code == 0
    assert {r["path"].split("/")[1] for r in project.remote.requests()} == {"repo", "api"}
    records = FolderStore(project.root / ".flowdeploy/records")
    assert records.read(LOCK) is None, "the lock was released"


def test_records_are_read_with_their_age_and_generation(remote: Remote) -> None:
    records = store(remote)
    assert records.read("a b/ü") is None
    first = records.write("a b/ü", b"one", 0)
    assert first is not None
    assert records.write("a b/ü", b"two", 0) is None, "somebody was faster"
    second = records.write("a b/ü", b"two", first)
    found = records.read("a b/ü")
    assert found is not None
    assert (found.content, found.generation) == (b"two", second)
    assert 0 <= found.age < 5
    records.delete("a b/ü", first)
    assert records.read("a b/ü") is not None, "of another generation"
    assert second is not None
    records.delete("a b/ü", second)
    assert records.read("a b/ü") is None


def test_a_write_whose_answer_was_lost_has_happened(remote: Remote) -> None:
    records = store(remote)
    content = json.dumps(asdict(OTHER)).encode()
    remote.fault("reset-after", target="/upload/*", times=1)
    generation = records.write("lock", content, 0)
    found = records.read("lock")
    assert found is not None
    assert found.generation == generation


def test_no_bucket_for_the_records_says_what_to_do(project: Project) -> None:
    project.edit("config/instances.yaml", "build:\n", "records: gs://nobodys-bucket\nbuild:\n")
    project.commit()
    report = project.report("run", "my-feature")
    assert report["exit_code"] == 1
    assert report["error"]["code"] == "NOT_FOUND"
    assert "`records:`" in report["error"]["hint"]
    assert {step["outcome"] for step in report["steps"]} == {"not-started"}


def test_on_one_machine_one_publish_waits_for_another(tmp_path: Path) -> None:
    records = FolderStore(tmp_path)
    order: list[str] = []
    waiting = Event()

    def publish_other() -> None:
        with publish_lock(records, LIBRARY, OTHER, lambda _: waiting.set()):
            order.append("other")

    with publish_lock(records, LIBRARY, OURS, order.append) as require_lock:
        thread = Thread(target=publish_other)
        thread.start()
        assert waiting.wait(30)
        require_lock()
        order.append("first")
    thread.join(30)
    assert order == ["first", "other"]
