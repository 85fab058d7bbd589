"""Release records: written once, read back as they were, replaced only over what was found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.manifest import File, Manifest
from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.errors import Refused
from flowdeploy.planning.refs import Commit
from flowdeploy.records.releases import (
    Builder,
    LibraryFile,
    RecordedLibrary,
    Release,
    Releases,
    release_json,
    same_commit,
)

VERSION = "20200403-073034"
NAME = f"releases/{VERSION}.json"
SHA = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
COMMIT = Commit(SHA, datetime(2020, 4, 3, 7, 30, 34, tzinfo=UTC))
INDEX = File("index.html", 5, "a" * 40)
JAR = LibraryFile("org/akvo/flow/1/flow-1.jar", 3, "b" * 40, "c" * 64)
RELEASE = Release(
    version=VERSION,
    commit=COMMIT,
    modified=False,
    app_yaml="runtime: java21\n",
    manifest=Manifest((INDEX,)),
    configs={"queue.yaml": "queue:\n- {name: mail, rate: 5/s}\n"},
    library=RecordedLibrary("org.akvo:flow", "1", (JAR,)),
    builder=Builder("ada", "ci-7", "20200403-080000-1234", "2020-04-03T08:00:00+00:00"),
    descriptor={"ssl-enabled": [[], "false", []]},
)


@pytest.fixture
def records(tmp_path: Path) -> Releases:
    return Releases(FolderStore(tmp_path), "gs://bucket/flowdeploy/")


def test_a_record_says_all_that_is_known_of_a_release() -> None:
    assert json.loads(json.dumps(release_json(RELEASE))) == {
        "schema": 1,
        "version": VERSION,
        "commit": {"sha": SHA, "time": "2020-04-03T07:30:34+00:00"},
        "modified": False,
        "built": {
            "user": "ada",
            "host": "ci-7",
            "run": "20200403-080000-1234",
            "at": "2020-04-03T08:00:00+00:00",
        },
        "library": {
            "coordinates": "org.akvo:flow",
            "version": "1",
            "files": [
                {"path": JAR.path, "size": 3, "sha1": "b" * 40, "sha256": "c" * 64},
            ],
        },
        "configs": {"queue.yaml": "queue:\n- {name: mail, rate: 5/s}\n"},
        "app_yaml": "runtime: java21\n",
        "descriptor": {"ssl-enabled": [[], "false", []]},
        "files": [{"path": "index.html", "size": 5, "sha1": "a" * 40}],
    }


texts = st.text(st.characters(codec="utf-8"), max_size=20)
shas = st.text("0123456789abcdef", min_size=40, max_size=40)
files = st.builds(File, texts, st.integers(0, 1 << 40), shas)
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))]))
library_files = st.builds(LibraryFile, texts, st.integers(0, 1 << 40), shas, shas)
any_release = st.builds(
    Release,
    version=st.just(VERSION),
    commit=st.none() | st.builds(Commit, shas, times),
    modified=st.booleans(),
    app_yaml=texts,
    manifest=st.builds(Manifest, st.lists(files, max_size=5).map(tuple)),
    configs=st.dictionaries(texts, texts, max_size=3),
    library=st.none()
    | st.builds(RecordedLibrary, texts, texts, st.lists(library_files, max_size=3).map(tuple)),
    builder=st.builds(Builder, texts, texts, texts, texts),
)


@given(any_release)
def test_what_was_written_is_found_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, release: Release
) -> None:
    records = Releases(FolderStore(tmp_path_factory.mktemp("records")), "here")
    assert records.find(VERSION) is None
    records.write(release)
    found = records.find(VERSION)
    assert found
    assert found.release == release


def test_a_record_is_written_once(records: Releases) -> None:
    records.write(RELEASE)
    with pytest.raises(
        Refused, match="another run has just recorded version 20200403-073034"
    ) as error:
        records.write(replace(RELEASE, modified=True))
    assert f"gs://bucket/flowdeploy/{NAME}" in error.value.message
    found = records.find(VERSION)
    assert found
    assert found.release == RELEASE


def test_a_record_is_replaced_over_the_one_that_was_found_and_no_other(records: Releases) -> None:
    records.write(RELEASE)
    found = records.find(VERSION)
    assert found
    second, third = (replace(RELEASE, app_yaml=text) for text in ("second", "third"))
    records.write(second, over=found)
    with pytest.raises(Refused):
        records.write(third, over=found)
    now = records.find(VERSION)
    assert now
    assert now.release == second


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "JSONDecodeError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"[]", "TypeError"),
        (b"[" * 200_000, "RecursionError"),
        (b"{}", "KeyError: 'schema'"),
        (b'{"schema": 2}', "its schema is 2, not 1"),
        (json.dumps(release_json(RELEASE) | {"files": [{"path": "x"}]}).encode(), "files.0.size"),
        (json.dumps(release_json(RELEASE) | {"commit": {"sha": "x"}}).encode(), "commit.time"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, content: bytes, why: str
) -> None:
    store = FolderStore(tmp_path)
    store.write(NAME, content, 0)
    records = Releases(store, "gs://bucket")
    with pytest.raises(Refused) as refused:
        records.find(VERSION)
    assert f"gs://bucket/{NAME} cannot be read" in refused.value.message
    assert why in refused.value.message
    assert refused.value.hint


def test_releases_are_equal_by_what_would_be_deployed() -> None:
    assert RELEASE.equals(replace(RELEASE, builder=Builder("bob", "laptop", "2", ""), commit=None))
    assert not RELEASE.equals(replace(RELEASE, app_yaml="runtime: java17\n"))
    assert not RELEASE.equals(replace(RELEASE, manifest=Manifest((replace(INDEX, path="x"),))))


@pytest.mark.parametrize(
    ("other", "same"), [(SHA, True), (SHA[:8], True), ("1a2b3c4e", False), (SHA + "0", True)]
)
def test_an_abbreviated_commit_is_the_same(other: str, same: bool) -> None:
    assert same_commit(COMMIT, Commit(other, COMMIT.time)) is same
    assert same_commit(Commit(other, COMMIT.time), COMMIT) is same
