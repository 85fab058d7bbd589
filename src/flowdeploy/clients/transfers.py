"""Bytes of files into objects of Cloud Storage, and back, checked on the way.

By the JSON API and not by google-cloud-storage: loading that takes as much CPU as
sending 300 files does, and sending one by it twice what it takes here. A file comes
with the MD5 of its bytes, so that Cloud Storage refuses what was garbled on the way.
Source: "Uploads and downloads" in the guides of Cloud Storage.
"""

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from pydantic import Field
from requests.structures import CaseInsensitiveDict

from flowdeploy.clients.answers import Answer, AnswerForm, Form, read_answer
from flowdeploy.clients.failures import error_of_answer, require_success, send_once
from flowdeploy.clients.files import file_changed, open_private
from flowdeploy.clients.http import TIMEOUT, GoogleSession, exchange
from flowdeploy.config.regular_files import open_regular
from flowdeploy.errors import ServiceError

LARGE = 5 << 20  # bytes; from here on gcloud uploads resumably, too
SECRET = 12  # characters; shorter values in a URL are no secrets
SESSIONS = 3  # attempts to send a large file: Cloud Storage may forget a resumable upload
PIECE = 8 << 20  # bytes of a large file that are in memory at once
LEAST = 256 << 10  # bytes of it that Cloud Storage takes: whole multiples of them
_TYPE = "application/octet-stream"
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_MD5 = re.compile(r"md5=([^,\s]+)")
_SHA1 = re.compile(r"(?:.*/)?([0-9a-f]{40})")


class ObjectForm(AnswerForm):
    """An object that was written."""

    name: str
    generation: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


OBJECT = Form(ObjectForm)


@dataclass(frozen=True, slots=True)
class Upload:
    """``url`` is that of the bucket's uploads, ``query`` the conditions on the object ``name``.

    An object that is named by a SHA-1 gets the bytes that have it, or none.
    """

    session: GoogleSession
    url: str
    name: str
    path: Path
    query: Mapping[str, str]

    def run(self) -> int:
        """Upload the file, and return how many bytes were sent.

        Raises ServiceError; FlowdeployError, which names the file, where it cannot be read
        or is no longer what it was.
        """
        try:
            with open_regular(self.path) as stream:
                start = stream.read(LARGE + 1)
                if len(start) > LARGE:
                    return self._send_pieces(stream)
                return self._send_whole(start)
        except OSError as error:
            raise file_changed(self.path, error.strerror or str(error)) from error

    def _send_whole(self, content: bytes) -> int:
        self._require(hashlib.sha1(content, usedforsecurity=False).hexdigest())
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        boundary = secrets.token_hex(6)  # short: applications have thousands of small files
        lines = (
            *(f"--{boundary}", "Content-Type: application/json", "", _metadata(md5)),
            *(f"--{boundary}", f"Content-Type: {_TYPE}", "", ""),
        )
        body = "\r\n".join(lines).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        self.session.retry(lambda: OBJECT.read(self._post("multipart", data=body, headers=headers)))
        return len(content)

    def _send_pieces(self, stream: BinaryIO) -> int:
        """In pieces, each of which can be sent again."""
        size, md5 = self._digests(stream)
        headers = {"Content-Type": "application/json", "X-Upload-Content-Type": _TYPE}
        begin = partial(self._post, "resumable", data=_metadata(md5), headers=headers)
        for left in reversed(range(SESSIONS)):
            url = _upload_url(self.session.retry(begin), self.url)
            pieces = _Pieces(self.session, url, f"PUT {self.url}", stream, size)
            try:
                while pieces.at != size:
                    self.session.retry(pieces.advance)
                break
            except ServiceError as error:
                self._digests(stream)  # where the file has changed, that is the error
                if not (left and isinstance(error, _SessionEnded)):
                    raise
        return size

    def _post(self, kind: str, **content: Any) -> Answer:
        query = {"uploadType": kind, "name": self.name, **self.query}
        return require_success(exchange(self.session, "POST", self.url, params=query, **content))

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


class _SessionEnded(ServiceError):
    """Cloud Storage does not know a resumable upload any more."""


