"""The body of a multipart upload: the object's metadata in JSON, then its bytes.

Source: RFC 2387. The bytes are passed on as they arrive. Lines may end in a bare line
feed and the boundary may be in single quotes, because gcloud sends both.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from flowdeploy.sandbox.storage.errors import StorageError, invalid_error

MAX_HEAD = 1 << 20

_BOUNDARY = re.compile(r"""boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))""", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def parse_boundary(content_type: str) -> bytes:
    """The boundary in a Content-Type header. Raises StorageError 400 if there is none."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise invalid_error("The multipart upload names no boundary.")
    return (found[1] or found[2] or found[3]).encode()


@dataclass
class MultipartBody:
    """A body. ``read_head`` sets ``description`` and ``content_type``."""

    source: AsyncIterator[bytes]
    boundary: bytes
    description: bytes = b""
    content_type: str | None = None
    _buffer: bytes = field(default=b"", repr=False)
    _delimited: bytes = b""

    async def read_head(self) -> None:
        """Read up to the object's first byte. Raises StorageError 400."""
        delimiter = re.escape(b"--" + self.boundary)
        await self._cut(re.compile(delimiter + rb"[ \t]*\r?\n"))
        await self._headers()
        self.description = await self._cut(re.compile(rb"\r?\n" + delimiter + rb"[ \t]*\r?\n"))
        found = _CONTENT_TYPE.search(await self._headers())
        self.content_type = found[1].decode("latin-1").strip() if found else None

    async def content(self) -> AsyncIterator[bytes]:
        """The object's bytes, up to the closing boundary. Raises StorageError 400."""
        # If lines end in a bare line feed, a carriage return before it belongs to the object.
        newline = b"\r\n" if self._delimited.endswith(b"\r\n") else b"\n"
        closing = re.compile(re.escape(newline + b"--" + self.boundary + b"--"))
        # The closing boundary may be cut in two by the chunks: keep back what it needs.
        tail = len(self.boundary) + 64
        async for chunk in self.source:
            self._buffer += chunk
            if len(self._buffer) > tail:
                yield self._buffer[:-tail]
                self._buffer = self._buffer[-tail:]
        found = closing.search(self._buffer)
        if found is None:
            raise _body_error()
        yield self._buffer[: found.start()]

    async def _headers(self) -> bytes:
        # A part without headers begins with the blank line.
        self._buffer = b"\n" + self._buffer
        return await self._cut(_BLANK_LINE)

    async def _cut(self, end: re.Pattern[bytes]) -> bytes:
        """Read up to and including the first match of ``end``; the bytes before it."""
        while (found := end.search(self._buffer)) is None:
            chunk = await anext(self.source, b"")
            if not chunk or len(self._buffer) > MAX_HEAD:
                raise _body_error()
            self._buffer += chunk
        self._delimited = found[0]
        before, self._buffer = self._buffer[: found.start()], self._buffer[found.end() :]
        return before


def _body_error() -> StorageError:
    return StorageError(400, "badContent", "Malformed multipart body.")
