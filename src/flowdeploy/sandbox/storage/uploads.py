"""Uploads: media, multipart and resumable.

Source: "Uploads" in the guides of the Cloud Storage JSON API. The progress of a resumable
upload is the size of its file, so the upload can be resumed after a restart.
"""

import asyncio
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

from flowdeploy.sandbox.blobs import CHUNK, Blob
from flowdeploy.sandbox.google_api.request_body import parse_object, read_json
from flowdeploy.sandbox.google_api.responses import json_response, partial_json_response
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage import buckets
from flowdeploy.sandbox.storage.errors import StorageError, invalid_error
from flowdeploy.sandbox.storage.multipart import MultipartBody, parse_boundary
from flowdeploy.sandbox.storage.objects import (
    ObjectContent,
    find_or_none,
    parse_settings,
    store,
    to_base64,
    to_resource,
)
from flowdeploy.sandbox.storage.preconditions import check_write

CONDITIONS = (
    *("ifGenerationMatch", "ifGenerationNotMatch"),
    *("ifMetagenerationMatch", "ifMetagenerationNotMatch"),
)

_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class UploadIntent:
    """The object that an upload will create; ``hashes`` are the expected digests in base64."""

    name: str
    body: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


class Uploads:
    """The handlers of ``/upload`` and ``/resumable/upload``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        for prefix in ("/upload", "/resumable/upload"):
            path = f"{prefix}/storage/v1/b/{{bucket}}/o"
            yield web.post(path, self.create)
            yield web.put(path, self.resume)

    async def create(self, request: web.Request) -> web.Response:
        bucket = request.match_info["bucket"]
        with self._state.read() as db:
            buckets.find(db, bucket)
        match request.query.get("uploadType"):
            case "media":
                return await self._upload_media(request, bucket)
            case "multipart":
                return await self._upload_multipart(request, bucket)
            case "resumable":
                return await self._start_resumable(request, bucket)
            case other:
                raise invalid_error(f"Invalid upload type: {other}")

    async def resume(self, request: web.Request) -> web.Response:
        """Receive the bytes of a resumable upload, in one or several requests."""
        number = request.query.get("upload_id", "")
        # After a timeout a client may send again while the first request still runs.
        async with self._locks.setdefault(number, asyncio.Lock()):
            return await self._resume(request, number)

    async def _resume(self, request: web.Request, number: str) -> web.Response:
        with self._state.read() as db:
            row = db.execute("SELECT * FROM uploads WHERE id = ?", [number]).fetchone()
        if row is None:
            raise StorageError(404, "notFound", "No such upload.")
        if row["finished"] is not None:
            return json_response(json.loads(row["finished"]))
        file = self._state.blobs.incoming_path(number)
        if not file.exists():
            raise StorageError(410, "gone", "The upload was interrupted as it ended; start again.")
        total = await _append(request, file)
        size = file.stat().st_size
        if total is None or size < total:
            return _incomplete_response(size)
        blob = await asyncio.to_thread(self._state.blobs.adopt, file)
        return self._finish(request, row, blob)

    def _finish(self, request: web.Request, row: sqlite3.Row, blob: Blob) -> web.Response:
        intent = UploadIntent(**json.loads(row["intent"]))
        with self._state.write() as db:
            resource = to_resource(self._write_object(db, row["bucket"], intent, blob), request)
            db.execute(
                "UPDATE uploads SET finished = ? WHERE id = ?", (json.dumps(resource), row["id"])
            )
        return partial_json_response(request, resource)

    async def _upload_media(self, request: web.Request, bucket: str) -> web.Response:
        described = {"contentType": request.headers.get("Content-Type")}
        intent = _parse_intent(request, {k: v for k, v in described.items() if v})
        blob = await self._state.blobs.receive(request.content.iter_chunked(CHUNK))
        return self._store_blob(request, bucket, intent, blob)

    async def _upload_multipart(self, request: web.Request, bucket: str) -> web.Response:
        boundary = parse_boundary(request.headers.get("Content-Type", ""))
        body = MultipartBody(request.content.iter_chunked(CHUNK), boundary)
        await body.read_head()
        described = parse_object(body.description)
        if body.content_type:
            described.setdefault("contentType", body.content_type)
        intent = _parse_intent(request, described)
        blob = await self._state.blobs.receive(body.content())
        return self._store_blob(request, bucket, intent, blob)

    async def _start_resumable(self, request: web.Request, bucket: str) -> web.Response:
        described = await read_json(request)
        announced = request.headers.get("X-Upload-Content-Type")
        if announced:
            described.setdefault("contentType", announced)
        intent = _parse_intent(request, described)
        number = uuid.uuid4().hex
        self._state.blobs.incoming_path(number).touch(0o600)
        with self._state.write() as db:
            check_write(intent.conditions, find_or_none(db, bucket, intent.name))
            values = (number, bucket, json.dumps(asdict(intent)))
            db.execute("INSERT INTO uploads (id, bucket, intent) VALUES (?, ?, ?)", values)
        location = request.url.update_query(upload_id=number)
        headers = {"Location": str(location), "X-GUploader-UploadID": number}
        return web.Response(headers=headers)

    def _store_blob(
        self, request: web.Request, bucket: str, intent: UploadIntent, blob: Blob
    ) -> web.Response:
        with self._state.write() as db:
            row = self._write_object(db, bucket, intent, blob)
        return partial_json_response(request, to_resource(row, request))

    def _write_object(
        self, db: sqlite3.Connection, bucket: str, intent: UploadIntent, blob: Blob
    ) -> sqlite3.Row:
        _check_hashes(intent.hashes, blob)
        key = (bucket, intent.name)
        check_write(intent.conditions, find_or_none(db, *key))
        return store(db, key, ObjectContent.of_blob(blob), intent.body, self._state.now())


def _parse_intent(request: web.Request, described: dict[str, Any]) -> UploadIntent:
    name = request.query.get("name") or described.get("name")
    if not isinstance(name, str) or not name:
        raise StorageError(400, "required", "Required parameter: name")
    conditions = {k: request.query[k] for k in CONDITIONS if k in request.query}
    return UploadIntent(
        name, parse_settings(described), conditions, _parse_hashes(described, request.headers)
    )


def _parse_hashes(described: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The digests that the client expects, by the names ``md5`` and ``crc32c``."""
    found = {"md5": described.get("md5Hash"), "crc32c": described.get("crc32c")}
    for item in headers.get("X-Goog-Hash", "").split(","):
        name, _, digest = item.strip().partition("=")
        found[name] = digest
    return {name: str(found[name]) for name in ("md5", "crc32c") if found.get(name)}