@dataclass(slots=True)
class _Pieces:
    """A resumable upload; ``at`` is the byte to continue from, None where only the server
    knows it.

    Whoever has ``url`` may upload, so no error and no answer shows it: they have ``request``.
    """

    session: GoogleSession
    url: str = field(repr=False)
    request: str
    stream: BinaryIO
    size: int
    at: int | None = 0

    def advance(self) -> None:
        """Send a piece; after a failure, what the server lacks.

        Raises RequestException, and ServiceError, also where the server has no more of it
        than before.
        """
        at, self.at = self.at, None
        if at is None:
            at = self._put(b"", "*")
        if at < self.size:
            self.stream.seek(at)
            piece = self.stream.read(PIECE)
            before, at = at, self._put(piece, f"{at}-{at + len(piece) - 1}")
            if at - before < min(LEAST, len(piece)):
                raise ServiceError("UNKNOWN", "Cloud Storage has taken next to nothing of a piece")
        self.at = at

    def _put(self, content: bytes, where: str) -> int:
        """How many bytes the server has then."""
        content_range = {"Content-Range": f"bytes {where}/{self.size}"}
        answer = self._exchange(data=content, headers=content_range)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            error = error_of_answer(answer)
            raise _SessionEnded(error.code, error.message, hint=error.hint)
        if answer.status != HTTPStatus.PERMANENT_REDIRECT:
            OBJECT.read(require_success(answer))
            return self.size
        received = answer.headers.get("Range")
        if received is None:
            return 0
        last = _RANGE.fullmatch(received)
        if last is None or int(last[1]) >= self.size:
            raise answer.misfit(f"it has the Range {received[:50]!r}")
        return int(last[1]) + 1

    def _exchange(self, **content: Any) -> Answer:
        """Raises ServiceError; not from requests' exception, which has the URL."""
        try:
            answer = send_once(lambda: exchange(self.session, "PUT", self.url, **content))
        except ServiceError as error:
            words = self._hide(error.message)
            raise type(error)(error.code, words, hint=error.hint) from None
        headers = {name: self._hide(value) for name, value in answer.headers.items()}
        return Answer(
            self.request,
            answer.status,
            CaseInsensitiveDict(headers),
            self._hide(answer.text).encode(),
        )

    def _hide(self, text: str) -> str:
        """A text without the URL, and without the parts that make it a secret."""
        parts = urlsplit(self.url)
        values = (each.partition("=")[2] for each in parts.query.split("&"))
        path = "" if parts.path in self.request else parts.path
        for secret in (self.url, parts.query, *values, path):
            for form in {secret, unquote(secret), html.escape(secret)}:
                text = text.replace(form, "…") if len(form) >= SECRET else text
        return text


def download(session: GoogleSession, url: str, path: Path) -> None:
    """Write an object to a file. Raises RequestException and, for wrong bytes too, ServiceError."""
    digest = hashlib.md5(usedforsecurity=False)
    with session.get(url, params={"alt": "media"}, stream=True, timeout=TIMEOUT) as response:
        if response.status_code != HTTPStatus.OK:
            raise error_of_answer(read_answer(response))
        with open_private(path, "wb") as target:
            for piece in response.iter_content(1 << 20):
                digest.update(piece)
                target.write(piece)
    if not is_intact(response.headers, digest.digest()):
        raise ServiceError("DATA_LOSS", f"the bytes that arrived of {url} are not those kept there")


def is_intact(headers: Mapping[str, str], md5: bytes) -> bool:
    """Whether bytes with this MD5 are an object's, where its answer has the object's MD5."""
    announced = _MD5.search(headers.get("X-Goog-Hash", ""))
    return announced is None or announced[1] == base64.b64encode(md5).decode()


def _metadata(md5: bytes) -> str:
    """The object's resource."""
    return json.dumps({"md5Hash": base64.b64encode(md5).decode()})


def _upload_url(answer: Answer, url: str) -> str:
    """Where the bytes go: at the service that was asked, since credentials go there too."""
    location = answer.headers.get("Location", "")
    parts = urlsplit(url)
    if not location.startswith(f"{parts.scheme}://{parts.netloc}/"):
        raise answer.misfit("its Location is not at this service")
    return location
