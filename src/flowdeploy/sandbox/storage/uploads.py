"""Uploads: media, multipart and resumable.

Source: "Uploads" in the guides of the Cloud Storage JSON API. A resumable upload's state
is the length of its file, so it can go on after a restart from wherever it came to.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, parse_object, read_json, reply
from flowdeploy.sandbox.blobs import CHUNK, Blob
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage import buckets
from flowdeploy.sandbox.storage.conditions import check_write
from flowdeploy.sandbox.storage.multipart import Multipart, boundary_of
from flowdeploy.sandbox.storage.objects import Content, as_resource, look, put, settings
from flowdeploy.sandbox.storage.refusals import StorageError, bad_request

CONDITIONS = (
    *("ifGenerationMatch", "ifGenerationNotMatch"),
    *("ifMetagenerationMatch", "ifMetagenerationNotMatch"),
)

_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Intent:
    """What an upload is to become; ``hashes`` are the base64 ones that its bytes must have."""

    name: str
    body: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


class Uploads:
    def __init__(self, state: State) -> None:
        self._state = state
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        for prefix in ("/upload", "/resumable/upload"):
            path = f"{prefix}/storage/v1/b/{{bucket}}/o"
            yield web.post(path, self.create)
            yield web.put(path, self.go_on)

    async def create(self, request: web.Request) -> web.Response:
        bucket = request.match_info["bucket"]
        with self._state.read() as db:
            buckets.find(db, bucket)
        match request.query.get("uploadType"):
            case "media":
                return await self._media(request, bucket)
            case "multipart":
                return await self._multipart(request, bucket)
            case "resumable":
                return await self._begin(request, bucket)
            case other:
                raise bad_request(f"Invalid upload type: {other}")

    async def go_on(self, request: web.Request) -> web.Response:
        """The bytes of a resumable upload, in one piece or several."""
        number = request.query.get("upload_id", "")
        # A client that has lost patience may send again while the first call is at work.
        async with self._locks.setdefault(number, asyncio.Lock()):
            return await self._go_on(request, number)

    async def _go_on(self, request: web.Request, number: str) -> web.Response:
        with self._state.read() as db:
            row = db.execute("SELECT * FROM uploads WHERE id = ?", [number]).fetchone()
        if row is None:
            raise StorageError(404, "notFound", "No such upload.")
        if row["finished"] is not None:
            return json_response(json.loads(row["finished"]))
        file = self._state.blobs.incoming(number)
        if not file.exists():
            raise StorageError(410, "gone", "The upload was cut off at its end; begin it again.")
        total = await _append(request, file)
        size = file.stat().st_size
        if total is None or size < total:
            return _incomplete(size)
        blob = await asyncio.to_thread(self._state.blobs.adopt, file)
        return self._finish(request, row, blob)

    def _finish(self, request: web.Request, row: sqlite3.Row, blob: Blob) -> web.Response:
        intent = Intent(**json.loads(row["intent"]))
        with self._state.write() as db:
            resource = as_resource(self._place(db, row["bucket"], intent, blob), request)
            db.execute(
                "UPDATE uploads SET finished = ? WHERE id = ?", (json.dumps(resource), row["id"])
            )
        return reply(request, resource)

    async def _media(self, request: web.Request, bucket: str) -> web.Response:
        described = {"contentType": request.headers.get("Content-Type")}
        intent = _intent(request, {k: v for k, v in described.items() if v})
        blob = await self._state.blobs.receive(request.content.iter_chunked(CHUNK))
        return self._answer(request, bucket, intent, blob)

    async def _multipart(self, request: web.Request, bucket: str) -> web.Response:
        boundary = boundary_of(request.headers.get("Content-Type", ""))
        body = Multipart(request.content.iter_chunked(CHUNK), boundary)
        await body.read_head()
        described = parse_object(body.description)
        if body.content_type:
            described.setdefault("contentType", body.content_type)
        intent = _intent(request, described)
        blob = await self._state.blobs.receive(body.content())
        return self._answer(request, bucket, intent, blob)

    async def _begin(self, request: web.Request, bucket: str) -> web.Response:
        described = await read_json(request)
        announced = request.headers.get("X-Upload-Content-Type")
        if announced:
            described.setdefault("contentType", announced)
        intent = _intent(request, described)
        number = uuid.uuid4().hex
        self._state.blobs.incoming(number).touch()
        with self._state.write() as db:
            check_write(intent.conditions, look(db, bucket, intent.name))
            values = (number, bucket, json.dumps(asdict(intent)))
            db.execute("INSERT INTO uploads (id, bucket, intent) VALUES (?, ?, ?)", values)
        location = request.url.update_query(upload_id=number)
        headers = {"Location": str(location), "X-GUploader-UploadID": number}
        return web.Response(headers=headers)

    def _answer(
        self, request: web.Request, bucket: str, intent: Intent, blob: Blob
    ) -> web.Response:
        with self._state.write() as db:
            row = self._place(db, bucket, intent, blob)
        return reply(request, as_resource(row, request))

    def _place(
        self, db: sqlite3.Connection, bucket: str, intent: Intent, blob: Blob
    ) -> sqlite3.Row:
        _check_hashes(intent.hashes, blob)
        key = (bucket, intent.name)
        check_write(intent.conditions, look(db, *key))
        return put(db, key, Content.of_blob(blob), intent.body, self._state.now())


def _intent(request: web.Request, described: dict[str, Any]) -> Intent:
    name = request.query.get("name") or described.get("name")
    if not isinstance(name, str) or not name:
        raise StorageError(400, "required", "Required parameter: name")
    conditions = {k: request.query[k] for k in CONDITIONS if k in request.query}
    return Intent(name, settings(described), conditions, _hashes(described, request.headers))


def _hashes(described: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The digests that the client announces, by the names ``md5`` and ``crc32c``."""
    found = {"md5": described.get("md5Hash"), "crc32c": described.get("crc32c")}
    for item in headers.get("X-Goog-Hash", "").split(","):
        name, _, digest = item.strip().partition("=")
        found[name] = digest
    return {name: str(found[name]) for name in ("md5", "crc32c") if found.get(name)}


def _check_hashes(hashes: Mapping[str, str], blob: Blob) -> None:
    for name, digest in (("md5", blob.md5), ("crc32c", blob.crc32c)):
        expected = hashes.get(name)
        found = base64.b64encode(bytes.fromhex(digest)).decode()
        if expected is not None and expected != found:
            raise bad_request(
                f'Provided {name.upper()} hash "{expected}" doesn\'t match calculated '
                f'{name.upper()} hash "{found}".'
            )


async def _append(request: web.Request, file: Path) -> int | None:
    """Add the request's bytes to the file; the announced length of the whole, if any.

    Bytes that are there already are passed over. Raises StorageError 400 for a gap.
    """
    header = request.headers.get("Content-Range")
    found = _RANGE.fullmatch(header) if header else None
    if header and found is None:
        raise bad_request(f"Failed to parse Content-Range header: {header}")
    size = file.stat().st_size
    start = int(found[1] or size) if found else 0
    if start > size:
        raise bad_request(f"Invalid request. The upload has {size} bytes; got some at {start}.")
    with file.open("r+b") as target:
        target.seek(start)
        async for chunk in request.content.iter_chunked(CHUNK):
            target.write(chunk)
    if found is None:
        return file.stat().st_size
    return None if found[3] == "*" else int(found[3])


def _incomplete(size: int) -> web.Response:
    """308 says how far it has come."""
    headers = {"Range": f"bytes=0-{size - 1}"} if size else {}
    return web.Response(status=308, headers=headers)
