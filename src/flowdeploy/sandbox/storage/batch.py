"""Many calls in one request.

Source: "Sending batch requests" in the guides of the Cloud Storage JSON API. Each call
takes the way of a request of its own, through latency, faults and log, at the same time
as the others.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator

from aiohttp import web
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import BadHttpMessage

from flowdeploy.sandbox.storage.multipart import boundary_of
from flowdeploy.sandbox.storage.refusals import StorageError, bad_request

MOST_CALLS = 100
BOUNDARY = b"batch_answer"
LONGEST_LINE = 1 << 16

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_ID = re.compile(rb"^content-id:[ \t]*<?([^>\r\n]*)", re.IGNORECASE | re.MULTILINE)
_HOST = re.compile(rb"^host:", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,9})", re.IGNORECASE | re.MULTILINE)


def routes() -> Iterable[web.AbstractRouteDef]:
    return (web.post("/batch/storage/v1", answer),)


async def answer(request: web.Request) -> web.Response:
    boundary = boundary_of(request.headers.get("Content-Type", ""))
    parts = tuple(_parts(await request.read(), boundary))
    if not 1 <= len(parts) <= MOST_CALLS:
        raise bad_request(f"A batch takes 1 to {MOST_CALLS} calls.")
    calls = [_call(request, text) for _, text in parts]
    answers = await asyncio.gather(*(_answered(request.app, call) for call in calls))
    body = b"".join(
        b"--%b\r\nContent-Type: application/http\r\nContent-ID: <response-%b>\r\n\r\n%b\r\n"
        % (BOUNDARY, name, text)
        for (name, _), text in zip(parts, answers, strict=True)
    )
    headers = {"Content-Type": f"multipart/mixed; boundary={BOUNDARY.decode()}"}
    return web.Response(body=body + b"--%b--\r\n" % BOUNDARY, headers=headers)


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The Content-ID and the text of each call, which is an HTTP request of its own."""
    _, *parts = (b"\n" + body).split(b"\n--" + boundary)
    for part in parts:
        if part.startswith(b"--"):
            return
        head, text = _cut(part)
        named = _ID.search(head)
        yield named[1].strip() if named else b"", text
    raise _malformed()


def _call(request: web.Request, text: bytes) -> web.Request:
    """The call as if it had come by itself. Raises StorageError 400 where it is none.

    Google's clients end its lines with a bare line feed, and name no host or the whole URL.
    """
    head, body = _cut(text.lstrip())
    head = b"\r\n".join(head.splitlines())
    if length := _LENGTH.search(head):
        body = body[: int(length[1])]
    else:
        body = body.rstrip(b"\r\n")
        head += b"\r\nContent-Length: %d" % len(body)
    if not _HOST.search(head):
        head += b"\r\nHost: %b" % request.host.encode()
    loop = asyncio.get_running_loop()
    try:
        parser = HttpRequestParser(request.protocol, loop, LONGEST_LINE)
        ((message, payload),) = parser.feed_data(head + b"\r\n\r\n" + body)[0]
    except (BadHttpMessage, ValueError) as error:
        raise _malformed() from error
    call = web.Request(
        message,
        payload,
        request.protocol,
        request.writer,
        request.task,
        loop,
        scheme=request.scheme,
    )
    if not call.path.startswith("/storage/v1/") or call.query.get("alt", "json") != "json":
        raise bad_request("A batch takes calls of the JSON API that move no bytes of an object.")
    return call


async def _answered(app: web.Application, call: web.Request) -> bytes:
    """The answer as text."""
    # aiohttp has no public way to answer a request that came by another than its socket.
    response = await app._handle(call)
    assert isinstance(response, web.Response)  # noqa: S101  (only downloads are streamed)
    body = response.body if isinstance(response.body, bytes) else b""
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    line = f"HTTP/1.1 {response.status} {response.reason}\r\n"
    return f"{line}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _cut(text: bytes) -> tuple[bytes, bytes]:
    """What is before and after the first blank line."""
    head, *rest = _BLANK_LINE.split(text, maxsplit=1)
    return head, rest[0] if rest else b""


def _malformed() -> StorageError:
    return bad_request("Failed to parse batch request.")
