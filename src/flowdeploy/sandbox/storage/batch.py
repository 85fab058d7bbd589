"""Batch requests: several calls in one request.

Source: "Sending batch requests" in the guides of the Cloud Storage JSON API. The calls run
concurrently, and each is processed like a separate request, with latency, faults and log.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator

from aiohttp import web
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import BadHttpMessage

from flowdeploy.sandbox.storage.errors import StorageError, invalid_error
from flowdeploy.sandbox.storage.multipart import parse_boundary

MAX_CALLS = 100
BOUNDARY = b"batch_answer"
MAX_LINE = 1 << 16

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_ID = re.compile(rb"^content-id:[ \t]*<?([^>\r\n]*)", re.IGNORECASE | re.MULTILINE)
_HOST = re.compile(rb"^host:", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,9})", re.IGNORECASE | re.MULTILINE)


def routes() -> Iterable[web.AbstractRouteDef]:
    return (web.post("/batch/storage/v1", handle_batch),)


async def handle_batch(request: web.Request) -> web.Response:
    """Handle the calls of a batch. Raises StorageError 400 for a malformed batch."""
    boundary = parse_boundary(request.headers.get("Content-Type", ""))
    parts = tuple(_split_parts(await request.read(), boundary))
    if not 1 <= len(parts) <= MAX_CALLS:
        raise invalid_error(f"A batch must have 1 to {MAX_CALLS} calls.")
    calls = [_parse_call(request, text) for _, text in parts]
    answers = await asyncio.gather(*(_run_call(request.app, call) for call in calls))
    body = b"".join(
        b"--%b\r\nContent-Type: application/http\r\nContent-ID: <response-%b>\r\n\r\n%b\r\n"
        % (BOUNDARY, name, text)
        for (name, _), text in zip(parts, answers, strict=True)
    )
    headers = {"Content-Type": f"multipart/mixed; boundary={BOUNDARY.decode()}"}
    return web.Response(body=body + b"--%b--\r\n" % BOUNDARY, headers=headers)


def _split_parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The Content-ID and the text of each call. The text is a complete HTTP request."""
    _, *parts = (b"\n" + body).split(b"\n--" + boundary)
    for part in parts:
        if part.startswith(b"--"):
            return
        head, text = _split_head(part)
        named = _ID.search(head)
        yield named[1].strip() if named else b"", text
    raise _parse_error()


def _parse_call(request: web.Request, text: bytes) -> web.Request:
    """Parse a call into a request. Raises StorageError 400 if it is malformed."""
    loop = asyncio.get_running_loop()
    try:
        parser = HttpRequestParser(request.protocol, loop, MAX_LINE)
        ((message, payload),) = parser.feed_data(_complete_call(text, request.host))[0]
    except (BadHttpMessage, ValueError) as error:
        raise _parse_error() from error
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
        raise invalid_error("A batch may only have calls of the JSON API, no uploads or downloads.")
    return call


def _complete_call(text: bytes, host: str) -> bytes:
    """The call as HTTP requires it.

    Google's clients end lines with a bare line feed, and send no host or the whole URL.
    """
    head, body = _split_head(text.lstrip())
    head = b"\r\n".join(head.splitlines())
    if length := _LENGTH.search(head):
        body = body[: int(length[1])]
    else:
        body = body.rstrip(b"\r\n")
        head += b"\r\nContent-Length: %d" % len(body)
    if not _HOST.search(head):
        head += b"\r\nHost: %b" % host.encode()
    return head + b"\r\n\r\n" + body


async def _run_call(app: web.Application, call: web.Request) -> bytes:
    """Handle a call; the HTTP response as bytes."""
    # aiohttp has no public way to handle a request that did not come from its socket.
    response = await app._handle(call)
    assert isinstance(response, web.Response)  # noqa: S101  (only downloads are streamed)
    body = response.body if isinstance(response.body, bytes) else b""
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    line = f"HTTP/1.1 {response.status} {response.reason}\r\n"
    return f"{line}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _split_head(text: bytes) -> tuple[bytes, bytes]:
    """The text before and after the first blank line."""
    head, *rest = _BLANK_LINE.split(text, maxsplit=1)
    return head, rest[0] if rest else b""


def _parse_error() -> StorageError:
    return invalid_error("Failed to parse batch request.")
