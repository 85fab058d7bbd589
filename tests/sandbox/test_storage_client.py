"""Google's client library for Cloud Storage against the sandbox."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google_crc32c
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdeploy.sandbox.blobs import Blobs
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.storage.content import PartsFile, combine_crc32c, parse_parts
from flowdeploy.sandbox.storage.objects import ObjectContent

BUCKET = "staging.akvoflow-1.appspot.com"
CHUNK = 256 * 1024
LARGE = random.Random(1).randbytes(9 * 1024 * 1024)


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(
        project="akvoflow-1",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.url},
    )


@pytest.fixture
def bucket(client: Client) -> Any:
    return client.bucket(BUCKET)


def test_the_code_bucket_has_a_lifecycle_rule(bucket: Any) -> None:
    bucket.reload()
    assert list(bucket.lifecycle_rules) == [
        {"action": {"type": "Delete"}, "condition": {"age": 15}}
    ]


@pytest.mark.parametrize("data", [b"", b"hello", LARGE], ids=["empty", "small", "resumable"])
def test_an_uploaded_object_can_be_downloaded(bucket: Any, data: bytes) -> None:
    blob = bucket.blob("some name/é?#%2F")
    blob.upload_from_string(data, content_type="text/plain")
    assert bucket.get_blob(blob.name).download_as_bytes() == data
    assert (blob.size, blob.content_type) == (len(data), "text/plain")
    assert blob.crc32c == checksum(data)


def test_an_upload_in_chunks_is_one_object(bucket: Any) -> None:
    blob = bucket.blob("chunks", chunk_size=CHUNK)
    blob.upload_from_file(io.BytesIO(LARGE[: 2 * CHUNK + 7]), size=2 * CHUNK + 7)
    assert blob.download_as_bytes() == LARGE[: 2 * CHUNK + 7]


def test_a_byte_range_can_be_downloaded(bucket: Any) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_an_update_clears_omitted_fields(client: Client, bucket: Any) -> None:
    blob = bucket.blob("x")
    blob.metadata = {"a": "b"}
    blob.upload_from_string(b"", content_type="text/x")
    blob.metadata = None
    blob.update()
    found = bucket.get_blob("x")
    assert (found.metadata, found.content_type, found.metageneration) == (None, "text/x", 2)
    bucket.lifecycle_rules = []
    bucket.update()
    found = client.get_bucket(BUCKET)
    assert (list(found.lifecycle_rules), found.location) == ([], "EU")


def test_generation_preconditions_are_checked(bucket: Any) -> None:
    blob = bucket.blob("lease")
    blob.upload_from_string("1", if_generation_match=0)
    first = blob.generation
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("lease").upload_from_string("2", if_generation_match=0)
    blob.upload_from_string("2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=first)
    blob.delete(if_generation_match=blob.generation)
    assert not blob.exists()


def test_an_upload_with_a_wrong_checksum_is_refused(sandbox: Sandbox) -> None:
    response = requests.post(
        f"{sandbox.url}/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "media", "name": "x"},
        headers={"X-Goog-Hash": f"crc32c={checksum(b'good')}"},
        data=b"bad",
        timeout=5,
    )
    assert response.status_code == 400
    assert "doesn't match calculated CRC32C hash" in response.json()["error"]["message"]


def test_objects_are_listed_by_prefix_delimiter_and_page(client: Client, bucket: Any) -> None:
    for name in ("a", "dir/b", "dir/c", "dir/d", "e"):
        bucket.blob(name).upload_from_string(name)
    assert [blob.name for blob in client.list_blobs(BUCKET, prefix="dir/")] == [
        "dir/b",
        "dir/c",
        "dir/d",
    ]
    pages = client.list_blobs(BUCKET, page_size=2).pages
    assert [[blob.name for blob in page] for page in pages] == [
        ["a", "dir/b"],
        ["dir/c", "dir/d"],
        ["e"],
    ]
    listing = client.list_blobs(BUCKET, delimiter="/")
    assert [blob.name for blob in listing] == ["a", "e"]
    assert listing.prefixes == {"dir/"}


def test_a_list_with_a_field_mask_has_only_these_fields(sandbox: Sandbox, bucket: Any) -> None:
    bucket.blob("a").upload_from_string("a")
    url = f"{sandbox.url}/storage/v1/b/{BUCKET}/o"
    answer = requests.get(url, params={"fields": "items(name,size),nextPageToken"}, timeout=5)
    assert answer.json() == {"items": [{"name": "a", "size": "1"}]}


def test_a_rewrite_copies_to_another_bucket(client: Client, bucket: Any) -> None:
    source = bucket.blob("a/b")
    source.upload_from_string(b"hello", content_type="text/plain")
    copy = client.bucket("staging.akvoflow-2.appspot.com").blob("c/d")
    assert copy.rewrite(source) == (None, 5, 5)
    copy.reload()
    assert (copy.download_as_bytes(), copy.content_type) == (b"hello", "text/plain")
    with pytest.raises(exceptions.PreconditionFailed):
        copy.rewrite(source, if_generation_match=0)


def test_composed_objects_have_a_checksum_of_the_whole_and_no_md5(bucket: Any) -> None:
    parts = [b"hello ", b"", LARGE[:1000]]
    for number, data in enumerate(parts):
        bucket.blob(str(number)).upload_from_string(data)
    whole = bucket.blob("whole")
    whole.compose([bucket.blob(str(number)) for number in range(3)])
    twice = bucket.blob("twice")
    twice.compose([whole, whole])
    data = b"".join(parts)
    assert twice.download_as_bytes() == data * 2
    assert twice.download_as_bytes(start=4, end=1500) == (data * 2)[4:1501]
    assert twice.crc32c == checksum(data * 2)
    assert (twice.md5_hash, twice.component_count) == (None, 6)


def test_an_interrupted_upload_can_be_resumed_after_a_restart(sandbox: Sandbox) -> None:
    session = begin_resumable(sandbox, "big")
    put(session, b"01234", "bytes 0-4/*")
    with Sandbox(sandbox.state.folder) as other:
        session = session.replace(sandbox.url, other.url)
        asked = put(session, b"", "bytes */10")
        assert (asked.status_code, asked.headers["Range"]) == (308, "bytes=0-4")
        done = put(session, b"3456789", "bytes 3-9/10")
        assert (done.status_code, done.json()["size"]) == (200, "10")
        again = put(session, b"", "bytes */10")
        assert again.json() == done.json()


def test_an_upload_sent_twice_concurrently_is_one_object(sandbox: Sandbox) -> None:
    session = begin_resumable(sandbox, "big")
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(put, session, LARGE, f"bytes 0-{len(LARGE) - 1}/*") for _ in "ab"]
        assert [call.result().status_code for call in calls] == [308, 308]
        whole = f"bytes */{len(LARGE)}"
        calls = [pool.submit(put, session, b"", whole) for _ in "ab"]
        assert [call.result().status_code for call in calls] == [200, 200]


def test_an_upload_with_a_gap_is_refused(sandbox: Sandbox) -> None:
    response = put(begin_resumable(sandbox, "big"), b"56789", "bytes 5-9/10")
    assert response.status_code == 400


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("content", [b"a\r", b"a\n", b"a\r\n", b"\r", b"\n", b"", b"\r\n--==y"])
def test_a_multipart_upload_preserves_line_ends_of_the_object(
    sandbox: Sandbox, newline: bytes, content: bytes
) -> None:
    lines = (b"--==x==", b"Content-Type: application/json", b"", b"{}")
    rest = (b"--==x==", b"Content-Type: application/octet-stream", b"", content, b"--==x==--", b"")
    answer = requests.post(
        f"{sandbox.url}/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "multipart", "name": "x"},
        headers={"Content-Type": "multipart/related; boundary='==x=='"},
        data=newline.join((*lines, *rest)),
        timeout=10,
    )
    assert (
        answer.json()["md5Hash"]
        == base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    )


def test_a_multipart_upload_of_gcloud_is_accepted(sandbox: Sandbox) -> None:
    """Lines end in a bare line feed, and the boundary is in single quotes."""
    body = b"--==x==\nContent-Type: application/json\n\n{}\n--==x==\n\n\na\r\n--b\n--==x==--"
    response = requests.post(
        f"{sandbox.url}/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "multipart", "name": "x"},
        headers={"Content-Type": "multipart/related; boundary='==x=='"},
        data=body,
        timeout=5,
    )
    assert response.json()["size"] == str(len(b"\na\r\n--b"))


def test_equal_content_is_stored_once(sandbox: Sandbox, bucket: Any) -> None:
    for name in ("a", "b", "c"):
        bucket.blob(name).upload_from_string(LARGE[:5000])
    files = [file for file in (sandbox.state.folder / "blobs").rglob("*") if file.is_file()]
    assert [file.stat().st_size for file in files] == [5000]


def test_only_an_empty_bucket_can_be_deleted(client: Client) -> None:
    bucket = client.create_bucket("records-of-mine")
    bucket.blob("x").upload_from_string("x")
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.blob("x").delete()
    bucket.delete()
    with pytest.raises(exceptions.NotFound, match="bucket does not exist"):
        list(client.list_blobs("records-of-mine"))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_combined_checksums_equal_those_of_the_concatenation(first: bytes, second: bytes) -> None:
    combined = combine_crc32c(google_crc32c.value(first), google_crc32c.value(second), len(second))
    assert combined == google_crc32c.value(first + second)


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=9), max_size=5), st.integers(0, 50), st.integers(0, 50))
def test_a_parts_file_reads_like_the_concatenation(
    tmp_path_factory: pytest.TempPathFactory, data: list[bytes], start: int, length: int
) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "blobs")
    parts = tuple(ObjectContent.of_blob(blobs.store([item])).parts[0] for item in data)
    whole = b"".join(data)
    file = PartsFile(blobs, parts)
    file.seek(start)
    assert file.read(length) == whole[start : start + length]
    assert parse_parts(" ".join(f"{part.key}:{part.size}" for part in parts)) == parts


def checksum(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4)).decode()


def begin_resumable(sandbox: Sandbox, name: str) -> str:
    response = requests.post(
        f"{sandbox.url}/resumable/upload/storage/v1/b/{BUCKET}/o",
        params={"uploadType": "resumable", "name": name},
        timeout=5,
    )
    return response.headers["Location"]


def put(session: str, data: bytes, content_range: str) -> requests.Response:
    return requests.put(session, data=data, headers={"Content-Range": content_range}, timeout=5)
