"""Buckets."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import read_json, reply
from flowdeploy.sandbox.paging import page
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage.refusals import StorageError, bad_request, no_bucket
from flowdeploy.sandbox.storage.tables import INSERT_BUCKET
from flowdeploy.sandbox.times import rfc3339

SETTABLE = {"labels", "lifecycle", "location", "storageClass", "versioning"}
MOST_LISTED = 1000

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)


class Buckets:
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
        chosen, token = page(rows, request.query, lambda row: row["name"], most=MOST_LISTED)
        body = {"kind": "storage#buckets", "items": [as_resource(row, request) for row in chosen]}
        return reply(request, body | ({"nextPageToken": token} if token else {}))

    async def create(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        name, project = body.get("name"), request.query.get("project", "")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise bad_request(f"Invalid bucket name: '{name}'")
        settings = {"location": "US"} | _settings(body)
        with self._state.write() as db:
            if db.execute("SELECT 1 FROM buckets WHERE name = ?", [name]).fetchone():
                text = "The requested bucket name is not available."
                raise StorageError(409, "conflict", text)
            values = (name, project, self._state.now(), json.dumps(settings))
            db.execute(INSERT_BUCKET, values)
            row = find(db, name)
        return reply(request, as_resource(row, request))

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            row = find(db, request.match_info["bucket"])
        return reply(request, as_resource(row, request))

    async def change(self, request: web.Request) -> web.Response:
        """PATCH changes what it names; PUT clears the rest, too, but where the bucket is."""
        name = request.match_info["bucket"]
        changes = _settings(await read_json(request))
        with self._state.write() as db:
            kept = json.loads(find(db, name)["body"])
            if request.method == "PUT":
                kept = {"location": kept["location"]}
            body = kept | changes
            body = {key: value for key, value in body.items() if value is not None}
            db.execute("UPDATE buckets SET body = ? WHERE name = ?", (json.dumps(body), name))
            row = find(db, name)
        return reply(request, as_resource(row, request))

    async def delete(self, request: web.Request) -> web.Response:
        name = request.match_info["bucket"]
        with self._state.write() as db:
            find(db, name)
            if db.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", [name]).fetchone():
                raise StorageError(409, "conflict", "The bucket you tried to delete is not empty.")
            db.execute("DELETE FROM buckets WHERE name = ?", [name])
        return web.Response(status=204)


def find(db: sqlite3.Connection, name: str) -> sqlite3.Row:
    """The bucket's row. Raises StorageError 404."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM buckets WHERE name = ?", [name]).fetchone()
    if row is None:
        raise no_bucket()
    return row


def as_resource(row: sqlite3.Row, request: web.Request) -> dict[str, Any]:
    name = row["name"]
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "selfLink": f"{request.scheme}://{request.host}/storage/v1/b/{name}",
        "timeCreated": rfc3339(row["created"]),
        "updated": rfc3339(row["created"]),
        "metageneration": "1",
        "etag": "CAE=",
        "storageClass": "STANDARD",
        "locationType": "multi-region",
        **json.loads(row["body"]),
    }


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in body.items() if key in SETTABLE}
    for key, value in settings.items():
        kind = str if key in ("location", "storageClass") else dict
        if value is not None and not isinstance(value, kind):
            raise bad_request(f"Invalid value for: {key}")
    return settings
