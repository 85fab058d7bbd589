"""Objects: get, list, download, change, delete and store."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from aiohttp import web

from flowdeploy.sandbox.blobs import Blob
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import partial_json_response
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage import buckets, content
from flowdeploy.sandbox.storage.content import BlobPart
from flowdeploy.sandbox.storage.errors import StorageError, invalid_error, object_not_found_error
from flowdeploy.sandbox.storage.listing import list_objects
from flowdeploy.sandbox.storage.preconditions import check_read, check_write, parse_number

TEXT_FIELDS = {
    *("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage"),
    *("contentType", "storageClass"),
}
MAX_NAME = 1024


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """The content of a new object; digests are in hex.

    ``components`` is the number of parts of a composed object, and None for an upload.
    """

    parts: tuple[BlobPart, ...]
    size: int
    crc32c: str
    sha1: str | None
    md5: str | None
    components: int | None = None

    @classmethod
    def of_blob(cls, blob: Blob) -> ObjectContent:
        return cls((BlobPart(blob.key, blob.size),), blob.size, blob.crc32c, blob.sha1, blob.md5)

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> ObjectContent:
        names = ("size", "crc32c", "sha1", "md5", "components")
        return cls(content.parse_parts(row["parts"]), **{name: row[name] for name in names})


class Objects:
    """The handlers of ``/storage/v1/b/…/o``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        one = "/storage/v1/b/{bucket}/o/{object:.+}"
        return (
            web.get("/storage/v1/b/{bucket}/o", self.list_all),
            web.get(one, self.get),
            web.get("/download/storage/v1/b/{bucket}/o/{object:.+}", self.download),
            web.patch(one, self.change),
            web.put(one, self.change),
            web.delete(one, self.delete),
        )

    async def list_all(self, request: web.Request) -> web.Response:
        bucket = request.match_info["bucket"]
        with self._state.read() as db:
            buckets.find(db, bucket)
            found = list_objects(db, bucket, request.query)
        body: dict[str, Any] = {"kind": "storage#objects"}
        if found.prefixes:
            body["prefixes"] = list(found.prefixes)
        if found.rows:
            body["items"] = [to_resource(row, request) for row in found.rows]
        if found.token:
            body["nextPageToken"] = found.token
        return partial_json_response(request, body)

    async def get(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") == "media":
            return await self.download(request)
        return partial_json_response(request, to_resource(self._row(request), request))

    async def download(self, request: web.Request) -> web.StreamResponse:
        row = self._row(request)
        start, stop = _range(request, row["size"])
        partly = "Range" in request.headers
        headers = _media_headers(row)
        if partly:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{row['size']}"
        response = web.StreamResponse(status=206 if partly else 200, headers=headers)
        response.content_length = stop - start
        await response.prepare(request)
        parts = content.parse_parts(row["parts"])
        if request.method != "HEAD":
            for chunk in content.read_range(self._state.blobs, parts, start, stop):
                await response.write(chunk)
        await response.write_eof()
        return response

    async def change(self, request: web.Request) -> web.Response:
        """PATCH changes the given fields; PUT also clears all others."""
        changes = parse_settings(await read_json(request))
        key = (request.match_info["bucket"], request.match_info["object"])
        with self._state.write() as db:
            row = find(db, *key, request.query)
            check_write(request.query, row)
            current = json.loads(row["body"]) if request.method == "PATCH" else {}
            body = current | changes
            body = {name: value for name, value in body.items() if value is not None}
            db.execute(
                "UPDATE objects SET body = ?, metageneration = metageneration + 1, updated = ?"
                " WHERE bucket = ? AND name = ?",
                (json.dumps(body), self._state.now(), *key),
            )
            row = find(db, *key, request.query)
        return partial_json_response(request, to_resource(row, request))

    async def delete(self, request: web.Request) -> web.Response:
        key = (request.match_info["bucket"], request.match_info["object"])
        with self._state.write() as db:
            check_write(request.query, find(db, *key, request.query))
            db.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", key)
        return web.Response(status=204)

    def _row(self, request: web.Request) -> sqlite3.Row:
        key = (request.match_info["bucket"], request.match_info["object"])
        with self._state.read() as db:
            row = find(db, *key, request.query)
        check_read(request.query, row)
        return row


def find_or_none(db: sqlite3.Connection, bucket: str, name: str) -> sqlite3.Row | None:
    """The object's row, or None. Raises StorageError 404 if there is no such bucket."""
    buckets.find(db, bucket)
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM objects WHERE bucket = ? AND name = ?", (bucket, name)
    ).fetchone()
    return row