def _check_hashes(hashes: Mapping[str, str], blob: Blob) -> None:
    for name, digest in (("md5", blob.md5), ("crc32c", blob.crc32c)):
        expected = hashes.get(name)
        found = to_base64(digest)
        if expected is not None and expected != found:
            raise invalid_error(
                f'Provided {name.upper()} hash "{expected}" doesn\'t match calculated '
                f'{name.upper()} hash "{found}".'
            )


async def _append(request: web.Request, file: Path) -> int | None:
    """Write the request's bytes to the file; the total size of the upload, if known.

    Bytes that are already there are overwritten. Raises StorageError 400 for a gap.
    """
    header = request.headers.get("Content-Range")
    found = _RANGE.fullmatch(header) if header else None
    if header and found is None:
        raise invalid_error(f"Failed to parse Content-Range header: {header}")
    size = file.stat().st_size
    start = int(found[1] or size) if found else 0
    if start > size:
        raise invalid_error(f"Invalid request. The upload has {size} bytes; got some at {start}.")
    with file.open("r+b") as target:
        target.seek(start)
        async for chunk in request.content.iter_chunked(CHUNK):
            target.write(chunk)
    if found is None:
        return file.stat().st_size
    return None if found[3] == "*" else int(found[3])


def _incomplete_response(size: int) -> web.Response:
    """308 with the range that has been received."""
    headers = {"Range": f"bytes=0-{size - 1}"} if size else {}
    return web.Response(status=308, headers=headers)
