"""Versions that are deployed from a zip archive, which may be a composed object."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeploy.sandbox.server import Sandbox

BUCKET = "staging.akvoflow-1.appspot.com"
SERVICE = "/v1/apps/akvoflow-1/services/default"
LARGEST = 32 * 1024 * 1024


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()


def upload(sandbox: Sandbox, name: str, data: bytes) -> None:
    url = f"{sandbox.url}/upload/storage/v1/b/{BUCKET}/o"
    query = {"uploadType": "media", "name": name}
    requests.post(url, params=query, data=data, timeout=10).raise_for_status()


def deploy(sandbox: Sandbox, deployment: dict[str, Any]) -> dict[str, Any]:
    """Create a version; the operation."""
    body = {"id": "v2", "runtime": "java21", "deployment": deployment}
    answer = requests.post(f"{sandbox.url}{SERVICE}/versions", json=body, timeout=10)
    answer.raise_for_status()
    operation: dict[str, Any] = answer.json()
    return operation


def deploy_zip(sandbox: Sandbox, data: bytes, **info: Any) -> dict[str, Any]:
    upload(sandbox, "app.zip", data)
    url = f"https://storage.googleapis.com/{BUCKET}/app.zip"
    return deploy(sandbox, {"zip": {"sourceUrl": url, **info}})


def test_a_composed_archive_can_be_deployed(sandbox: Sandbox) -> None:
    data = archive({"app.yaml": b"runtime: java21", "WEB-INF/web.xml": b"<web-app/>"})
    upload(sandbox, "head", data[:60])
    upload(sandbox, "tail", data[60:])
    sources = {"sourceObjects": [{"name": "head"}, {"name": "tail"}]}
    compose = f"{sandbox.url}/storage/v1/b/{BUCKET}/o/whole.zip/compose"
    requests.post(compose, json=sources, timeout=5).raise_for_status()
    url = f"https://storage.googleapis.com/{BUCKET}/whole.zip"
    operation = deploy(sandbox, {"zip": {"sourceUrl": url, "filesCount": 2}})
    assert operation["response"]["diskUsageBytes"] == str(len(data))
    version = requests.get(f"{sandbox.url}{SERVICE}/versions/v2?view=FULL", timeout=5).json()
    assert version["deployment"] == {"zip": {"sourceUrl": url, "filesCount": 2}}


@pytest.mark.parametrize(
    ("data", "info", "words"),
    [
        (b"PK but no archive", {}, "not a readable zip archive"),
        (archive({"a": b"1", "b": b"2"})[:-30], {}, "not a readable zip archive"),
        (archive({"a": b"1", "b": b"2"}), {"filesCount": 1}, "holds 2 files"),
        (archive({"../../etc/passwd": b"x"}), {}, "leads out of the archive"),
        (archive({"large": bytes(LARGEST + 1)}), {}, f"too big ({LARGEST + 1} bytes)"),
    ],
    ids=["garbage", "torn", "count", "escape", "large"],
)
def test_an_unusable_archive_fails_the_operation(
    sandbox: Sandbox, data: bytes, info: dict[str, int], words: str
) -> None:
    error = deploy_zip(sandbox, data, **info)["error"]
    assert error["code"] == 3
    assert words in error["message"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_archive_ends_the_operation(
    sandbox: Sandbox, damages: list[tuple[int, int]]
) -> None:
    data = bytearray(archive({"app.yaml": b"runtime: java21", "a/ü": b"x" * 100}))
    for position, byte in damages:
        data[position % len(data)] = byte
    assert deploy_zip(sandbox, bytes(data))["done"]


def test_a_missing_archive_fails_the_operation(sandbox: Sandbox) -> None:
    url = f"https://storage.googleapis.com/{BUCKET}/none.zip"
    error = deploy(sandbox, {"zip": {"sourceUrl": url}})["error"]
    assert f"Error copying file from GCS: {url}" in error["message"]


def test_a_file_has_at_most_32_mebibytes(sandbox: Sandbox) -> None:
    upload(sandbox, "large", bytes(LARGEST + 1))
    url = f"https://storage.googleapis.com/{BUCKET}/large"
    error = deploy(sandbox, {"files": {"large": {"sourceUrl": url}}})["error"]
    assert (
        f"File URL is too big ({LARGEST + 1} bytes). Max file size is {LARGEST}"
        in (error["message"])
    )


def test_a_version_has_at_most_10000_files(sandbox: Sandbox) -> None:
    files = {f"f{number}": {"sourceUrl": "x"} for number in range(10_001)}
    with pytest.raises(requests.HTTPError) as refusal:
        deploy(sandbox, {"files": files})
    assert "limited to 10000 files" in refusal.value.response.json()["error"]["message"]
