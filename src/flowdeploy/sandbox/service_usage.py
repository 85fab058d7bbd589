"""Service Usage, version 1: the APIs that are enabled in a project.

At first all APIs are enabled except those in the application's ``disabled_apis``.
"""

import re
import sqlite3
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response
from flowdeploy.sandbox.state import App, State

SCHEMA = """
CREATE TABLE IF NOT EXISTS services_off (
  project TEXT NOT NULL, service TEXT NOT NULL, PRIMARY KEY (project, service)
) WITHOUT ROWID
"""

TYPES = "type.googleapis.com/google.api.serviceusage.v1."
RPC = "type.googleapis.com/google.rpc."
MAX_BATCH = 30
TITLES = {
    "cloudscheduler.googleapis.com": "Cloud Scheduler API",
    "cloudtasks.googleapis.com": "Cloud Tasks API",
    "datastore.googleapis.com": "Cloud Datastore API",
}

_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]{1,100}\.googleapis\.com", re.ASCII)


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    usage = ServiceUsage(state)
    one = "/v1/projects/{project}/services/{service}"
    return (
        web.post(f"{one}:enable", usage.enable),
        web.post(f"{one}:disable", usage.disable),
        web.get(one, usage.get),
        web.get("/v1/projects/{project}/services:batchGet", usage.batch_get),
    )


def find_location(db: sqlite3.Connection, project: str, service: str) -> str:
    """The App Engine location of the project's application, for a call to an API.

    Raises ApiError PERMISSION_DENIED if the project does not exist or has not enabled the
    API (``cloudtasks.googleapis.com``).
    """
    row = db.execute("SELECT location FROM apps WHERE id = ?", [project]).fetchone()
    if row is None:
        text = f"Permission denied on resource project {project}."
        raise ApiError("PERMISSION_DENIED", text)
    if _is_off(db, project, service):
        raise _api_disabled_error(project, service)
    location: str = row["location"]
    return location


def disable_apis(db: sqlite3.Connection, apps: Iterable[App]) -> None:
    """Disable the ``disabled_apis`` of new applications."""
    rows = [(app.project, service) for app in apps for service in app.disabled_apis]
    db.executemany("INSERT OR IGNORE INTO services_off VALUES (?, ?)", rows)


class ServiceUsage:
    """The handlers of ``/v1/projects/…/services``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, request: web.Request) -> web.Response:
        project, service = _parse_path(request)
        with self._state.read() as db:
            return json_response(_resource(db, project, service))

    async def batch_get(self, request: web.Request) -> web.Response:
        project, names = request.match_info["project"], request.query.getall("names", [])
        if not 0 < len(names) <= MAX_BATCH:
            raise invalid_argument(f"A batch must name 1 to {MAX_BATCH} services.", "names")
        services = [_parse_service_name(project, name) for name in names]
        with self._state.read() as db:
            found = [_resource(db, project, service) for service in services]
        return json_response({"services": found})

    async def enable(self, request: web.Request) -> web.Response:
        statement = "DELETE FROM services_off WHERE project = ? AND service = ?"
        return await self._switch(request, statement, "EnableServiceResponse")

    async def disable(self, request: web.Request) -> web.Response:
        statement = "INSERT OR IGNORE INTO services_off VALUES (?, ?)"
        return await self._switch(request, statement, "DisableServiceResponse")

    async def _switch(self, request: web.Request, statement: str, answer: str) -> web.Response:
        await read_json(request)
        project, service = _parse_path(request)
        with self._state.write() as db:
            db.execute(statement, (project, service))
            response = {"@type": TYPES + answer, "service": _resource(db, project, service)}
        return json_response({"name": "operations/noop", "done": True, "response": response})


def _parse_path(request: web.Request) -> tuple[str, str]:
    service = request.match_info["service"]
    if not _SERVICE.fullmatch(service):
        raise invalid_argument(f"Not found or not a service name: {service}", "name")
    return request.match_info["project"], service


def _parse_service_name(project: str, name: str) -> str:
    """``projects/P/services/S`` → ``S``. Raises ApiError for another project."""
    prefix = f"projects/{project}/services/"
    service = name.removeprefix(prefix)
    if not name.startswith(prefix) or not _SERVICE.fullmatch(service):
        raise invalid_argument(f"Not found or not a service name: {name}", "names")
    return service


def _resource(db: sqlite3.Connection, project: str, service: str) -> dict[str, Any]:
    return {
        "name": f"projects/{project}/services/{service}",
        "parent": f"projects/{project}",
        "config": {"name": service},
        "state": "DISABLED" if _is_off(db, project, service) else "ENABLED",
    }


def _is_off(db: sqlite3.Connection, project: str, service: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM services_off WHERE project = ? AND service = ?", (project, service)
    )
    return found.fetchone() is not None


def _api_disabled_error(project: str, service: str) -> ApiError:
    """The error of Google's front end: the text, a link, and the reason for programs."""
    title = TITLES.get(service, service)
    url = f"https://console.developers.google.com/apis/api/{service}/overview?project={project}"
    link = {"description": "Google developers console API activation", "url": url}
    metadata = {
        "service": service,
        "serviceTitle": title,
        "consumer": f"projects/{project}",
        "activationUrl": url,
    }
    return ApiError(
        "PERMISSION_DENIED",
        f"{title} has not been used in project {project} before or it is disabled. Enable it "
        f"by visiting {url} then retry. If you enabled this API recently, wait a few minutes "
        "for the action to propagate to our systems and retry.",
        details=(
            {"@type": RPC + "Help", "links": [link]},
            {
                "@type": RPC + "ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": metadata,
            },
        ),
    )
