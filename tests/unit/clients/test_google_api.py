"""What comes over the wire, in any shape: a value, or a ServiceError that says where from."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import pytest
from google.auth.credentials import AnonymousCredentials

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients import answers, failures, google_api
from flowdeploy.clients.appengine import OPERATION, OPERATIONS, AppEngine
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.clients.http import GoogleSession
from flowdeploy.errors import BadAnswer, ConnectionFailed, ServiceError
from flowdeploy.planning.traffic import Split

NAME = "apps/p/operations/1"
GOOD = json.dumps({"name": NAME, "done": True}).encode()
Reply = Callable[[str, str], bytes]  # the server's address and the request → all it sends


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body


def read_request(stream: BinaryIO) -> str:
    """A whole request, as its head: what is left unread would reset the connection."""
    head = b""
    while (line := stream.readline()).strip():
        head += line
    length = re.search(rb"content-length: ([0-9]+)", head, re.IGNORECASE)
    stream.read(int(length[1]) if length else 0)
    return head.decode("latin-1")


@contextmanager
def server(answer: Reply) -> Iterator[tuple[str, list[str]]]:
    """A server on this machine: its address, and the requests that it has got."""
    requests: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as stream:
                    requests.append(read_request(stream))
                    content = answer(url, requests[-1])
                    if not content:  # a reset
                        linger = struct.pack("ii", 1, 0)
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    with suppress(OSError):  # whoever asked may have read enough
                        connection.sendall(content)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield url, requests
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "ATTEMPTS", 1)
    monkeypatch.setattr(failures, "QUOTA_PATIENCE", 0)


def api(url: str) -> JsonApi:
    return JsonApi(f"{url}/v1", GoogleSession(AnonymousCredentials(), 2))


BAD: dict[str, bytes] = {
    "empty": reply(b""),
    "nothing": reply(b"", "204 No Content"),
    "a page": reply(b"<html>hello</html>", "200 OK", "Content-Type: text/html"),
    "cut off": reply(GOOD[:-5]),
    "no UTF-8": reply(b'{"name": "\xff"}'),
    "a list": reply(b"[]"),
    "null": reply(b"null"),
    "text": reply(b'"x"'),
    "a number": reply(b"1"),
    "NaN": reply(b'{"name": NaN}'),
    "an empty object": reply(b"{}"),
    "deep": reply(b'{"a":' * 200_000),
    "many digits": reply(b'{"name": ' + b"9" * 5000 + b"}"),
    "null for a name": reply(b'{"name": null}'),
    "a number for a name": reply(b'{"name": 1}'),
    "a name that leads elsewhere": reply(b'{"name": "apps/p/operations/1?x=y"}'),
    "text for a flag": reply(json.dumps({"name": NAME, "done": "true"}).encode()),
    "text for an error": reply(json.dumps({"name": NAME, "error": "x"}).encode()),
    "bad gzip": reply(GOOD, "200 OK", "Content-Encoding: gzip"),
    "gzip cut off": reply(gzip.compress(b"[" * 999)[:-12], "200 OK", "Content-Encoding: gzip"),
}
LOST: dict[str, bytes] = {
    "reset": b"",
    "no HTTP": b"hello\r\n\r\n",
    "less than announced": reply(GOOD).replace(b"Content-Length: ", b"Content-Length: 9"),
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
}
REFUSED: dict[str, bytes] = {
    "a redirect": reply(b"", "302 Found", "Location: http://127.0.0.1:9/"),
    "a redirect to nowhere": reply(b"", "302 Found"),
    "a redirect to nonsense": reply(b"", "307 Temporary Redirect", "Location: http://[\xff"),
    "an error in no charset": reply(b"\xff", "400 Bad", "Content-Type: text/html; charset=x-no"),
    "an empty error": reply(b"", "404 Not Found"),
    "a list of errors": reply(b"[]", "403 Forbidden"),
    "an odd error": reply(b'{"error": {"message": null, "status": 3}}', "503 Unavailable"),
    "an odd wait": reply(b"{}", "429 Too Many Requests", f"Retry-After: {'9' * 5000}"),
}
KINDS: dict[str, type[ServiceError]] = {
    **dict.fromkeys(BAD, BadAnswer),
    **dict.fromkeys(LOST, ConnectionFailed),
    **dict.fromkeys(REFUSED, ServiceError),
}
CHANGES: dict[str, Callable[[AppEngine], Operation]] = {
    "create": lambda engine: engine.create_version("p", "s", {"id": "v", "runtime": "java21"}),
    "create with a zero": lambda engine: engine.create_version("p", "s", {"threadsafe": False}),
    "split": lambda engine: engine.set_split("p", "s", Split.all_to("v")),
    "split by something new": lambda engine: engine.set_split("p", "s", Split({"v": 1}, "NEW")),
}


@pytest.mark.parametrize("mutation", KINDS)
def test_a_read_gives_a_value_or_an_error(mutation: str) -> None:
    content = {**BAD, **LOST, **REFUSED}[mutation]
    with (
        server(lambda *_: content) as (url, requests),
        pytest.raises(ServiceError) as error,
    ):
        api(url).get(NAME, OPERATION, secret="1234")
    assert type(error.value) is not ServiceError or mutation in REFUSED
    assert isinstance(error.value, KINDS[mutation])
    assert url in error.value.message
    assert "1234" not in error.value.message
    assert len(requests) == 1


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mutation", KINDS)
def test_a_change_is_sent_once_whatever_comes_back(change: str, mutation: str) -> None:
    content = {**BAD, **LOST, **REFUSED}[mutation]
    with server(lambda *_: content) as (url, requests):
        outcome: Operation | ServiceError
        try:
            outcome = CHANGES[change](AppEngine(url, GoogleSession(AnonymousCredentials(), 2)))
        except ServiceError as error:
            outcome = error
    # The library makes nothing of an error that is text; how the operation stands is read later.
    assert isinstance(outcome, KINDS[mutation]) or mutation == "text for an error"
    assert len(requests) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_answered_by_an_operation(change: str) -> None:
    with server(lambda *_: reply(GOOD)) as (url, _):
        operation = CHANGES[change](AppEngine(url, GoogleSession(AnonymousCredentials(), 2)))
    assert operation == Operation(NAME, done=True)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_fits_is_read(encoding: str) -> None:
    body = gzip.compress(GOOD) if encoding == "gzip" else GOOD
    with server(lambda *_: reply(body, "200 OK", f"Content-Encoding: {encoding}")) as (url, _):
        assert api(url).get(NAME, OPERATION).name == NAME


def test_too_large_an_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST", 1 << 20)
    bomb = gzip.compress(b" " * (2 << 20) + GOOD)
    with (
        server(lambda *_: reply(bomb, "200 OK", "Content-Encoding: gzip")) as (url, requests),
        pytest.raises(BadAnswer, match="more than 1 MiB"),
    ):
        api(url).get(NAME, OPERATION)
    assert len(requests) == 1, "it is not asked for again"


def pages(token: Callable[[int], Any]) -> Reply:
    count = iter(range(1, 10_000))
    return lambda *_: reply(json.dumps({"nextPageToken": token(next(count))}).encode())


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (lambda _: "same", "comes again"),
        (lambda count: f"t{count % 3}", "comes again"),
        (lambda count: f"t{count}", "not come after 20 pages"),
        (lambda count: f"t{count}" + "x" * 500_000, "not come after 3 pages"),
        (lambda _: 1, "nextPageToken"),
    ],
)
def test_pages_end(
    token: Callable[[int], Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_api, "MOST_PAGES", 20)
    monkeypatch.setattr(google_api, "MOST_BYTES", 1 << 20)
    with server(pages(token)) as (url, _), pytest.raises(BadAnswer, match=words):
        list(api(url).pages("apps/p/operations", OPERATIONS))
