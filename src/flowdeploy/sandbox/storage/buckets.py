"""Buckets."""

import json
import re
import sqlite3
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import partial_json_response
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage.errors import StorageError, bucket_not_found_error, invalid_error
from flowdeploy.sandbox.storage.tables import INSERT_BUCKET

SETTABLE = {"labels", "lifecycle", "location", "storageClass", "versioning"}
MAX_PAGE = 1000

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)


class Buckets:
    """The handlers of ``/storage/v1/b``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        one = "/storage/v1/b/{bucket}"
        return (
            web.get("/storage/v1/b", self.list_all),
            web.post("/storage/v1/b", self.create),
            web.get(one, self.get),
            web.patch(one, self.change),
            web.put(one, self.change),
            web.delete(one, self.delete),
        )

    async def list_all(self, request: web.Request) -> web.Response:
        project = request.query.get("project", "")
        if not project:
            raise StorageError(400, "required", "Required parameter: project")
        prefix = request.query.get("prefix", "")
        with self._state.read() as db:
            rows = db.execute(
                "SELECT * FROM buckets WHERE project = ? ORDER BY name", [project]
            ).fetchall()
        rows = [row for row in rows if row["name"].startswith(prefix)]
        chosen, token = take_page(rows, request.query, lambda row: row["name"], most=MAX_PAGE)
        body = {"kind": "storage#buckets", "items": [to_resource(row, request) for row in chosen]}
        return partial_json_response(request, body | ({"nextPageToken": token} if token else {}))

    async def create(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        name, project = body.get("name"), request.query.get("project", "")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise invalid_error(f"Invalid bucket name: '{name}'")
        settings = {"location": "US"} | _parse_settings(body)
        with self._state.write() as db:
            if db.execute("SELECT 1 FROM buckets WHERE name = ?", [name]).fetchone():
                text = "The requested bucket name is not available."
                raise StorageError(409, "conflict", text)
            values = (name, project, self._state.now(), json.dumps(settings))
            db.execute(INSERT_BUCKET, values)
            row = find(db, name)
        return partial_json_response(request, to_resource(row, request))

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            row = find(db, request.match_info["bucket"])
        return partial_json_response(request, to_resource(row, request))

    async def change(self, request: web.Request) -> web.Response:
        """PATCH changes the given fields; PUT also clears all others but the location."""
        name = request.match_info["bucket"]
        changes = _parse_settings(await read_json(request))
        with self._state.write() as db:
            current = json.loads(find(db, name)["body"])
            if request.method == "PUT":
                current = {"location": current["location"]}
            body = current | changes
            body = {key: value for key, value in body.items() if value is not None}
            db.execute("UPDATE buckets SET body = ? WHERE name = ?", (json.dumps(body), name))
            row = find(db, name)
        return partial_json_response(request, to_resource(row, request))

    async def delete(self, request: web.Request) -> web.Response:
        name = request.match_info["bucket"]
        with self._state.write() as db:
            find(db, name)
            if db.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", [name]).fetchone():
                raise StorageError(409, "conflict", "The bucket you tried to delete is not empty.")
            db.execute("DELETE FROM buckets WHERE name = ?", [name])
        return web.Response(status=204)


def find(db: sqlite3.Connection, name: str) -> sqlite3.Row:
    """Find the bucket's row. Raises StorageError 404."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM buckets WHERE name = ?", [name]).fetchone()
    if row is None:
        raise bucket_not_found_error()
    return row


def to_resource(row: sqlite3.Row, request: web.Request) -> dict[str, Any]:
    """The bucket in the API's format."""
    name = row["name"]
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "selfLink": f"{request.scheme}://{request.host}/storage/v1/b/{name}",
        "timeCreated": to_rfc3339(row["created"]),
        "updated": to_rfc3339(row["created"]),
        "metageneration": "1",
        "etag": "CAE=",
        "storageClass": "STANDARD",
        "locationType": "multi-region",
        **json.loads(row["body"]),
    }


def _parse_settings(body: dict[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in body.items() if key in SETTABLE}
    for key, value in settings.items():
        kind = str if key in ("location", "storageClass") else dict
        if value is not None and not isinstance(value, kind):
            raise invalid_error(f"Invalid value for: {key}")
    return settings
