"""The Datastore Admin API, version 1: composite indexes, which are built in a while.

Source: the API reference. Indexes are never changed, and each exists once.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, list_response, read_json, resource_response
from flowdeploy.sandbox.errors import ApiError, invalid, not_found
from flowdeploy.sandbox.messages import STRING, Message, Repeated, enum, read
from flowdeploy.sandbox.paging import page
from flowdeploy.sandbox.rehearsal import REHEARSAL
from flowdeploy.sandbox.serviceusage import region_of
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.times import rfc3339

# `body` is canonical JSON, so that equal definitions are equal texts.
SCHEMA = """
CREATE TABLE IF NOT EXISTS indexes (
  project TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
  created REAL NOT NULL, ready REAL NOT NULL,
  PRIMARY KEY (project, id), UNIQUE (project, body)
) WITHOUT ROWID
"""

API = "datastore.googleapis.com"
TYPES = "type.googleapis.com/google.datastore.admin.v1."
STATE = enum("datastore.admin.v1.Index.State", "STATE_UNSPECIFIED CREATING READY DELETING ERROR")
ANCESTOR = enum(
    "datastore.admin.v1.Index.AncestorMode", "ANCESTOR_MODE_UNSPECIFIED NONE ALL_ANCESTORS"
)
DIRECTION = enum("datastore.admin.v1.Index.Direction", "DIRECTION_UNSPECIFIED ASCENDING DESCENDING")
INDEX = Message(
    "GoogleDatastoreAdminV1Index",
    {
        "ancestor": ANCESTOR,
        "indexId": STRING,
        "kind": STRING,
        "projectId": STRING,
        "properties": Repeated(
            Message(
                "GoogleDatastoreAdminV1IndexedProperty", {"direction": DIRECTION, "name": STRING}
            )
        ),
        "state": STATE,
    },
    output_only=frozenset({"indexId", "projectId", "state"}),
)


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    indexes = Indexes(state)
    all_of_them = "/v1/projects/{project}/indexes"
    return (
        web.get(all_of_them, indexes.list_all),
        web.post(all_of_them, indexes.create),
        web.get(f"{all_of_them}/{{index}}", indexes.get),
        web.delete(f"{all_of_them}/{{index}}", indexes.delete),
        web.get("/v1/projects/{project}/operations/{index}", indexes.get_operation),
    )


class Indexes:
    def __init__(self, state: State) -> None:
        self._state = state

    async def list_all(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        with self._state.read() as db:
            region_of(db, project, API)
            rows = db.execute(
                "SELECT * FROM indexes WHERE project = ? ORDER BY id", [project]
            ).fetchall()
        chosen, token = page(rows, request.query, lambda row: row["id"])
        items = [self._resource(row) for row in chosen]
        return list_response(request, "indexes", INDEX, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            return resource_response(request, INDEX, self._resource(_named(db, request)))

    async def create(self, request: web.Request) -> web.Response:
        body = read(INDEX, await read_json(request), "index")
        _check(body)
        project = request.match_info["project"]
        text = json.dumps(body, sort_keys=True)
        now = self._state.now()
        ready = now + request.app[REHEARSAL].settings.index_seconds
        with self._state.write() as db:
            region_of(db, project, API)
            known = "SELECT 1 FROM indexes WHERE project = ? AND body = ?"
            if db.execute(known, (project, text)).fetchone():
                raise ApiError("ALREADY_EXISTS", "index already exists")
            values = (project, uuid.uuid4().hex[:16], text, now, ready)
            db.execute("INSERT INTO indexes VALUES (?, ?, ?, ?, ?)", values)
            row = _find(db, project, values[1])
        return json_response(self._operation(row))

    async def delete(self, request: web.Request) -> web.Response:
        with self._state.write() as db:
            row = _named(db, request)
            key = (row["project"], row["id"])
            db.execute("DELETE FROM indexes WHERE project = ? AND id = ?", key)
        return json_response({**self._operation(row), "done": True})

    async def get_operation(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            return json_response(self._operation(_named(db, request)))

    def _resource(self, row: sqlite3.Row) -> dict[str, Any]:
        state = "READY" if self._is_ready(row) else "CREATING"
        body = json.loads(row["body"])
        return {**body, "projectId": row["project"], "indexId": row["id"], "state": state}

    def _operation(self, row: sqlite3.Row) -> dict[str, Any]:
        """The operation that builds the index; it has the index's id."""
        common = {
            "startTime": rfc3339(row["created"]),
            "operationType": "CREATE_INDEX",
            "state": "SUCCESSFUL" if self._is_ready(row) else "PROCESSING",
        }
        operation = {
            "name": f"projects/{row['project']}/operations/{row['id']}",
            "metadata": {
                "@type": TYPES + "IndexOperationMetadata",
                "common": common,
                "indexId": row["id"],
            },
        }
        if not self._is_ready(row):
            return operation
        response = {"@type": TYPES + "Index", **self._resource(row)}
        return {**operation, "done": True, "response": response}

    def _is_ready(self, row: sqlite3.Row) -> bool:
        return bool(row["ready"] <= self._state.now())


def _find(db: sqlite3.Connection, project: str, index: str) -> sqlite3.Row:
    """Raises ApiError NOT_FOUND, and where the API is switched off."""
    region_of(db, project, API)
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM indexes WHERE project = ? AND id = ?", (project, index)
    ).fetchone()
    if row is None:
        raise not_found(f"no such index: {index}")
    return row


def _named(db: sqlite3.Connection, request: web.Request) -> sqlite3.Row:
    return _find(db, request.match_info["project"], request.match_info["index"])


def _check(index: dict[str, Any]) -> None:
    if not index.get("kind") or not index.get("properties"):
        raise invalid("An index has a kind and at least one property.", "index")
    for item in index["properties"]:
        if not item.get("name") or "direction" not in item:
            raise invalid("A property of an index has a name and a direction.", "index.properties")
    index.setdefault("ancestor", "NONE")
