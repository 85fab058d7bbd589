"""The Datastore Admin API, version 1: composite indexes, which take ``index_seconds`` to build.

Source: the API reference. Indexes are immutable, and there is only one for a definition.
Operation faults apply with the method ``CreateIndex`` and the target
``projects/P/indexes/KIND``: the index then stays CREATING, or ends in the state ERROR.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.faults import FAULTS, OPERATION_KINDS, FaultKind, Occasion
from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument, not_found
from flowdeploy.sandbox.google_api.messages import (
    STRING,
    ListOf,
    MessageType,
    define_enum,
    parse_message,
)
from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response, list_response, resource_response
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339
from flowdeploy.sandbox.service_usage import find_location
from flowdeploy.sandbox.state import State

# `body` is canonical JSON: equal definitions have equal bodies.
SCHEMA = """
CREATE TABLE IF NOT EXISTS indexes (
  project TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
  created REAL NOT NULL, ready REAL NOT NULL,
  PRIMARY KEY (project, id), UNIQUE (project, body)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed_indexes (
  project TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (project, id)
) WITHOUT ROWID
"""
SELECT = """
SELECT indexes.*, failed_indexes.id IS NOT NULL AS failed
FROM indexes LEFT JOIN failed_indexes USING (project, id)
"""
FOR_EVER = 1e12  # seconds

FAILURE = ApiError("INTERNAL", "An internal error occurred.")
API = "datastore.googleapis.com"
TYPES = "type.googleapis.com/google.datastore.admin.v1."
STATE = define_enum(
    "datastore.admin.v1.Index.State", "STATE_UNSPECIFIED CREATING READY DELETING ERROR"
)
ANCESTOR = define_enum(
    "datastore.admin.v1.Index.AncestorMode", "ANCESTOR_MODE_UNSPECIFIED NONE ALL_ANCESTORS"
)
DIRECTION = define_enum(
    "datastore.admin.v1.Index.Direction", "DIRECTION_UNSPECIFIED ASCENDING DESCENDING"
)
INDEX = MessageType(
    "GoogleDatastoreAdminV1Index",
    {
        "ancestor": ANCESTOR,
        "indexId": STRING,
        "kind": STRING,
        "projectId": STRING,
        "properties": ListOf(
            MessageType(
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
    """The handlers of ``/v1/projects/…/indexes``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def list_all(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        with self._state.read() as db:
            find_location(db, project, API)
            rows = db.execute(f"{SELECT} WHERE project = ? ORDER BY id", [project]).fetchall()
        chosen, token = take_page(rows, request.query, lambda row: row["id"])
        items = [self._resource(row) for row in chosen]
        return list_response(request, "indexes", INDEX, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            return resource_response(request, INDEX, self._resource(_find_requested(db, request)))

    async def create(self, request: web.Request) -> web.Response:
        body = parse_message(INDEX, await read_json(request), "index")
        _check(body)
        project = request.match_info["project"]
        text = json.dumps(body, sort_keys=True)
        injector, now = request.app[FAULTS], self._state.now()
        with self._state.write() as db:
            find_location(db, project, API)
            known = "SELECT 1 FROM indexes WHERE project = ? AND body = ?"
            if db.execute(known, (project, text)).fetchone():
                raise ApiError("ALREADY_EXISTS", "index already exists")
            fate = injector.take_fault(OPERATION_KINDS, _fault_occasion(project, body["kind"]))
            takes = (
                FOR_EVER if fate is FaultKind.OPERATION_STUCK else injector.settings.index_seconds
            )
            values = (project, uuid.uuid4().hex[:16], text, now, now + takes)
            db.execute("INSERT INTO indexes VALUES (?, ?, ?, ?, ?)", values)
            if fate is FaultKind.OPERATION_ERROR:
                db.execute("INSERT INTO failed_indexes VALUES (?, ?)", values[:2])
            row = _find(db, project, values[1])
        return json_response(self._operation(row))

    async def delete(self, request: web.Request) -> web.Response:
        with self._state.write() as db:
            row = _find_requested(db, request)
            key = (row["project"], row["id"])
            db.execute("DELETE FROM indexes WHERE project = ? AND id = ?", key)
            db.execute("DELETE FROM failed_indexes WHERE project = ? AND id = ?", key)
        return json_response({**self._operation(row), "done": True})

    async def get_operation(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            return json_response(self._operation(_find_requested(db, request)))

    def _resource(self, row: sqlite3.Row) -> dict[str, Any]:
        built = "ERROR" if row["failed"] else "READY"
        state = built if self._is_built(row) else "CREATING"
        body = json.loads(row["body"])
        return {**body, "projectId": row["project"], "indexId": row["id"], "state": state}

    def _operation(self, row: sqlite3.Row) -> dict[str, Any]:
        """The operation that builds the index. Its id is the index's id."""
        ended = "FAILED" if row["failed"] else "SUCCESSFUL"
        common = {
            "startTime": to_rfc3339(row["created"]),
            "operationType": "CREATE_INDEX",
            "state": ended if self._is_built(row) else "PROCESSING",
        }
        operation = {
            "name": f"projects/{row['project']}/operations/{row['id']}",
            "metadata": {
                "@type": TYPES + "IndexOperationMetadata",
                "common": common,
                "indexId": row["id"],
            },
        }
        return {**operation, **self._outcome(row)} if self._is_built(row) else operation

    def _outcome(self, row: sqlite3.Row) -> dict[str, Any]:
        if row["failed"]:
            return {"done": True, "error": FAILURE.to_operation_error()}
        response = {"@type": TYPES + "Index", **self._resource(row)}
        return {"done": True, "response": response}

    def _is_built(self, row: sqlite3.Row) -> bool:
        return bool(row["ready"] <= self._state.now())


def _fault_occasion(project: str, kind: str) -> Occasion:
    return Occasion(project, "CreateIndex", f"projects/{project}/indexes/{kind}")


def _find(db: sqlite3.Connection, project: str, index: str) -> sqlite3.Row:
    """Raises ApiError NOT_FOUND, and PERMISSION_DENIED if the API is disabled."""
    find_location(db, project, API)
    row: sqlite3.Row | None = db.execute(
        f"{SELECT} WHERE project = ? AND id = ?", (project, index)
    ).fetchone()
    if row is None:
        raise not_found(f"no such index: {index}")
    return row


def _find_requested(db: sqlite3.Connection, request: web.Request) -> sqlite3.Row:
    return _find(db, request.match_info["project"], request.match_info["index"])


def _check(index: dict[str, Any]) -> None:
    if not index.get("kind") or not index.get("properties"):
        raise invalid_argument("An index must have a kind and at least one property.", "index")
    for item in index["properties"]:
        if not item.get("name") or "direction" not in item:
            raise invalid_argument(
                "A property of an index must have a name and a direction.", "index.properties"
            )
    index.setdefault("ancestor", "NONE")
