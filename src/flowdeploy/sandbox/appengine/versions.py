"""Versions (``apps.services.versions`` in the API)."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.appengine import rules, services, sources
from flowdeploy.sandbox.appengine.operations import EMPTY, TYPES, USER, Mutation
from flowdeploy.sandbox.appengine.resources import FULL_ONLY, VERSION
from flowdeploy.sandbox.appengine.store import AppStore, AppView
from flowdeploy.sandbox.blobs import Blobs
from flowdeploy.sandbox.faults import FAULTS, FaultInjector, FaultKind, Occasion
from flowdeploy.sandbox.google_api.errors import invalid_argument, not_found
from flowdeploy.sandbox.google_api.hostnames import hostname
from flowdeploy.sandbox.google_api.messages import apply_mask, parse_message
from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response, list_response, resource_response
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339

DEFAULTS = {"env": "standard", "servingStatus": "SERVING"}
VersionRow = sqlite3.Row | Mapping[str, Any]

UPDATABLE = {"servingStatus", "instanceClass", "automaticScaling", "manualScaling"}
VIEWS = {"": False, "BASIC": False, "0": False, "FULL": True, "1": True}
# Queries for the views BASIC (without details) and FULL.
OF_SERVICE = {
    False: "SELECT *, '{}' AS details FROM versions WHERE app = ? AND service = ?",
    True: "SELECT app, service, id, created, body, coalesce(details, '{}') AS details"
    " FROM versions LEFT JOIN version_details USING (app, service, id)"
    " WHERE app = ? AND service = ?",
}
LIMIT_KINDS = frozenset({FaultKind.VERSION_LIMIT})


class Versions:
    """The handlers of ``/v1/apps/…/versions``."""

    def __init__(self, store: AppStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        all_of_them = "/v1/apps/{app}/services/{service}/versions"
        one = f"{all_of_them}/{{version}}"
        return (
            web.get(all_of_them, self.list_all),
            web.post(all_of_them, self.create),
            web.get(one, self.get),
            web.patch(one, self.patch),
            web.delete(one, self.delete),
        )

    async def list_all(self, request: web.Request) -> web.Response:
        full = _is_full(request.query)
        with self._store.read(request.match_info["app"]) as view:
            services.find(view, request.match_info["service"])
            key = (view.id, request.match_info["service"])
            rows = view.db.execute(OF_SERVICE[full] + " ORDER BY id", key).fetchall()
        chosen, token = take_page(rows, request.query, lambda row: row["id"])
        items = [to_resource(row, view.location) for row in chosen]
        return list_response(request, "versions", VERSION, items, token)

    async def get(self, request: web.Request) -> web.Response:
        full = _is_full(request.query)
        with self._store.read(request.match_info["app"]) as view:
            service, version = request.match_info["service"], request.match_info["version"]
            row = find(view, service, version, full=full)
        resource = to_resource(row, view.location)
        return resource_response(request, VERSION, resource)

    async def create(self, request: web.Request) -> web.Response:
        app, service = request.match_info["app"], request.match_info["service"]
        version = parse_message(VERSION, await read_json(request), "version")
        injector = request.app[FAULTS]
        rules.check_service_id(service)
        rules.check_version(version)
        with self._store.write(app) as view:
            view.require_enabled()
            _check_version_limit(view, service, version["id"], injector)
            found = sources.check(view.db, self._blobs, version["deployment"])
            mutation = _create_mutation(view, service, version, found)
            operation = view.start(mutation, injector)
        return json_response(operation)

    async def patch(self, request: web.Request) -> web.Response:
        service, version = request.match_info["service"], request.match_info["version"]
        body = parse_message(VERSION, await read_json(request), "version")
        mask = rules.check_update_mask(request.query, UPDATABLE, "a version")
        with self._store.write(request.match_info["app"]) as view:
            view.require_enabled()
            row = find(view, service, version)
            changed = apply_mask(json.loads(row["body"]), body, mask)
            _check_change(row, changed)
            mutation = _update_mutation(view, row, changed)
            operation = view.start(mutation, request.app[FAULTS])
        return json_response(operation)

    async def delete(self, request: web.Request) -> web.Response:
        service, version = request.match_info["service"], request.match_info["version"]
        with self._store.write(request.match_info["app"]) as view:
            view.require_enabled()
            row = find(view, service, version)
            if version in services.allocations(services.find(view, service)):
                raise invalid_argument(
                    "Cannot delete a version with a non-zero traffic allocation. Please update "
                    "your traffic split to remove the allocation for this version and try again."
                )
            operation = view.start(_delete_mutation(view, row), request.app[FAULTS])
        return json_response(operation)


def resource_name(app: str, service: str, version: str) -> str:
    return f"{services.resource_name(app, service)}/versions/{version}"


def find(view: AppView, service: str, version: str, *, full: bool = False) -> sqlite3.Row:
    """Find the version's row. Raises ApiError NOT_FOUND, also if the service does not exist."""
    services.find(view, service)
    row: sqlite3.Row | None = view.db.execute(
        OF_SERVICE[full] + " AND id = ?", (view.id, service, version)
    ).fetchone()
    if row is None:
        raise not_found(
            f"Could not find Version '{version}' in Service '{service}' of Application '{view.id}'."
        )
    return row


