"""The form of batch requests and of their answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.clients.answers import Answer
from flowdeploy.clients.batch import decode_answers, encode_calls
from flowdeploy.clients.failures import retry_after
from flowdeploy.errors import BadAnswer

BOUNDARY = "batch_x-1"
TYPE = f'multipart/mixed; charset=UTF-8; boundary="{BOUNDARY}"'


def answers(*parts: tuple[int, int, bytes], line: bytes = b"\r\n") -> bytes:
    """An answer's body with the number, the status and the content of each part."""
    lines = [
        item
        for number, status, content in parts
        for item in (
            f"--{BOUNDARY}".encode(),
            b"Content-Type: application/http",
            f"Content-ID: <response-{number}>".encode(),
            b"",
            f"HTTP/1.1 {status} Whatever".encode(),
            b"Content-Type: application/json; charset=UTF-8",
            b"",
            content,
        )
    ]
    return line.join([*lines, f"--{BOUNDARY}--".encode(), b""])


def decode(kind: str, body: bytes, count: int) -> tuple[Answer, ...]:
    return decode_answers(Answer("POST /batch", 200, {"Content-Type": kind}, body), count)


def test_a_batch_is_requests_within_a_request() -> None:
    assert encode_calls(["/storage/v1/b/a", "/storage/v1/b/b?x=y"]).decode().split("\r\n") == [
        *("--call", "Content-Type: application/http", "Content-ID: <0>", ""),
        *("POST /storage/v1/b/a HTTP/1.1", "Content-Length: 0", "", ""),
        *("--call", "Content-Type: application/http", "Content-ID: <1>", ""),
        *("POST /storage/v1/b/b?x=y HTTP/1.1", "Content-Length: 0", "", ""),
        *("--call--", ""),
    ]


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
def test_answers_are_told_apart_by_their_numbers(line: bytes) -> None:
    body = answers((1, 404, b'{"error": {}}'), (0, 200, b'{\n "done": true\n}\n'), line=line)
    assert [(answer.status, answer.content) for answer in decode(TYPE, body, 2)] == [
        (200, b'{\n "done": true\n}'),
        (404, b'{"error": {}}'),
    ]


def test_an_answer_says_how_long_to_wait() -> None:
    busy = answers((0, 429, b"{}"), (1, 200, b"{}")).replace(
        b"429 Whatever\r\n", b"429 Whatever\r\nretry-after: 7\r\n"
    )
    assert [retry_after(answer.headers) for answer in decode(TYPE, busy, 2)] == [7.0, 0.0]


@given(st.permutations(range(5)))
def test_answers_come_in_any_order(order: list[int]) -> None:
    body = answers(*((number, 200 + number, b"{}") for number in order))
    assert [a.status for a in decode(TYPE, body, 5)] == [200, 201, 202, 203, 204]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (TYPE, answers((0, 200, b"{}"))),
        (TYPE, answers((0, 200, b"{}"), (2, 200, b"{}"))),
        (TYPE, b""),
        (TYPE, f"--{BOUNDARY}\r\nnonsense".encode()),
        (TYPE, answers((0, 200, b"{}"), (1, 200, b"{}")).replace(b"HTTP/1.1", b"HTTP")),
        ("application/json", b"{}"),
    ],
)
def test_what_is_no_answer_to_every_call_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(BadAnswer, match="answer"):
        decode(kind, body, 2)
