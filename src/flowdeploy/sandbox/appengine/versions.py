"""Versions: apps.services.versions of the App Engine Admin API."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, list_response, read_json, resource_response
from flowdeploy.sandbox.appengine import operations, rules, services, sources
from flowdeploy.sandbox.appengine.operations import EMPTY, TYPES, USER, Mutation
from flowdeploy.sandbox.appengine.resources import FULL_ONLY, VERSION
from flowdeploy.sandbox.appengine.store import Store, View
from flowdeploy.sandbox.blobs import Blobs
from flowdeploy.sandbox.errors import invalid, not_found
from flowdeploy.sandbox.hosts import hostname
from flowdeploy.sandbox.messages import mask_paths, merge, read
from flowdeploy.sandbox.paging import page
from flowdeploy.sandbox.rehearsal import REHEARSAL, Kind, Occasion, Rehearsal
from flowdeploy.sandbox.times import rfc3339

DEFAULTS = {"env": "standard", "servingStatus": "SERVING"}
Row = sqlite3.Row | Mapping[str, Any]

UPDATABLE = {"servingStatus", "instanceClass", "automaticScaling", "manualScaling"}
VIEWS = {"": False, "BASIC": False, "0": False, "FULL": True, "1": True}
# The versions of a service, without their details and with them: views BASIC and FULL.
OF_SERVICE = {
    False: "SELECT *, '{}' AS details FROM versions WHERE app = ? AND service = ?",
    True: "SELECT app, service, id, created, body, coalesce(details, '{}') AS details"
    " FROM versions LEFT JOIN version_details USING (app, service, id)"
    " WHERE app = ? AND service = ?",
}
LIMIT_KINDS = frozenset({Kind.VERSION_LIMIT})


class Versions:
    def __init__(self, store: Store, blobs: Blobs) -> None:
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
        chosen, token = page(rows, request.query, lambda row: row["id"])
        items = [as_resource(row, view.location) for row in chosen]
        return list_response(request, "versions", VERSION, items, token)

    async def get(self, request: web.Request) -> web.Response:
        full = _is_full(request.query)
        with self._store.read(request.match_info["app"]) as view:
            service, version = request.match_info["service"], request.match_info["version"]
            row = find(view, service, version, full=full)
        resource = as_resource(row, view.location)
        return resource_response(request, VERSION, resource)

    async def create(self, request: web.Request) -> web.Response:
        app, service = request.match_info["app"], request.match_info["service"]
        version = read(VERSION, await read_json(request), "version")
        rehearsal = request.app[REHEARSAL]
        rules.check_service_id(service)
        rules.check_version(version)
        with self._store.write(app) as view:
            view.require_enabled()
            _check_room(view, service, version["id"], rehearsal)
            found = sources.check(view.db, self._blobs, version["deployment"])
            mutation = _creation(view, service, version, found)
            operation = operations.begin(view.db, mutation, rehearsal, view.now)
        return json_response(operation)

    async def patch(self, request: web.Request) -> web.Response:
        service, version = request.match_info["service"], request.match_info["version"]
        body = read(VERSION, await read_json(request), "version")
        mask = _mask(request.query)
        with self._store.write(request.match_info["app"]) as view:
            view.require_enabled()
            row = find(view, service, version)
            changed = merge(json.loads(row["body"]), body, mask)
            _check_change(row, changed)
            mutation = _update(view, row, changed)
            operation = operations.begin(view.db, mutation, request.app[REHEARSAL], view.now)
        return json_response(operation)

    async def delete(self, request: web.Request) -> web.Response:
        service, version = request.match_info["service"], request.match_info["version"]
        with self._store.write(request.match_info["app"]) as view:
            view.require_enabled()
            row = find(view, service, version)
            if version in services.allocations(services.find(view, service)):
                raise invalid(
                    "Cannot delete a version with a non-zero traffic allocation. Please update "
                    "your traffic split to remove the allocation for this version and try again."
                )
            operation = operations.begin(
                view.db, _deletion(view, row), request.app[REHEARSAL], view.now
            )
        return json_response(operation)


def resource_name(app: str, service: str, version: str) -> str:
    return f"{services.resource_name(app, service)}/versions/{version}"


def find(view: View, service: str, version: str, *, full: bool = False) -> sqlite3.Row:
    """The version's row. Raises ApiError NOT_FOUND, also for its service."""
    services.find(view, service)
    row: sqlite3.Row | None = view.db.execute(
        OF_SERVICE[full] + " AND id = ?", (view.id, service, version)
    ).fetchone()
    if row is None:
        raise not_found(
            f"Could not find Version '{version}' in Service '{service}' of Application '{view.id}'."
        )
    return row


