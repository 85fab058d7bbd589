"""What comes in pieces makes progress, or ends: copies, uploads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from tests.fault_proxy import Asked, FaultProxy, Reply, answer_instead, fault_proxy

from flowdeploy.clients.failures import ATTEMPTS, Retries
from flowdeploy.clients.files import BucketFolder
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.storage import MOST_ROUNDS, Buckets
from flowdeploy.clients.transfers import PIECE
from flowdeploy.errors import ServiceError


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    with fault_proxy("http://127.0.0.1:1") as proxy:
        yield proxy


@pytest.fixture
def buckets(server: FaultProxy) -> Buckets:
    retries = Retries(sleep=lambda _: None)
    return Buckets(server.url, GoogleSession(AnonymousCredentials(), 2, retries))


def test_a_copy_that_is_never_done_ends(server: FaultProxy, buckets: Buckets) -> None:
    unfinished = json.dumps({"done": False, "rewriteToken": "t"}).encode()
    server.arm(answer_instead(404, b""), path="/batch/*")
    server.arm(answer_instead(200, unfinished))
    with pytest.raises(ServiceError, match=f"a is not in b after {MOST_ROUNDS} requests"):
        buckets.copy(BucketFolder("from"), "b", ["a"], ())
    assert len(server.asked) == MOST_ROUNDS + 1


def test_an_upload_that_advances_by_a_byte_ends(
    server: FaultProxy, buckets: Buckets, tmp_path: Path
) -> None:
    has = iter(range(10_000))

    def take_a_byte(_: Asked, __: object) -> Reply:
        return Reply(308, (("Range", f"bytes=0-{next(has)}"),), b"")

    start = ("Location", f"{server.url}/upload/storage/v1/b/b/o?upload_id=1")
    server.arm(answer_instead(200, b"", start), method="POST")
    server.arm(take_a_byte, method="PUT")
    file = tmp_path / "file"
    file.write_bytes(b"x" * (PIECE + 1))
    with pytest.raises(ServiceError, match="next to nothing"):
        buckets.upload("b", "o", file, ())
    assert len(server.asked) < 3 * ATTEMPTS