def find(db: sqlite3.Connection, bucket: str, name: str, query: Mapping[str, str]) -> sqlite3.Row:
    """The object's row, of the requested generation if any. Raises StorageError 404."""
    row = find_or_none(db, bucket, name)
    wanted = query.get("generation")
    if row is None or (wanted and parse_number(wanted, "generation") != row["generation"]):
        raise object_not_found_error(bucket, name)
    return row


def store(
    db: sqlite3.Connection,
    key: tuple[str, str],
    data: ObjectContent,
    body: Mapping[str, Any],
    now: float,
) -> sqlite3.Row:
    """Store an object and replace a previous one; the new row. Raises StorageError."""
    if not 0 < len(key[1].encode()) <= MAX_NAME or set(key[1]) & {"\r", "\n"}:
        raise invalid_error("The specified object name is not valid.")
    previous = find_or_none(db, *key)
    generation = max(int(now * 1e6), previous["generation"] + 1 if previous else 0)
    db.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *key,
            generation,
            now,
            now,
            content.format_parts(data.parts),
            data.size,
            data.crc32c,
            data.sha1,
            data.md5,
            data.components,
            json.dumps(body),
        ),
    )
    return find(db, *key, {})


def parse_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a client may set. Raises StorageError 400 for values of other types."""
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name in TEXT_FIELDS and not _is_plain_text(value):
            raise invalid_error(f"Invalid value for: {name}")
        if name == "metadata" and not _is_text_map(value):
            raise invalid_error("Invalid value for: metadata")
        if name in TEXT_FIELDS or name == "metadata":
            found[name] = value
    return found


def to_resource(row: sqlite3.Row, request: web.Request) -> dict[str, Any]:
    """The object in the API's format."""
    bucket, name, generation = row["bucket"], row["name"], row["generation"]
    path = f"storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    base = f"{request.scheme}://{request.host}"
    derived: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{generation}",
        "selfLink": f"{base}/{path}",
        "mediaLink": f"{base}/download/{path}?generation={generation}&alt=media",
        "name": name,
        "bucket": bucket,
        "generation": str(generation),
        "metageneration": str(row["metageneration"]),
        "size": str(row["size"]),
        "crc32c": to_base64(row["crc32c"]),
        "etag": _etag(row),
        "timeCreated": to_rfc3339(row["created"]),
        "updated": to_rfc3339(row["updated"]),
        "timeStorageClassUpdated": to_rfc3339(row["created"]),
        "storageClass": "STANDARD",
    }
    if row["md5"] is not None:
        derived["md5Hash"] = to_base64(row["md5"])
    if row["components"] is not None:
        derived["componentCount"] = row["components"]
    return {**derived, **json.loads(row["body"])}


def to_base64(digest: str) -> str:
    """A hex digest in base64."""
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _is_plain_text(value: object) -> bool:
    # The text may become a response header, which must not have control characters.
    return value is None or (isinstance(value, str) and value.isprintable())


def _is_text_map(value: object) -> bool:
    return value is None or (
        isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    )


def _etag(row: sqlite3.Row) -> str:
    return base64.b64encode(f"{row['generation']}/{row['metageneration']}".encode()).decode()


def _media_headers(row: sqlite3.Row) -> dict[str, str]:
    body = json.loads(row["body"])
    hashes = [f"crc32c={to_base64(row['crc32c'])}"]
    if row["md5"] is not None:
        hashes.append(f"md5={to_base64(row['md5'])}")
    return {
        "Content-Type": body.get("contentType", "application/octet-stream"),
        "ETag": _etag(row),
        "Accept-Ranges": "bytes",
        "X-Goog-Hash": ",".join(hashes),
        "Last-Modified": formatdate(row["updated"], usegmt=True),
        "X-Goog-Generation": str(row["generation"]),
        "X-Goog-Metageneration": str(row["metageneration"]),
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Length": str(row["size"]),
    }


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """The requested range, as start and stop. Raises StorageError 416."""
    try:
        wanted = request.http_range
    except ValueError:
        raise _range_error() from None
    start, stop, _ = wanted.indices(size)
    if "Range" in request.headers and start >= stop:
        raise _range_error()
    return start, stop


def _range_error() -> StorageError:
    text = "The requested range cannot be satisfied."
    return StorageError(416, "requestedRangeNotSatisfiable", text)