def as_resource(row: Row, location: str) -> dict[str, Any]:
    app, service, version = row["app"], row["service"], row["id"]
    of_service = "" if service == "default" else f"{service}-dot-"
    return {
        "name": resource_name(app, service, version),
        "id": version,
        **json.loads(row["body"]),
        **json.loads(row["details"]),
        "createTime": rfc3339(row["created"]),
        "createdBy": USER,
        "versionUrl": f"https://{version}-dot-{of_service}{hostname(app, location)}",
    }


def _is_full(query: Mapping[str, str]) -> bool:
    view = query.get("view", "")
    if view not in VIEWS:
        raise invalid(f"Invalid value at 'view' (VersionView), \"{view}\"", "view")
    return VIEWS[view]


def _mask(query: Mapping[str, str]) -> str:
    mask = query.get("updateMask", "")
    heads = {path[0] for path in mask_paths(mask)}
    if not heads or heads - UPDATABLE:
        raise invalid(
            f"The update mask of a version names some of {', '.join(sorted(UPDATABLE))}.",
            "update_mask",
        )
    return mask


def _check_room(view: View, service: str, version: str, rehearsal: Rehearsal) -> None:
    occasion = Occasion(view.id, "CreateVersion", resource_name(view.id, service, version))
    if rehearsal.strike(LIMIT_KINDS, occasion):
        raise rules.too_many_versions()
    rows = view.db.execute("SELECT service, id FROM versions WHERE app = ?", [view.id])
    known = {(row["service"], row["id"]) for row in rows}
    if (service, version) not in known and len(known) >= rules.MOST_VERSIONS:
        raise rules.too_many_versions()


def _creation(
    view: View, service: str, version: Mapping[str, Any], found: sources.Sources
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
            # A service comes into being by its first version, which has all the traffic.
            ("INSERT OR IGNORE INTO services VALUES (?, ?, ?, '{}')", (view.id, service, first)),
            ("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?)", row),
            ("INSERT INTO version_details VALUES (?, ?, ?, ?)", (*key, json.dumps(details))),
        ),
        response=_response(row, view),
        error=found.error,
    )


def _check_change(row: sqlite3.Row, changed: Mapping[str, Any]) -> None:
    was = json.loads(row["body"])
    changes_status = changed.get("servingStatus") != was.get("servingStatus")
    if changes_status and not {"basicScaling", "manualScaling"} & was.keys():
        raise invalid("A version with automatic scaling cannot be started or stopped.")


def _update(view: View, row: sqlite3.Row, changed: Mapping[str, Any]) -> Mutation:
    key = (row["app"], row["service"], row["id"])
    body = json.dumps(changed)
    statement = "UPDATE versions SET body = ? WHERE app = ? AND service = ? AND id = ?"
    return Mutation(
        app=view.id,
        target=resource_name(*key),
        method="Versions.UpdateVersion",
        effect=((statement, (body, *key)),),
        response=_response((*key, row["created"], body), view),
    )


def _deletion(view: View, row: sqlite3.Row) -> Mutation:
    key = (row["app"], row["service"], row["id"])
    return Mutation(
        app=view.id,
        target=resource_name(*key),
        method="Versions.DeleteVersion",
        effect=(("DELETE FROM versions WHERE app = ? AND service = ? AND id = ?", key),),
        response=EMPTY,
        held=(services.resource_name(view.id, row["service"]),),
    )


def _response(row: tuple[Any, ...], view: View) -> dict[str, Any]:
    columns = ("app", "service", "id", "created", "body", "details")
    named = dict(zip(columns, (*row, "{}"), strict=True))
    return {"@type": TYPES + "Version", **as_resource(named, view.location)}
