"""What both places for records, a folder and a bucket, list in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fault_proxy import answer_after, fault_proxy

from flowdeploy.clients.bucket_store import BucketStore
from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.errors import ServiceError
from flowdeploy.records.store import ObjectStore
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

BUCKET = "staging.app-1.appspot.com"


def bucket_store(url: str, prefix: str, bucket: str = BUCKET) -> BucketStore:
    return BucketStore(GoogleSession(AnonymousCredentials(), 2), url, bucket, prefix)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), [App("app-1")]) as sandbox:
        yield sandbox.url


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> ObjectStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "records")
    return bucket_store(url, f"{tmp_path.name}/")


def fill(store: ObjectStore, *names: str) -> None:
    for name in names:
        assert store.write(name, b"x", 0)


def names_in(store: ObjectStore, prefix: str) -> list[str]:
    return [each.name for each in store.objects(prefix)]


def test_objects_of_a_folder_come_in_the_order_of_their_writes(store: ObjectStore) -> None:
    fill(store, "runs/b", "runs/deeper/x", "runs/c", "top", "runs2/x", "runs/a")
    assert names_in(store, "runs/") == ["runs/b", "runs/c", "runs/a"]
    first = store.read("runs/b")
    assert first
    again = store.write("runs/b", b"y", first.generation)
    assert names_in(store, "runs/") == ["runs/c", "runs/a", "runs/b"]
    assert store.objects("runs/")[-1].generation == again
    written = [each.written for each in store.objects("runs/")]
    assert written == sorted(written)


def test_under_an_unknown_prefix_there_is_nothing(store: ObjectStore) -> None:
    assert store.objects("runs/") == ()


def test_a_deleted_object_is_not_listed(store: ObjectStore) -> None:
    fill(store, "locks/production", "locks/uat1")
    written = store.read("locks/uat1")
    assert written
    store.delete("locks/uat1", written.generation)
    assert names_in(store, "locks/") == ["locks/production"]


def test_a_list_goes_over_pages(url: str) -> None:
    store = replace(bucket_store(url, "pages/"), page=2)
    fill(store, "runs/a", "runs/b", "runs/c", "runs/d/1")
    assert names_in(store, "runs/") == ["runs/a", "runs/b", "runs/c"]
    listed = requests.get(f"{url}/_sandbox/requests?path=*/b/{BUCKET}/o", timeout=10).json()
    tokens = [entry for entry in listed["requests"] if "pageToken" in entry["query"]]
    assert len(tokens) == 1


def test_an_object_named_as_a_folder_is_no_child_of_itself(url: str) -> None:
    store = bucket_store(url, "placeholder/")
    fill(store, "runs/", "runs/a")
    assert names_in(store, "runs/") == ["runs/a"]


def test_a_bucket_that_is_not_there_is_told(url: str) -> None:
    with pytest.raises(ServiceError) as error:
        bucket_store(url, "", bucket="no-such-bucket").objects("runs/")
    assert error.value.code == "NOT_FOUND"
    assert "bucket" in error.value.message


def test_bytes_that_were_garbled_on_the_way_are_asked_for_again(url: str) -> None:
    """Half a lock would be the lock of a holder without a name."""
    fill(bucket_store(url, "garbled/"), "lock")
    half = answer_after(lambda reply: replace(reply, body=b""))
    with fault_proxy(url) as proxy:
        proxy.arm(half, "GET", times=1)
        found = bucket_store(proxy.url, "garbled/").read("lock")
    assert found
    assert found.content == b"x"
    assert len(proxy.asked) == 2


def test_locks_and_unfinished_files_are_no_objects(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    fill(store, "runs/a")
    (tmp_path / "half").mkdir()
    for name in (".lock4711", "runs/.lock4711", "half/.lock4711"):
        (tmp_path / name).write_bytes(b"half")
    assert names_in(store, "runs/") == ["runs/a"]
    assert names_in(store, "half/") == []


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="file") as error:
        FolderStore(tmp_path / "file").objects("runs/")
    assert error.value.code == "RECORDS"


_SEGMENTS = st.lists(st.sampled_from("abä "), min_size=1, max_size=3)
_ROUND = count()


@settings(max_examples=25, deadline=None)
@given(st.sets(_SEGMENTS.map("/".join), max_size=6), _SEGMENTS)
def test_both_list_the_same(
    tmp_path_factory: pytest.TempPathFactory, url: str, names: set[str], below: list[str]
) -> None:
    # A folder cannot hold a file and a folder of one name; a bucket can.
    names = {n for n in names if not any(other.startswith(f"{n}/") for other in names)}
    folder = FolderStore(tmp_path_factory.mktemp("records"))
    bucket = bucket_store(url, f"same/{next(_ROUND)}/")
    for store in (folder, bucket):
        fill(store, *names)
    prefix = "/".join((*below[:-1], "")) if len(below) > 1 else ""
    if any(prefix.startswith(f"{name}/") for name in names):
        return
    assert names_in(folder, prefix) == names_in(bucket, prefix)
