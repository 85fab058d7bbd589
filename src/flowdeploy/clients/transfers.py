"""Bytes of files into objects of Cloud Storage, and back, checked on the way.

By the JSON API and not by google-cloud-storage: loading that takes as much CPU as
sending 300 files does, and sending one by it twice what it takes here. A file comes
with the MD5 of its bytes, so that Cloud Storage refuses what was garbled on the way.
Source: "Uploads and downloads" in the guides of Cloud Storage.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from google.auth.transport.requests import AuthorizedSession
from requests import Response

from flowdeploy.clients.api import TIMEOUT, accepted, retried
from flowdeploy.clients.objects import file_changed
from flowdeploy.errors import ServiceError

LARGE = 5 << 20  # bytes; from here on gcloud uploads resumably, too
PIECE = 8 << 20  # bytes of a large file that are in memory at once
_TYPE = "application/octet-stream"
_SHA1 = re.compile(r"(?:.*/)?([0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class Upload:
    """``url`` is that of the bucket's uploads, ``query`` the conditions on the object ``name``.

    An object that is named by a SHA-1 gets the bytes that have it, or none.
    """

    session: AuthorizedSession
    url: str
    name: str
    path: Path
    query: Mapping[str, str]

    def run(self) -> int:
        """The bytes that were sent. Raises ServiceError; FlowdeployError, which names the file,
        where it cannot be read or is no longer what it was."""
        try:
            with self.path.open("rb") as stream:
                start = stream.read(LARGE + 1)
                return self._large(stream) if len(start) > LARGE else self._small(start)
        except OSError as error:
            raise file_changed(self.path, error.strerror or str(error)) from error

    def _small(self, content: bytes) -> int:
        self._require(hashlib.sha1(content, usedforsecurity=False).hexdigest())
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        boundary = secrets.token_hex(6)  # short: applications have thousands of small files
        lines = (
            *(f"--{boundary}", "Content-Type: application/json", "", self._described(md5)),
            *(f"--{boundary}", f"Content-Type: {_TYPE}", "", ""),
        )
        body = "\r\n".join(lines).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        retried(lambda: self._post("multipart", data=body, headers=headers))
        return len(content)

    def _large(self, stream: BinaryIO) -> int:
        """In pieces, each of which can be sent again."""
        size, md5 = self._digests(stream)
        headers = {"Content-Type": "application/json", "X-Upload-Content-Type": _TYPE}
        begin = partial(self._post, "resumable", data=self._described(md5), headers=headers)
        pieces = _Pieces(self.session, retried(begin).headers["Location"], stream, size)
        try:
            while pieces.at != size:
                retried(pieces.advance)
        except ServiceError:
            self._digests(stream)  # where the file has changed, that is the error
            raise
        return size

    def _post(self, kind: str, **content: Any) -> Response:
        query = {"uploadType": kind, "name": self.name, **self.query}
        return accepted(self.session.post(self.url, params=query, timeout=TIMEOUT, **content))

    def _described(self, md5: bytes) -> str:
        return json.dumps({"md5Hash": base64.b64encode(md5).decode()})

    def _digests(self, stream: BinaryIO) -> tuple[int, bytes]:
        """Size and MD5."""
        stream.seek(0)
        sha1, md5 = (hashlib.new(name, usedforsecurity=False) for name in ("sha1", "md5"))
        while piece := stream.read(PIECE):
            sha1.update(piece)
            md5.update(piece)
        self._require(sha1.hexdigest())
        return stream.tell(), md5.digest()

    def _require(self, sha1: str) -> None:
        named = _SHA1.fullmatch(self.name)
        if named and named[1] != sha1:
            raise file_changed(self.path, "it has changed")


@dataclass(slots=True)
class _Pieces:
    """A resumable upload; ``at`` is the byte to go on from, None where the server knows that."""

    session: AuthorizedSession
    url: str
    stream: BinaryIO
    size: int
    at: int | None = 0

    def advance(self) -> None:
        """Send a piece; after a failure, what the server lacks. Raises HTTPError, and ServiceError
        where the server has no more of it than before."""
        at, self.at = self.at, None
        if at is None:
            at = self._put(b"", "*")
        if at < self.size:
            self.stream.seek(at)
            piece = self.stream.read(PIECE)
            before, at = at, self._put(piece, f"{at}-{at + len(piece) - 1}")
            if at <= before:
                raise ServiceError("UNKNOWN", "Cloud Storage has taken nothing of a piece")
        self.at = at

    def _put(self, content: bytes, where: str) -> int:
        """How many bytes the server has then."""
        answer = accepted(
            self.session.put(
                self.url,
                data=content,
                headers={"Content-Range": f"bytes {where}/{self.size}"},
                timeout=TIMEOUT,
            )
        )
        if answer.status_code != HTTPStatus.PERMANENT_REDIRECT:
            return self.size
        _, _, last = answer.headers.get("Range", "").rpartition("-")
        return int(last) + 1 if last else 0


def download(session: AuthorizedSession, url: str, path: Path) -> None:
    """Write an object to a file. Raises HTTPError, and ServiceError for what was garbled."""
    digest = hashlib.md5(usedforsecurity=False)
    with accepted(session.get(url, params={"alt": "media"}, stream=True, timeout=TIMEOUT)) as got:
        with path.open("wb") as target:
            for piece in got.iter_content(1 << 20):
                digest.update(piece)
                target.write(piece)
        announced = re.search(r"md5=([^,\s]+)", got.headers.get("X-Goog-Hash", ""))
    if announced and base64.b64decode(announced[1]) != digest.digest():
        raise ServiceError("DATA_LOSS", f"what arrived of {url} is not what is kept there")
