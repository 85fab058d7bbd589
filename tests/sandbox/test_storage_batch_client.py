"""Batches, as google-cloud-storage sends them, and malformed ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

BUCKET = "staging.project-a.appspot.com"
KIND = {"Content-Type": "multipart/mixed; boundary=b"}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with Sandbox(tmp_path / "sandbox", [App("project-a")]) as sandbox:
        yield sandbox.url


@pytest.fixture
def client(url: str) -> storage.Client:
    return storage.Client(
        project="project-a",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )


def test_googles_client_deletes_and_changes_objects_in_a_batch(client: storage.Client) -> None:
    bucket = client.bucket(BUCKET)
    gone, kept = (bucket.blob(name) for name in ("gone", "kept"))
    for blob in (gone, kept):
        blob.upload_from_string(b"x", if_generation_match=0)
    with client.batch():
        gone.delete()
        kept.metadata = {"a": "ü"}
        kept.patch()
    assert [blob.name for blob in client.list_blobs(BUCKET)] == ["kept"]
    assert bucket.get_blob("kept").metadata == {"a": "ü"}


def _delete(bucket: storage.Bucket, *names: str) -> None:
    """Delete objects in a batch in which some of them do not exist."""
    batch = bucket.client.batch()
    with pytest.raises(NotFound):
        _fill(batch, bucket, names)


def _fill(batch: storage.Batch, bucket: storage.Bucket, names: tuple[str, ...]) -> None:
    with batch:
        for name in names:
            bucket.blob(name).delete()


def test_a_failed_call_does_not_fail_the_others(client: storage.Client) -> None:
    bucket = client.bucket(BUCKET)
    bucket.blob("there").upload_from_string(b"x", if_generation_match=0)
    _delete(bucket, "missing", "there")
    assert list(client.list_blobs(BUCKET)) == []


def test_each_call_of_a_batch_is_logged(client: storage.Client, url: str) -> None:
    bucket = client.bucket(BUCKET)
    _delete(bucket, "a", "b")
    log = requests.get(f"{url}/_sandbox/requests?method=DELETE", timeout=10).json()["requests"]
    assert [(entry["path"].rpartition("/")[2], entry["status"]) for entry in log] == [
        ("a", 404),
        ("b", 404),
    ]


CALL = "--b\r\nContent-Type: application/http\r\n\r\n{}\r\n\r\n"
GET = f"GET /storage/v1/b/{BUCKET} HTTP/1.1"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "--b--",
        CALL.format(GET),
        CALL.format("no request") + "--b--",
        CALL.format(GET) * 101 + "--b--",
        CALL.format(GET.replace("/b/", "/../../v1/apps/")) + "--b--",
        CALL.format(f"GET /storage/v1/b/{BUCKET}/o/x?alt=media HTTP/1.1") + "--b--",
        CALL.format(f"POST /upload/storage/v1/b/{BUCKET}/o?name=x HTTP/1.1") + "--b--",
    ],
)
def test_a_malformed_batch_is_refused(url: str, body: str) -> None:
    answer = requests.post(f"{url}/batch/storage/v1", data=body.encode(), headers=KIND, timeout=10)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "invalid")


def test_a_batch_needs_a_boundary(url: str) -> None:
    answer = requests.post(f"{url}/batch/storage/v1", json={}, timeout=10)
    assert answer.status_code == 400
