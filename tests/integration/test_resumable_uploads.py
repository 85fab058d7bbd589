"""Large files: an upload that Cloud Storage forgets begins anew, and its URL stays a secret."""

from __future__ import annotations

import html
import socket
import traceback
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import pytest
from google.auth.credentials import AnonymousCredentials
from tests.fault_proxy import Asked, Fault, Forward, Reply, answer_after, answer_instead

from flowdeploy.clients import failures
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.storage import Buckets
from flowdeploy.errors import ServiceError

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
ONE = ("run", RELEASE, "--only", "akvoflow-1", "--verbose")
UPLOADS = "/*upload/*"
SECRET = "AAAA1234567890zzzz"
LARGE = """
(staging / "large.bin").write_bytes(bytes(12 << 20))
"""


@pytest.fixture
def large(project: Project, proxy: FaultProxy) -> Project:
    """A project with a file that is sent in two pieces."""
    build = (project.root / "build.py").read_text()
    project.write("build.py", build + LARGE)
    project.commit()
    project.git("tag", "-f", RELEASE)
    return project


def begun(proxy: FaultProxy) -> int:
    return sum(a.method == "POST" and "uploadType=resumable" in a.query for a in proxy.asked)


def echo(status: int) -> Fault:
    """An error page with the URL that was asked for, as Google's front end has."""

    def fault(asked: Asked, _: Forward) -> Reply:
        url = f"{asked.path}?{asked.query}"
        page = f"<p>The URL {html.escape(url)} ({url}, {unquote(url)}) was not found.</p>"
        return Reply(
            status, (("Content-Type", "text/html"), ("Location", f"/{url}")), page.encode()
        )

    return fault


def require_secret(project: Project, proxy: FaultProxy, *said: str) -> None:
    """No id of an upload is in what was said, nor in what the run has left."""
    found = [parse_qs(a.query).get("upload_id") for a in proxy.asked if a.method == "PUT"]
    ids = {id for each in found if each for id in each}
    assert ids
    folder = project.root / ".flowdeploy/runs"
    texts = [*said, *(p.read_text() for p in folder.rglob("*") if p.is_file())]
    assert [id for id in ids for text in texts if id in text] == []
    assert [text for text in texts if "upload_id" in text] == []


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("after", [0, 1])
def test_an_upload_that_is_forgotten_begins_anew(
    large: Project, proxy: FaultProxy, status: int, after: int
) -> None:
    proxy.arm(answer_instead(status, b""), "PUT", UPLOADS, times=1, after=after)
    ended = large.run(*ONE)
    assert ended.code == 0, ended.err
    assert begun(proxy) == 2
    assert "large.bin" in large.remote.files("akvoflow-1", RELEASE)
    require_secret(large, proxy, ended.out, ended.err)


@pytest.mark.parametrize("status", [404, 410])
def test_an_upload_that_is_forgotten_again_and_again_ends(
    large: Project, proxy: FaultProxy, status: int
) -> None:
    proxy.arm(echo(status), "PUT", UPLOADS)
    ended = large.run(*ONE)
    assert ended.code == 1
    assert begun(proxy) == 3
    assert "was not found" in ended.out + ended.err
    require_secret(large, proxy, ended.out, ended.err)


@pytest.mark.parametrize(
    "fault",
    [
        echo(500),
        echo(403),
        echo(302),
        echo(200),
        lambda *_: None,
        answer_after(lambda reply: Reply(reply.status, reply.headers, reply.body, cut=1)),
        answer_instead(200, b"x", ("Content-Encoding", "gzip")),
        answer_instead(308, b"", ("Range", "bytes=0-99999999999")),
    ],
    ids=["failed", "forbidden", "redirected", "a page", "reset", "cut", "bad gzip", "bad range"],
)
def test_no_failure_of_an_upload_shows_its_address(
    large: Project, proxy: FaultProxy, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "ATTEMPTS", 2)
    proxy.arm(fault, "PUT", UPLOADS)
    ended = large.run(*ONE)
    assert ended.code == 1, ended.err
    require_secret(large, proxy, ended.out, ended.err)


def test_no_traceback_of_an_upload_shows_its_address(tmp_path: Path) -> None:
    """The server is gone after the upload has begun: requests then tells the whole URL."""
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(6 << 20))
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def begin() -> None:
        with listening, listening.accept()[0] as connection:
            listening.close()
            asked = b""
            while b"md5Hash" not in asked or not asked.endswith(b"}"):
                asked += connection.recv(1 << 16)
            head = f"HTTP/1.1 200 OK\r\nLocation: {url}/upload?upload_id={SECRET}"
            connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())

    server = Thread(target=begin)
    server.start()
    retries = failures.Retries(sleep=lambda _: None)
    buckets = Buckets(url, GoogleSession(AnonymousCredentials(), 2, retries))
    with pytest.raises(ServiceError, match="nobody listens") as error:
        buckets.upload("staging.flow-uat1.appspot.com", "large.bin", path, ())
    server.join()
    text = "".join(traceback.format_exception(error.value))
    assert "transfers.py" in text
    assert SECRET not in text
