"""Cloud Tasks, version 2beta3: queues, but no tasks.

Source: the API reference. Every application has a queue `default`. Updating a queue that
does not exist creates it.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.app_engine_routing import ROUTING, add_host
from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument
from flowdeploy.sandbox.google_api.messages import (
    DOUBLE,
    DURATION,
    INT32,
    STRING,
    TIMESTAMP,
    MapOf,
    MessageType,
    define_enum,
    parse_message,
)
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.location_resources import (
    Location,
    LocationResources,
    ResourceRow,
    apply_patch,
)
from flowdeploy.sandbox.state import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
  project TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, id)
) WITHOUT ROWID
"""

STATE = define_enum("cloud.tasks.v2beta3.Queue.State", "STATE_UNSPECIFIED RUNNING PAUSED DISABLED")
TYPE = define_enum("cloud.tasks.v2beta3.Queue.Type", "TYPE_UNSPECIFIED PULL PUSH")
QUEUE = MessageType(
    "Queue",
    {
        "appEngineHttpQueue": MessageType(
            "AppEngineHttpQueue", {"appEngineRoutingOverride": ROUTING}
        ),
        "name": STRING,
        "purgeTime": TIMESTAMP,
        "rateLimits": MessageType(
            "RateLimits",
            {
                "maxBurstSize": INT32,
                "maxConcurrentDispatches": INT32,
                "maxDispatchesPerSecond": DOUBLE,
            },
        ),
        "retryConfig": MessageType(
            "RetryConfig",
            {
                "maxAttempts": INT32,
                "maxBackoff": DURATION,
                "maxDoublings": INT32,
                "maxRetryDuration": DURATION,
                "minBackoff": DURATION,
            },
        ),
        "stackdriverLoggingConfig": MessageType(
            "StackdriverLoggingConfig", {"samplingRatio": DOUBLE}
        ),
        "state": STATE,
        "stats": MapOf(STRING),
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
# The settings that App Engine gives the queue `default`.
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
    # gcloud uses version 2 for the locations, and version 2beta3 for everything else.
    yield web.get("/v2/projects/{project}/locations", queues.list_locations)
    yield from queues.routes("v2beta3")


class Queues(LocationResources):
    """The handlers of ``/v2beta3/…/queues``."""

    api = "cloudtasks.googleapis.com"
    plural = "queues"
    message = QUEUE
    running_state = "RUNNING"
    not_found_text = "Queue does not exist: {name}"

    async def create(self, request: web.Request) -> web.Response:
        body = parse_message(QUEUE, await read_json(request), "queue")
        row = ResourceRow(
            body.get("name", "").rpartition("/")[2], self.running_state, _with_defaults(body)
        )
        with self._state.write() as db:
            location = self.find_location(db, request)
            _check_id(row.id)
            if row.id in self.rows(db, location.project):
                raise ApiError("ALREADY_EXISTS", "Queue already exists")
            self.save(db, location.project, row)
        return self.reply(request, location, row)

    async def patch(self, request: web.Request) -> web.Response:
        """Update a queue, or create it."""
        body = parse_message(QUEUE, await read_json(request), "queue")
        name = request.match_info["id"]
        with self._state.write() as db:
            location = self.find_location(db, request)
            _check_id(name)
            known = self.rows(db, location.project).get(
                name, ResourceRow(name, self.running_state, {})
            )
            row = replace(known, body=_with_defaults(apply_patch(request, known.body, body)))
            self.save(db, location.project, row)
        return self.reply(request, location, row)

    def rows(self, db: sqlite3.Connection, project: str) -> dict[str, ResourceRow]:
        found = db.execute("SELECT * FROM queues WHERE project = ?", [project])
        stored = {
            row["id"]: ResourceRow(row["id"], row["state"], json.loads(row["body"]))
            for row in found
        }
        return {"default": ResourceRow("default", self.running_state, DEFAULT_QUEUE)} | stored

    def save(self, db: sqlite3.Connection, project: str, row: ResourceRow) -> None:
        values = (project, row.id, row.state, json.dumps(row.body))
        db.execute("INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?)", values)

    def remove(self, db: sqlite3.Connection, project: str, name: str) -> None:
        db.execute("DELETE FROM queues WHERE project = ? AND id = ?", (project, name))

    def resource(self, location: Location, row: ResourceRow) -> dict[str, Any]:
        name = f"{location.name}/queues/{row.id}"
        shown = {"type": "PUSH", **row.body, "name": name, "state": row.state}
        routing = row.body.get("appEngineHttpQueue", {}).get("appEngineRoutingOverride")
        if routing:
            routed = add_host(routing, location.hostname)
            shown["appEngineHttpQueue"] = {"appEngineRoutingOverride": routed}
        return shown


def _with_defaults(body: Mapping[str, Any]) -> dict[str, Any]:
    filled = {key: {**values, **body.get(key, {})} for key, values in DEFAULTS.items()}
    return {**body, **filled}


def _check_id(queue: str) -> None:
    if not _ID.fullmatch(queue):
        raise invalid_argument(f"Invalid queue id '{queue}'.", "queue.name")
