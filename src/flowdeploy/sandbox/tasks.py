"""Cloud Tasks, version 2beta3: queues, without the tasks in them.

Source: the API reference. An application has a queue `default` from the start. Updating a
queue that does not exist creates it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import read_json
from flowdeploy.sandbox.errors import ApiError, invalid
from flowdeploy.sandbox.located import Located, Place, Row, patched
from flowdeploy.sandbox.messages import (
    DOUBLE,
    DURATION,
    INT32,
    STRING,
    TIMESTAMP,
    Map,
    Message,
    enum,
    read,
)
from flowdeploy.sandbox.routing import ROUTING, with_host
from flowdeploy.sandbox.state import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
  project TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, id)
) WITHOUT ROWID
"""

STATE = enum("cloud.tasks.v2beta3.Queue.State", "STATE_UNSPECIFIED RUNNING PAUSED DISABLED")
TYPE = enum("cloud.tasks.v2beta3.Queue.Type", "TYPE_UNSPECIFIED PULL PUSH")
QUEUE = Message(
    "Queue",
    {
        "appEngineHttpQueue": Message("AppEngineHttpQueue", {"appEngineRoutingOverride": ROUTING}),
        "name": STRING,
        "purgeTime": TIMESTAMP,
        "rateLimits": Message(
            "RateLimits",
            {
                "maxBurstSize": INT32,
                "maxConcurrentDispatches": INT32,
                "maxDispatchesPerSecond": DOUBLE,
            },
        ),
        "retryConfig": Message(
            "RetryConfig",
            {
                "maxAttempts": INT32,
                "maxBackoff": DURATION,
                "maxDoublings": INT32,
                "maxRetryDuration": DURATION,
                "minBackoff": DURATION,
            },
        ),
        "stackdriverLoggingConfig": Message("StackdriverLoggingConfig", {"samplingRatio": DOUBLE}),
        "state": STATE,
        "stats": Map(STRING),
        "taskTtl": DURATION,
        "tombstoneTtl": DURATION,
        "type": TYPE,
    },
    output_only=frozenset({"purgeTime", "state", "stats"}),
)

DEFAULTS: dict[str, dict[str, Any]] = {
    "rateLimits": {
        "maxDispatchesPerSecond": 500,
        "maxBurstSize": 100,
        "maxConcurrentDispatches": 1000,
    },
    "retryConfig": {
        "maxAttempts": 100,
        "minBackoff": "0.100s",
        "maxBackoff": "3600s",
        "maxDoublings": 16,
    },
}
# What App Engine gives the queue that every application has.
DEFAULT_QUEUE: dict[str, Any] = {
    "rateLimits": {
        "maxDispatchesPerSecond": 5,
        "maxBurstSize": 5,
        "maxConcurrentDispatches": 1000,
    },
    "retryConfig": {
        "maxAttempts": -1,
        "minBackoff": "0.100s",
        "maxBackoff": "3600s",
        "maxDoublings": 16,
    },
}

_ID = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    queues = Queues(state)
    # gcloud asks version 2 for the locations, and version 2beta3 for all else.
    yield web.get("/v2/projects/{project}/locations", queues.list_locations)
    yield from queues.routes("v2beta3")


class Queues(Located):
    api = "cloudtasks.googleapis.com"
    plural = "queues"
    message = QUEUE
    running = "RUNNING"
    absent = "Queue does not exist: {name}"

    async def create(self, request: web.Request) -> web.Response:
        body = read(QUEUE, await read_json(request), "queue")
        row = Row(body.get("name", "").rpartition("/")[2], self.running, _with_defaults(body))
        with self._state.write() as db:
            place = self.place(db, request)
            _check_id(row.id)
            if row.id in self.rows(db, place.project):
                raise ApiError("ALREADY_EXISTS", "Queue already exists")
            self.save(db, place.project, row)
        return self.reply(request, place, row)

    async def patch(self, request: web.Request) -> web.Response:
        """A queue that is not there is created."""
        body = read(QUEUE, await read_json(request), "queue")
        name = request.match_info["id"]
        with self._state.write() as db:
            place = self.place(db, request)
            _check_id(name)
            known = self.rows(db, place.project).get(name, Row(name, self.running, {}))
            row = replace(known, body=_with_defaults(patched(request, known.body, body)))
            self.save(db, place.project, row)
        return self.reply(request, place, row)

    def rows(self, db: sqlite3.Connection, project: str) -> dict[str, Row]:
        found = db.execute("SELECT * FROM queues WHERE project = ?", [project])
        kept = {row["id"]: Row(row["id"], row["state"], json.loads(row["body"])) for row in found}
        return {"default": Row("default", self.running, DEFAULT_QUEUE)} | kept

    def save(self, db: sqlite3.Connection, project: str, row: Row) -> None:
        values = (project, row.id, row.state, json.dumps(row.body))
        db.execute("INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?)", values)

    def forget(self, db: sqlite3.Connection, project: str, name: str) -> None:
        db.execute("DELETE FROM queues WHERE project = ? AND id = ?", (project, name))

    def resource(self, place: Place, row: Row) -> dict[str, Any]:
        name = f"{place.name}/queues/{row.id}"
        shown = {"type": "PUSH", **row.body, "name": name, "state": row.state}
        routing = row.body.get("appEngineHttpQueue", {}).get("appEngineRoutingOverride")
        if routing:
            routed = with_host(routing, place.hostname)
            shown["appEngineHttpQueue"] = {"appEngineRoutingOverride": routed}
        return shown


def _with_defaults(body: Mapping[str, Any]) -> dict[str, Any]:
    filled = {key: {**values, **body.get(key, {})} for key, values in DEFAULTS.items()}
    return {**body, **filled}


def _check_id(queue: str) -> None:
    if not _ID.fullmatch(queue):
        raise invalid(f"Invalid queue id '{queue}'.", "queue.name")
