"""Cloud Tasks, version 2beta3: queues, without the tasks in them.

Source: the API reference. An application has a queue `default` from the start. Updating a
queue that does not exist creates it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, list_response, read_json, resource_response
from flowdeploy.sandbox.errors import ApiError, invalid, not_found
from flowdeploy.sandbox.locations import location_list, require_location
from flowdeploy.sandbox.messages import (
    DOUBLE,
    DURATION,
    INT32,
    STRING,
    TIMESTAMP,
    Map,
    Message,
    enum,
    merge,
    read,
)
from flowdeploy.sandbox.paging import page
from flowdeploy.sandbox.serviceusage import region_of
from flowdeploy.sandbox.state import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
  project TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, id)
) WITHOUT ROWID
"""

API = "cloudtasks.googleapis.com"
STATE = enum("cloud.tasks.v2beta3.Queue.State", "STATE_UNSPECIFIED RUNNING PAUSED DISABLED")
TYPE = enum("cloud.tasks.v2beta3.Queue.Type", "TYPE_UNSPECIFIED PULL PUSH")
ROUTING = Message(
    "AppEngineRouting", {"host": STRING, "instance": STRING, "service": STRING, "version": STRING}
)
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
    for version in ("v2", "v2beta3"):
        parent = f"/{version}/projects/{{project}}/locations"
        yield web.get(parent, queues.list_locations)
    all_of_them = "/v2beta3/projects/{project}/locations/{location}/queues"
    one = f"{all_of_them}/{{queue}}"
    yield web.get(all_of_them, queues.list_all)
    yield web.post(all_of_them, queues.create)
    yield web.post(f"{one}:pause", queues.pause)
    yield web.post(f"{one}:resume", queues.resume)
    yield web.get(one, queues.get)
    yield web.patch(one, queues.patch)
    yield web.delete(one, queues.delete)


class Queues:
    def __init__(self, state: State) -> None:
        self._state = state

    async def list_locations(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        with self._state.read() as db:
            return json_response(location_list(project, region_of(db, project, API)))

    async def list_all(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            name = _parent(db, request)
            rows = _rows(db, request.match_info["project"])
        chosen, token = page(sorted(rows.items()), request.query, lambda item: item[0])
        items = [_resource(name, key, row) for key, row in chosen]
        return list_response(request, "queues", QUEUE, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            return _reply(db, request)

    async def create(self, request: web.Request) -> web.Response:
        body = read(QUEUE, await read_json(request), "queue")
        queue = body.get("name", "").rpartition("/")[2]
        with self._state.write() as db:
            name = _parent(db, request)
            _check_id(queue)
            if queue in _rows(db, request.match_info["project"]):
                raise ApiError("ALREADY_EXISTS", "Queue already exists")
            row = ("RUNNING", _with_defaults(body))
            _save(db, (request.match_info["project"], queue), row)
        return resource_response(request, QUEUE, _resource(name, queue, row))

    async def patch(self, request: web.Request) -> web.Response:
        """Without a mask all fields are set; a queue that is not there is created."""
        body = read(QUEUE, await read_json(request), "queue")
        project, queue = request.match_info["project"], request.match_info["queue"]
        mask = request.query.get("updateMask") or ",".join(body)
        with self._state.write() as db:
            _parent(db, request)
            _check_id(queue)
            state, current = _rows(db, project).get(queue, ("RUNNING", {}))
            changed = merge(current, body, mask)
            _save(db, (project, queue), (state, _with_defaults(changed)))
            return _reply(db, request)

    async def pause(self, request: web.Request) -> web.Response:
        return await self._set_state(request, "PAUSED")

    async def resume(self, request: web.Request) -> web.Response:
        return await self._set_state(request, "RUNNING")

    async def delete(self, request: web.Request) -> web.Response:
        key = (request.match_info["project"], request.match_info["queue"])
        with self._state.write() as db:
            _reply(db, request)
            db.execute("DELETE FROM queues WHERE project = ? AND id = ?", key)
        return json_response({})

    async def _set_state(self, request: web.Request, state: str) -> web.Response:
        await read_json(request)
        key = (request.match_info["project"], request.match_info["queue"])
        with self._state.write() as db:
            _reply(db, request)
            _save(db, key, (state, _rows(db, key[0])[key[1]][1]))
            return _reply(db, request)


Row = tuple[str, dict[str, Any]]


def _parent(db: sqlite3.Connection, request: web.Request) -> str:
    project, location = request.match_info["project"], request.match_info["location"]
    require_location(project, region_of(db, project, API), location)
    return f"projects/{project}/locations/{location}"


def _rows(db: sqlite3.Connection, project: str) -> dict[str, Row]:
    """Queue id → state and body."""
    rows = db.execute("SELECT * FROM queues WHERE project = ?", [project])
    found: dict[str, Row] = {"default": ("RUNNING", DEFAULT_QUEUE)}
    return found | {row["id"]: (row["state"], json.loads(row["body"])) for row in rows}


def _reply(db: sqlite3.Connection, request: web.Request) -> web.Response:
    """The queue that the request names. Raises ApiError NOT_FOUND."""
    name, queue = _parent(db, request), request.match_info["queue"]
    row = _rows(db, request.match_info["project"]).get(queue)
    if row is None:
        raise not_found(f"Queue does not exist: {name}/queues/{queue}")
    return resource_response(request, QUEUE, _resource(name, queue, row))


def _resource(parent: str, queue: str, row: Row) -> dict[str, Any]:
    state, body = row
    return {"type": "PUSH", **body, "name": f"{parent}/queues/{queue}", "state": state}


def _save(db: sqlite3.Connection, key: tuple[str, str], row: Row) -> None:
    state, body = row
    values = (*key, state, json.dumps(body))
    db.execute("INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?)", values)


def _with_defaults(body: Mapping[str, Any]) -> dict[str, Any]:
    filled = {key: {**values, **body.get(key, {})} for key, values in DEFAULTS.items()}
    return {**body, **filled}


def _check_id(queue: str) -> None:
    if not _ID.fullmatch(queue):
        raise invalid(f"Invalid queue id '{queue}'.", "queue.name")
