"""A token's server that has a bad moment, and one that refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from google.auth.exceptions import RefreshError, TransportError
from google.oauth2.credentials import Credentials

from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.failures import Retries, to_service_error
from flowdeploy.clients.google_api import LOCATIONS, JsonApi, credentials_for
from flowdeploy.clients.http import GoogleSession
from flowdeploy.endpoints import google
from flowdeploy.errors import ServiceError
from flowdeploy.planning.traffic import Split

TOKEN = json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
PAGE = "<html>try again</html>"
REFUSED = json.dumps({"error": "invalid_grant", "error_description": "expired"})
GRANT = "urn:ietf:params:oauth:token-type:"


@dataclass
class TokenServer:
    """``answers`` come first, one each; then there are tokens, and empty answers of the API."""

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, str]:
        self.asked.append(path)
        if path != "/token":
            return 200, '{"locations": []}'
        return self.answers.pop(0) if self.answers else (200, TOKEN)


@pytest.fixture
def server() -> Iterator[TokenServer]:
    server = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = server.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}"
        Thread(target=listening.serve_forever, args=[0.01], daemon=True).start()
        yield server
        listening.shutdown()


@pytest.fixture
def workload_identity(
    server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TokenServer:
    """The credentials of a job in CI: a file's text is exchanged for a token."""
    subject, config = tmp_path / "subject", tmp_path / "credentials.json"
    subject.write_text("who I am")
    config.write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/pools/p",
                "subject_token_type": f"{GRANT}jwt",
                "token_url": f"{server.url}/token",
                "credential_source": {"file": str(subject)},
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(config))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    return server


def no_sleep() -> Retries:
    return Retries(sleep=lambda _: None)


def user(server: TokenServer) -> Credentials:
    return Credentials(
        None, refresh_token="r", token_uri=f"{server.url}/token", client_id="c", client_secret="s"
    )


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failed_exchange_of_tokens_is_made_again(
    workload_identity: TokenServer, status: int
) -> None:
    workload_identity.answers = [(status, PAGE), (status, TOKEN)]
    credentials, _ = credentials_for(google({}), no_sleep())
    assert credentials.token == "t"
    assert workload_identity.asked == ["/token"] * 3


def test_a_refused_exchange_of_tokens_is_made_once(workload_identity: TokenServer) -> None:
    workload_identity.answers = [(400, REFUSED)]
    with pytest.raises(ServiceError, match="no usable Google credentials") as error:
        credentials_for(google({}), no_sleep())
    assert error.value.code == "UNAUTHENTICATED"
    assert "application-default login" in str(error.value.hint)
    assert workload_identity.asked == ["/token"]


def test_a_read_waits_for_its_token(server: TokenServer) -> None:
    server.answers = [(503, PAGE)] * 3
    session = GoogleSession(user(server), 2, no_sleep())
    JsonApi(f"{server.url}/v1", session).get("projects/p/locations", LOCATIONS)
    assert server.asked == [*["/token"] * 4, "/v1/projects/p/locations"]


@pytest.mark.parametrize(
    "change",
    [
        lambda url, session: JsonApi(url, session).change("POST", "p", {}, LOCATIONS),
        lambda url, session: AppEngine(url, session).set_split("p", "s", Split.all_to("v")),
    ],
    ids=["as JSON", "by Google's library"],
)
def test_a_change_without_a_token_is_known_not_to_be_sent(
    server: TokenServer, change: Callable[[str, GoogleSession], object]
) -> None:
    server.answers = [(503, PAGE)]
    session = GoogleSession(user(server), 2, no_sleep())
    with pytest.raises(ServiceError) as error:
        change(server.url, session)
    assert (error.value.code, error.value.is_refusal) == ("UNAVAILABLE", True)
    assert server.asked == ["/token"]


def _refresh_error_of_the_metadata_server() -> RefreshError:
    error = RefreshError("no answer")
    error.__cause__ = TransportError("no answer")
    return error


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (RefreshError("later", retryable=True), "UNAVAILABLE"),
        (TransportError("no answer"), "UNAVAILABLE"),
        (_refresh_error_of_the_metadata_server(), "UNAVAILABLE"),
        (RefreshError("invalid_grant"), "UNAUTHENTICATED"),
    ],
)
def test_googles_errors_say_whether_they_may_pass(failure: Exception, code: str) -> None:
    assert to_service_error(failure).code == code