def to_resource(row: VersionRow, location: str) -> dict[str, Any]:
    """The version in the API's format."""
    app, service, version = row["app"], row["service"], row["id"]
    of_service = "" if service == "default" else f"{service}-dot-"
    return {
        "name": resource_name(app, service, version),
        "id": version,
        **json.loads(row["body"]),
        **json.loads(row["details"]),
        "createTime": to_rfc3339(row["created"]),
        "createdBy": USER,
        "versionUrl": f"https://{version}-dot-{of_service}{hostname(app, location)}",
    }


def _is_full(query: Mapping[str, str]) -> bool:
    view = query.get("view", "")
    if view not in VIEWS:
        raise invalid_argument(f"Invalid value at 'view' (VersionView), \"{view}\"", "view")
    return VIEWS[view]


def _check_version_limit(
    view: AppView, service: str, version: str, injector: FaultInjector
) -> None:
    occasion = Occasion(view.id, "CreateVersion", resource_name(view.id, service, version))
    if injector.take_fault(LIMIT_KINDS, occasion):
        raise rules.version_limit_error()
    rows = view.db.execute("SELECT service, id FROM versions WHERE app = ?", [view.id])
    known = {(row["service"], row["id"]) for row in rows}
    if (service, version) not in known and len(known) >= rules.MAX_VERSIONS:
        raise rules.version_limit_error()


def _create_mutation(
    view: AppView, service: str, version: Mapping[str, Any], found: sources.Sources
) -> Mutation:
    target = resource_name(view.id, service, version["id"])
    facts = {k: v for k, v in version.items() if k not in FULL_ONLY and k != "id"}
    body = {**DEFAULTS, **facts, "diskUsageBytes": str(found.size)}
    details = {k: v for k, v in version.items() if k in FULL_ONLY}
    first = json.dumps({"allocations": {version["id"]: 1}})
    key = (view.id, service, version["id"])
    row = (*key, view.now, json.dumps(body))
    return Mutation(
        app=view.id,
        target=target,
        method="Versions.CreateVersion",
        effect=(
            # The first version creates its service, and has all the traffic.
            ("INSERT OR IGNORE INTO services VALUES (?, ?, ?, '{}')", (view.id, service, first)),
            ("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?)", row),
            ("INSERT INTO version_details VALUES (?, ?, ?, ?)", (*key, json.dumps(details))),
        ),
        response=_version_response(row, view),
        error=found.error,
    )


def _check_change(row: sqlite3.Row, changed: Mapping[str, Any]) -> None:
    was = json.loads(row["body"])
    changes_status = changed.get("servingStatus") != was.get("servingStatus")
    if changes_status and not {"basicScaling", "manualScaling"} & was.keys():
        raise invalid_argument("A version with automatic scaling cannot be started or stopped.")


def _update_mutation(view: AppView, row: sqlite3.Row, changed: Mapping[str, Any]) -> Mutation:
    key = (row["app"], row["service"], row["id"])
    body = json.dumps(changed)
    statement = "UPDATE versions SET body = ? WHERE app = ? AND service = ? AND id = ?"
    return Mutation(
        app=view.id,
        target=resource_name(*key),
        method="Versions.UpdateVersion",
        effect=((statement, (body, *key)),),
        response=_version_response((*key, row["created"], body), view),
    )


def _delete_mutation(view: AppView, row: sqlite3.Row) -> Mutation:
    key = (row["app"], row["service"], row["id"])
    return Mutation(
        app=view.id,
        target=resource_name(*key),
        method="Versions.DeleteVersion",
        effect=(("DELETE FROM versions WHERE app = ? AND service = ? AND id = ?", key),),
        response=EMPTY,
        conflicts=(services.resource_name(view.id, row["service"]),),
    )


def _version_response(row: tuple[Any, ...], view: AppView) -> dict[str, Any]:
    columns = ("app", "service", "id", "created", "body", "details")
    named = dict(zip(columns, (*row, "{}"), strict=True))
    return {"@type": TYPES + "Version", **to_resource(named, view.location)}
