"""Cloud Scheduler, version 1beta1: jobs, which never run.

Source: the API reference. Those of `cron.yaml` are marked `legacyAppEngineCron`, and are
listed and deleted apart from the others.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, list_response, read_json, resource_response
from flowdeploy.sandbox.errors import ApiError, invalid, not_found
from flowdeploy.sandbox.locations import location_list, require_location
from flowdeploy.sandbox.messages import (
    BOOL,
    BYTES,
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
from flowdeploy.sandbox.times import rfc3339

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  project TEXT NOT NULL, id TEXT NOT NULL, legacy INTEGER NOT NULL,
  state TEXT NOT NULL, updated REAL NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, id)
) WITHOUT ROWID
"""

API = "cloudscheduler.googleapis.com"
STATE = enum(
    "cloud.scheduler.v1beta1.Job.State",
    "STATE_UNSPECIFIED ENABLED PAUSED DISABLED UPDATE_FAILED",
)
HTTP_METHOD = enum(
    "cloud.scheduler.v1beta1.HttpMethod",
    "HTTP_METHOD_UNSPECIFIED POST GET HEAD PUT DELETE PATCH OPTIONS",
)
ROUTING = Message(
    "AppEngineRouting", {"host": STRING, "instance": STRING, "service": STRING, "version": STRING}
)
JOB = Message(
    "Job",
    {
        "appEngineHttpTarget": Message(
            "AppEngineHttpTarget",
            {
                "appEngineRouting": ROUTING,
                "body": BYTES,
                "headers": Map(STRING),
                "httpMethod": HTTP_METHOD,
                "relativeUri": STRING,
            },
        ),
        "attemptDeadline": DURATION,
        "description": STRING,
        "httpTarget": Message(
            "HttpTarget",
            {"body": BYTES, "headers": Map(STRING), "httpMethod": HTTP_METHOD, "uri": STRING},
        ),
        "lastAttemptTime": TIMESTAMP,
        "legacyAppEngineCron": BOOL,
        "name": STRING,
        "retryConfig": Message(
            "RetryConfig",
            {
                "maxBackoffDuration": DURATION,
                "maxDoublings": INT32,
                "maxRetryDuration": DURATION,
                "minBackoffDuration": DURATION,
                "retryCount": INT32,
            },
        ),
        "schedule": STRING,
        "scheduleTime": TIMESTAMP,
        "state": STATE,
        "timeZone": STRING,
        "userUpdateTime": TIMESTAMP,
    },
    output_only=frozenset({"lastAttemptTime", "scheduleTime", "state", "userUpdateTime"}),
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    jobs = Jobs(state)
    all_of_them = "/v1beta1/projects/{project}/locations/{location}/jobs"
    one = f"{all_of_them}/{{job}}"
    return (
        web.get("/v1beta1/projects/{project}/locations", jobs.list_locations),
        web.get(all_of_them, jobs.list_all),
        web.post(all_of_them, jobs.create),
        web.post(f"{one}:pause", jobs.pause),
        web.post(f"{one}:resume", jobs.resume),
        web.get(one, jobs.get),
        web.patch(one, jobs.patch),
        web.delete(one, jobs.delete),
    )


class Jobs:
    def __init__(self, state: State) -> None:
        self._state = state

    async def list_locations(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        with self._state.read() as db:
            return json_response(location_list(project, region_of(db, project, API)))

    async def list_all(self, request: web.Request) -> web.Response:
        legacy = request.query.get("legacyAppEngineCron", "").lower() in ("true", "1")
        with self._state.read() as db:
            name = _parent(db, request)
            rows = db.execute(
                "SELECT * FROM jobs WHERE project = ? AND legacy = ? ORDER BY id",
                (request.match_info["project"], legacy),
            ).fetchall()
        chosen, token = page(rows, request.query, lambda row: row["id"])
        items = [_resource(name, row) for row in chosen]
        return list_response(request, "jobs", JOB, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            return _reply(request, _parent(db, request), _named(db, request))

    async def create(self, request: web.Request) -> web.Response:
        body = read(JOB, await read_json(request), "job")
        _check(body)
        project = request.match_info["project"]
        job = body.pop("name", "").rpartition("/")[2] or uuid.uuid4().hex
        if not _ID.fullmatch(job):
            raise invalid(f"Invalid job id '{job}'.", "job.name")
        values = (project, job, body.get("legacyAppEngineCron", False), "ENABLED")
        with self._state.write() as db:
            name = _parent(db, request)
            if _look(db, project, job) is not None:
                raise ApiError("ALREADY_EXISTS", f"Job {name}/jobs/{job} already exists.")
            db.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
                (*values, self._state.now(), json.dumps(body)),
            )
            return _reply(request, name, _find(db, project, job))

    async def patch(self, request: web.Request) -> web.Response:
        body = read(JOB, await read_json(request), "job")
        mask = request.query.get("updateMask") or ",".join(body)
        with self._state.write() as db:
            name, row = _parent(db, request), _named(db, request)
            changed = merge(json.loads(row["body"]), body, mask)
            changed.pop("name", None)
            _check(changed)
            row = _change(db, row, row["state"], changed, self._state.now())
            return _reply(request, name, row)

    async def pause(self, request: web.Request) -> web.Response:
        return await self._set_state(request, "PAUSED")

    async def resume(self, request: web.Request) -> web.Response:
        return await self._set_state(request, "ENABLED")

    async def delete(self, request: web.Request) -> web.Response:
        with self._state.write() as db:
            _parent(db, request)
            row = _named(db, request)
            key = (row["project"], row["id"])
            db.execute("DELETE FROM jobs WHERE project = ? AND id = ?", key)
        return json_response({})

    async def _set_state(self, request: web.Request, state: str) -> web.Response:
        await read_json(request)
        with self._state.write() as db:
            name, row = _parent(db, request), _named(db, request)
            row = _change(db, row, state, json.loads(row["body"]), self._state.now())
            return _reply(request, name, row)


def _change(
    db: sqlite3.Connection, row: sqlite3.Row, state: str, body: dict[str, Any], now: float
) -> sqlite3.Row:
    key = (row["project"], row["id"])
    db.execute(
        "UPDATE jobs SET state = ?, updated = ?, body = ? WHERE project = ? AND id = ?",
        (state, now, json.dumps(body), *key),
    )
    return _find(db, *key)


def _parent(db: sqlite3.Connection, request: web.Request) -> str:
    project, location = request.match_info["project"], request.match_info["location"]
    require_location(project, region_of(db, project, API), location)
    return f"projects/{project}/locations/{location}"


def _look(db: sqlite3.Connection, project: str, job: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM jobs WHERE project = ? AND id = ?", (project, job)
    ).fetchone()
    return row


def _find(db: sqlite3.Connection, project: str, job: str) -> sqlite3.Row:
    """Raises ApiError NOT_FOUND."""
    row = _look(db, project, job)
    if row is None:
        raise not_found(f"Job {job} not found.")
    return row


def _named(db: sqlite3.Connection, request: web.Request) -> sqlite3.Row:
    return _find(db, request.match_info["project"], request.match_info["job"])


def _reply(request: web.Request, parent: str, row: sqlite3.Row) -> web.Response:
    return resource_response(request, JOB, _resource(parent, row))


def _resource(parent: str, row: sqlite3.Row) -> dict[str, Any]:
    return {
        **json.loads(row["body"]),
        "name": f"{parent}/jobs/{row['id']}",
        "state": row["state"],
        "userUpdateTime": rfc3339(row["updated"]),
    }


def _check(job: Mapping[str, Any]) -> None:
    if not job.get("schedule"):
        raise invalid("A job needs a `schedule`.", "job.schedule")
    targets = {"appEngineHttpTarget", "httpTarget"} & job.keys()
    if len(targets) != 1:
        raise invalid("A job has one target.", "job.target")
