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
from dataclasses import replace
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import read_json
from flowdeploy.sandbox.errors import ApiError, invalid
from flowdeploy.sandbox.located import Located, Place, Row, patched
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
    read,
)
from flowdeploy.sandbox.routing import ROUTING, with_host
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.times import rfc3339

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  project TEXT NOT NULL, id TEXT NOT NULL, legacy INTEGER NOT NULL,
  state TEXT NOT NULL, updated REAL NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, id)
) WITHOUT ROWID
"""

STATE = enum(
    "cloud.scheduler.v1beta1.Job.State",
    "STATE_UNSPECIFIED ENABLED PAUSED DISABLED UPDATE_FAILED",
)
HTTP_METHOD = enum(
    "cloud.scheduler.v1beta1.HttpMethod",
    "HTTP_METHOD_UNSPECIFIED POST GET HEAD PUT DELETE PATCH OPTIONS",
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

IMMUTABLE = {"name", "legacyAppEngineCron"}

_ID = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    return Jobs(state).routes("v1beta1")


class Jobs(Located):
    api = "cloudscheduler.googleapis.com"
    plural = "jobs"
    message = JOB
    running = "ENABLED"
    absent = "Job {name} not found."

    async def create(self, request: web.Request) -> web.Response:
        body = read(JOB, await read_json(request), "job")
        _check(body)
        name = body.pop("name", "").rpartition("/")[2] or uuid.uuid4().hex
        if not _ID.fullmatch(name):
            raise invalid(f"Invalid job id '{name}'.", "job.name")
        row = Row(name, self.running, body, self._state.now())
        with self._state.write() as db:
            place = self.place(db, request)
            if name in self.rows(db, place.project):
                raise ApiError("ALREADY_EXISTS", f"Job {place.name}/jobs/{name} already exists.")
            self.save(db, place.project, row)
        return self.reply(request, place, row)

    async def patch(self, request: web.Request) -> web.Response:
        body = read(JOB, await read_json(request), "job")
        with self._state.write() as db:
            place = self.place(db, request)
            row = self.named(db, request, place)
            changed = _kept(row.body, patched(request, row.body, body))
            _check(changed)
            row = replace(row, body=changed, updated=self._state.now())
            self.save(db, place.project, row)
        return self.reply(request, place, row)

    def is_asked_for(self, request: web.Request, row: Row, /) -> bool:
        """The jobs of cron.yaml, or else all others. API reference, ListJobs and DeleteJob."""
        legacy = request.query.get("legacyAppEngineCron", "").lower() in ("true", "1")
        return legacy == _is_legacy(row.body)

    def rows(self, db: sqlite3.Connection, project: str) -> dict[str, Row]:
        found = db.execute("SELECT * FROM jobs WHERE project = ?", [project])
        return {
            row["id"]: Row(row["id"], row["state"], json.loads(row["body"]), row["updated"])
            for row in found
        }

    def save(self, db: sqlite3.Connection, project: str, row: Row) -> None:
        values = (project, row.id, _is_legacy(row.body), row.state, row.updated)
        db.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
            (*values, json.dumps(row.body)),
        )

    def forget(self, db: sqlite3.Connection, project: str, name: str) -> None:
        db.execute("DELETE FROM jobs WHERE project = ? AND id = ?", (project, name))

    def resource(self, place: Place, row: Row) -> dict[str, Any]:
        shown = {
            **row.body,
            "name": f"{place.name}/jobs/{row.id}",
            "state": row.state,
            "userUpdateTime": rfc3339(row.updated),
        }
        target = row.body.get("appEngineHttpTarget")
        if target is not None:
            routing = with_host(target.get("appEngineRouting", {}), place.hostname)
            shown["appEngineHttpTarget"] = {**target, "appEngineRouting": routing}
        return shown


def _is_legacy(job: Mapping[str, Any]) -> bool:
    return bool(job.get("legacyAppEngineCron"))


def _kept(job: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """``changed``, with the immutable fields as the job has them."""
    fixed = {key: job[key] for key in IMMUTABLE & job.keys()}
    return {key: value for key, value in changed.items() if key not in IMMUTABLE} | fixed


def _check(job: Mapping[str, Any]) -> None:
    if not job.get("schedule"):
        raise invalid("A job needs a `schedule`.", "job.schedule")
    targets = {"appEngineHttpTarget", "httpTarget"} & job.keys()
    if len(targets) != 1:
        raise invalid("A job has one target.", "job.target")
    if _is_legacy(job) and "httpTarget" in targets:
        raise invalid("A job of cron.yaml has an App Engine target.", "job.target")
