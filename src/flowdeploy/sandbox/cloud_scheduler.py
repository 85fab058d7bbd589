"""Cloud Scheduler, version 1beta1: jobs, which never run.

Source: the API reference. The cron jobs of `cron.yaml` are marked `legacyAppEngineCron`;
requests to list or delete jobs apply either to them or to the others.
"""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.app_engine_routing import ROUTING, add_host
from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument
from flowdeploy.sandbox.google_api.messages import (
    BOOL,
    BYTES,
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
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339
from flowdeploy.sandbox.location_resources import (
    Location,
    LocationResources,
    ResourceRow,
    apply_patch,
)
from flowdeploy.sandbox.state import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  project TEXT NOT NULL, id TEXT NOT NULL, legacy INTEGER NOT NULL,
  state TEXT NOT NULL, updated REAL NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, id)
) WITHOUT ROWID
"""

STATE = define_enum(
    "cloud.scheduler.v1beta1.Job.State",
    "STATE_UNSPECIFIED ENABLED PAUSED DISABLED UPDATE_FAILED",
)
HTTP_METHOD = define_enum(
    "cloud.scheduler.v1beta1.HttpMethod",
    "HTTP_METHOD_UNSPECIFIED POST GET HEAD PUT DELETE PATCH OPTIONS",
)
JOB = MessageType(
    "Job",
    {
        "appEngineHttpTarget": MessageType(
            "AppEngineHttpTarget",
            {
                "appEngineRouting": ROUTING,
                "body": BYTES,
                "headers": MapOf(STRING),
                "httpMethod": HTTP_METHOD,
                "relativeUri": STRING,
            },
        ),
        "attemptDeadline": DURATION,
        "description": STRING,
        "httpTarget": MessageType(
            "HttpTarget",
            {"body": BYTES, "headers": MapOf(STRING), "httpMethod": HTTP_METHOD, "uri": STRING},
        ),
        "lastAttemptTime": TIMESTAMP,
        "legacyAppEngineCron": BOOL,
        "name": STRING,
        "retryConfig": MessageType(
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


class Jobs(LocationResources):
    """The handlers of ``/v1beta1/…/jobs``."""

    api = "cloudscheduler.googleapis.com"
    plural = "jobs"
    message = JOB
    running_state = "ENABLED"
    not_found_text = "Job {name} not found."

    async def create(self, request: web.Request) -> web.Response:
        body = parse_message(JOB, await read_json(request), "job")
        _check(body)
        name = body.pop("name", "").rpartition("/")[2] or uuid.uuid4().hex
        if not _ID.fullmatch(name):
            raise invalid_argument(f"Invalid job id '{name}'.", "job.name")
        row = ResourceRow(name, self.running_state, body, self._state.now())
        with self._state.write() as db:
            location = self.find_location(db, request)
            if name in self.rows(db, location.project):
                raise ApiError("ALREADY_EXISTS", f"Job {location.name}/jobs/{name} already exists.")
            self.save(db, location.project, row)
        return self.reply(request, location, row)

    async def patch(self, request: web.Request) -> web.Response:
        body = parse_message(JOB, await read_json(request), "job")
        with self._state.write() as db:
            location = self.find_location(db, request)
            row = self.find(db, request, location)
            changed = _keep_immutable_fields(row.body, apply_patch(request, row.body, body))
            _check(changed)
            row = replace(row, body=changed, updated=self._state.now())
            self.save(db, location.project, row)
        return self.reply(request, location, row)

    def is_requested(self, request: web.Request, row: ResourceRow, /) -> bool:
        """By `legacyAppEngineCron`: API reference, ListJobs and DeleteJob."""
        legacy = request.query.get("legacyAppEngineCron", "").lower() in ("true", "1")
        return legacy == _is_legacy(row.body)

    def rows(self, db: sqlite3.Connection, project: str) -> dict[str, ResourceRow]:
        found = db.execute("SELECT * FROM jobs WHERE project = ?", [project])
        return {
            row["id"]: ResourceRow(row["id"], row["state"], json.loads(row["body"]), row["updated"])
            for row in found
        }

    def save(self, db: sqlite3.Connection, project: str, row: ResourceRow) -> None:
        values = (project, row.id, _is_legacy(row.body), row.state, row.updated)
        db.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
            (*values, json.dumps(row.body)),
        )

    def remove(self, db: sqlite3.Connection, project: str, name: str) -> None:
        db.execute("DELETE FROM jobs WHERE project = ? AND id = ?", (project, name))

    def resource(self, location: Location, row: ResourceRow) -> dict[str, Any]:
        shown = {
            **row.body,
            "name": f"{location.name}/jobs/{row.id}",
            "state": row.state,
            "userUpdateTime": to_rfc3339(row.updated),
        }
        target = row.body.get("appEngineHttpTarget")
        if target is not None:
            routing = add_host(target.get("appEngineRouting", {}), location.hostname)
            shown["appEngineHttpTarget"] = {**target, "appEngineRouting": routing}
        return shown


def _is_legacy(job: Mapping[str, Any]) -> bool:
    return bool(job.get("legacyAppEngineCron"))


def _keep_immutable_fields(job: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """``changed`` with the immutable fields of ``job``."""
    fixed = {key: job[key] for key in IMMUTABLE & job.keys()}
    return {key: value for key, value in changed.items() if key not in IMMUTABLE} | fixed


def _check(job: Mapping[str, Any]) -> None:
    if not job.get("schedule"):
        raise invalid_argument("A job needs a `schedule`.", "job.schedule")
    targets = {"appEngineHttpTarget", "httpTarget"} & job.keys()
    if len(targets) != 1:
        raise invalid_argument("A job must have one target.", "job.target")
    if _is_legacy(job) and "httpTarget" in targets:
        raise invalid_argument("A job of cron.yaml must have an App Engine target.", "job.target")
