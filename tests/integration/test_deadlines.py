"""Every request ends in time, however steadily its answer drips.

The answers here are finite: without a deadline for the whole of it, each request would succeed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.cloud import appengine_admin_v1
from tests.fault_proxy import FaultProxy, Reply, answer_instead, fault_proxy

from flowdeploy.clients.deadlines import Deadline
from flowdeploy.clients.google_api import open_client
from flowdeploy.clients.http import GoogleSession, TokenRequest, exchange
from flowdeploy.clients.maven_repository import Patience, RepositoryClient, Unanswered
from flowdeploy.clients.repository import Repository
from flowdeploy.clients.web import Web

SECONDS = 0.4
SLOW = 0.02  # seconds before each byte of an answer with over a hundred
BODY = b'{"name": "apps/p/operations/1", "done": true, "response": {}}' + b" " * 100
HEADERS = (("Content-Type", "application/json"), ("X-Filler", "x" * 100))


@pytest.fixture
def web_server() -> Iterator[FaultProxy]:
    """Whatever is asked of it, it answers `BODY`."""
    with fault_proxy("http://127.0.0.1:1") as proxy:
        yield proxy


def _dripping(part: str) -> Callable[..., Reply]:
    drip, drip_head = (SLOW, 0.0) if part == "drip" else (0.0, SLOW)
    return lambda *_: Reply(200, HEADERS, BODY, drip=drip, drip_head=drip_head)


@pytest.fixture
def session() -> GoogleSession:
    return GoogleSession(AnonymousCredentials(), 2)


@pytest.mark.parametrize("part", ["drip", "drip_head"])
def test_no_answer_drips_past_the_deadline(
    web_server: FaultProxy, session: GoogleSession, part: str
) -> None:
    web_server.arm(_dripping(part))
    with pytest.raises(requests.RequestException):
        exchange(session, "GET", web_server.url, timeout=SECONDS)


@pytest.mark.parametrize("part", ["drip", "drip_head"])
def test_googles_libraries_keep_the_deadline(
    web_server: FaultProxy, session: GoogleSession, part: str
) -> None:
    web_server.arm(_dripping(part))
    client: Any = open_client(appengine_admin_v1.ServicesClient, web_server.url, session)
    request = {"name": "apps/p/services/s", "service": {}, "update_mask": "split"}
    with pytest.raises((requests.RequestException, GoogleAPIError)):
        client.update_service(request, retry=None, timeout=SECONDS)


@pytest.mark.parametrize("part", ["drip", "drip_head"])
def test_google_auth_keeps_the_deadline(web_server: FaultProxy, part: str) -> None:
    web_server.arm(_dripping(part))
    with pytest.raises(Exception, match=r"timed out|did not end"):
        TokenRequest()(web_server.url, timeout=SECONDS)


def test_the_head_of_a_health_page_comes_in_time(web_server: FaultProxy) -> None:
    web_server.arm(_dripping("drip_head"))
    assert Web(web_server.url, 1).ask("http://app.example.org/", SECONDS).status is None


def test_the_body_of_a_health_page_is_not_waited_for(web_server: FaultProxy) -> None:
    web_server.arm(_dripping("drip"))
    assert Web(web_server.url, 1).ask("http://app.example.org/", 60.0).status == 200


@pytest.mark.parametrize("part", ["drip", "drip_head"])
def test_a_maven_repository_keeps_the_deadline(web_server: FaultProxy, part: str) -> None:
    web_server.arm(_dripping(part))
    patience = Patience(attempts=1, timeout=SECONDS)
    client = RepositoryClient(Repository(web_server.url), patience, lambda _: None)
    with pytest.raises(Unanswered):
        client.read(f"{web_server.url}/a.pom")


def test_redirects_of_a_maven_repository_end(web_server: FaultProxy) -> None:
    web_server.arm(answer_instead(302, b"", ("Location", "/again")))
    client = RepositoryClient(Repository(web_server.url), Patience(attempts=1), lambda _: None)
    with pytest.raises(Unanswered, match="redirects"):
        client.read(f"{web_server.url}/a.pom")
    assert len(web_server.asked) <= 7


def test_one_who_takes_no_bytes_is_left(session: GoogleSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(requests.RequestException):
            exchange(session, "PUT", url, data=b"x" * (16 << 20), timeout=SECONDS)


def test_an_endless_row_of_interim_answers_ends(session: GoogleSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_continue_for_ever, args=[server], daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(requests.RequestException):
            exchange(session, "GET", url, timeout=SECONDS)


def _continue_for_ever(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        while True:
            try:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            except OSError:
                return


def test_bodies_add_time_by_their_size() -> None:
    small, large = Deadline.after(60.0, 0), Deadline.after(60.0, 100 << 20)
    assert large.ends > small.ends + 1000
    large.start_answer()
    assert large.ends < small.ends + 60
    large.add_body(100 << 20)
    assert large.ends > small.ends + 1000


def test_a_connection_is_used_again(
    web_server: FaultProxy, session: GoogleSession, caplog: pytest.LogCaptureFixture
) -> None:
    web_server.arm(answer_instead(200, BODY))
    with caplog.at_level("DEBUG", "urllib3.connectionpool"):
        for _ in range(3):
            assert exchange(session, "GET", web_server.url).content == BODY
    assert sum("new HTTP connection" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("size", ["9" * 15, "9" * 400])
def test_an_impossible_size_of_an_answer_is_no_bug(
    session: GoogleSession, web_server: FaultProxy, size: str
) -> None:
    web_server.arm(lambda *_: Reply(200, (("Content-Length", size),), b"{}", cut=2))
    with pytest.raises(requests.RequestException):
        exchange(session, "GET", f"{web_server.url}/", 1.0)


def test_what_an_answer_announces_adds_hours_and_not_years() -> None:
    deadline = Deadline.after(1.0, 0)
    ends = deadline.ends
    deadline.add_body(10**400)
    assert deadline.ends - ends < 3 * 86400
