"""Services (``apps.services`` in the API), with their traffic splits."""

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.appengine import operations
from flowdeploy.sandbox.appengine.operations import EMPTY, TYPES, Mutation
from flowdeploy.sandbox.appengine.resources import SERVICE
from flowdeploy.sandbox.appengine.store import AppStore, AppView
from flowdeploy.sandbox.faults import FAULTS
from flowdeploy.sandbox.google_api.errors import invalid_argument, not_found
from flowdeploy.sandbox.google_api.messages import apply_mask, mask_paths, parse_message
from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response, list_response, resource_response

DECIMALS = {"IP": 2, "COOKIE": 3, "RANDOM": 3}
UPDATABLE = {"split", "labels", "networkSettings"}


class Services:
    """The handlers of ``/v1/apps/…/services``."""

    def __init__(self, store: AppStore) -> None:
        self._store = store

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        one = "/v1/apps/{app}/services/{service}"
        return (
            web.get("/v1/apps/{app}/services", self.list_all),
            web.get(one, self.get),
            web.patch(one, self.patch),
            web.delete(one, self.delete),
        )

    async def list_all(self, request: web.Request) -> web.Response:
        app = request.match_info["app"]
        with self._store.read(app) as view:
            rows = view.db.execute(
                "SELECT * FROM services WHERE app = ? ORDER BY id", [app]
            ).fetchall()
        chosen, token = take_page(rows, request.query, lambda row: row["id"])
        items = [to_resource(row) for row in chosen]
        return list_response(request, "services", SERVICE, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._store.read(request.match_info["app"]) as view:
            row = find(view, request.match_info["service"])
        return resource_response(request, SERVICE, to_resource(row))

    async def patch(self, request: web.Request) -> web.Response:
        app, service = request.match_info["app"], request.match_info["service"]
        body = parse_message(SERVICE, await read_json(request), "service")
        mask = _mask(request.query)
        with self._store.write(app) as view:
            view.require_enabled()
            current = to_resource(find(view, service))
            changed = apply_mask(current, body, mask)
            split = changed.get("split", {})
            moves_traffic = any(path[0] == "split" for path in mask_paths(mask))
            if moves_traffic:
                _check_split(view, service, split)
            if request.query.get("migrateTraffic", "").lower() in ("true", "1"):
                _check_migration(view, service, split)
            versions = split.get("allocations", {}) if moves_traffic else {}
            mutation = _update_mutation(view, service, changed, tuple(versions))
            operation = view.start(mutation, request.app[FAULTS])
        return json_response(operation)

    async def delete(self, request: web.Request) -> web.Response:
        app, service = request.match_info["app"], request.match_info["service"]
        with self._store.write(app) as view:
            view.require_enabled()
            find(view, service)
            if service == "default":
                raise invalid_argument("The default service (module) may not be deleted.")
            name = resource_name(app, service)
            busy = operations.pending_targets(view.db, app, f"{name}/")
            mutation = Mutation(
                app=app,
                target=name,
                method="Services.DeleteService",
                effect=(("DELETE FROM services WHERE app = ? AND id = ?", (app, service)),),
                response=EMPTY,
                conflicts=tuple(busy),
            )
            operation = view.start(mutation, request.app[FAULTS])
        return json_response(operation)


def resource_name(app: str, service: str) -> str:
    return f"apps/{app}/services/{service}"


def find(view: AppView, service: str) -> sqlite3.Row:
    """Find the service's row. Raises ApiError NOT_FOUND."""
    row: sqlite3.Row | None = view.db.execute(
        "SELECT * FROM services WHERE app = ? AND id = ?", (view.id, service)
    ).fetchone()
    if row is None:
        raise not_found(f"Could not find Service '{service}' in Application '{view.id}'.")
    return row


def to_resource(row: sqlite3.Row) -> dict[str, Any]:
    """The service in the API's format."""
    return {
        "name": resource_name(row["app"], row["id"]),
        "id": row["id"],
        "split": json.loads(row["split"]),
        **json.loads(row["body"]),
    }


def allocations(row: sqlite3.Row) -> dict[str, float]:
    """The portion of the traffic by version id."""
    split: dict[str, float] = json.loads(row["split"]).get("allocations", {})
    return split


def _mask(query: Mapping[str, str]) -> str:
    mask = query.get("updateMask", "")
    paths = mask_paths(mask)
    if not paths:
        raise invalid_argument("The update mask must name at least one field.", "update_mask")
    unknown = sorted({path[0] for path in paths} - UPDATABLE)
    if unknown:
        raise invalid_argument(
            f"Cannot update field(s) of a service: {', '.join(unknown)}", "update_mask"
        )
    return mask


def _check_split(view: AppView, service: str, split: Mapping[str, Any]) -> None:
    portions: Mapping[str, float] = split.get("allocations", {})
    if not portions:
        raise invalid_argument(
            "A traffic split needs at least one allocation.", "split.allocations"
        )
    known = {
        row["id"]
        for row in view.db.execute(
            "SELECT id FROM versions WHERE app = ? AND service = ?", (view.id, service)
        )
    }
    for version, portion in portions.items():
        field = f"split.allocations[{version}]"
        if version not in known:
            name = f"{resource_name(view.id, service)}/versions/{version}"
            raise invalid_argument(
                f"Traffic cannot be allocated to '{name}': it does not exist.", field
            )
        if not 0 < portion <= 1:
            raise invalid_argument("An allocation is greater than 0 and at most 1.", field)
    if not math.isclose(sum(portions.values()), 1.0, abs_tol=1e-9):
        raise invalid_argument(
            "The allocations of a traffic split must sum to 1.", "split.allocations"
        )
    _check_precision(split.get("shardBy", "UNSPECIFIED"), portions)


def _check_precision(shard_by: str, portions: Mapping[str, float]) -> None:
    """API reference, TrafficSplit.allocations: two decimals by IP, three by cookie."""
    if len(portions) > 1 and shard_by == "UNSPECIFIED":
        raise invalid_argument("A split over several versions needs `shardBy`.", "split.shard_by")
    decimals = DECIMALS.get(shard_by, 3)
    for portion in portions.values():
        if not math.isclose(portion, round(portion, decimals), abs_tol=1e-9):
            text = f"Allocations have up to {decimals} decimal places with shardBy {shard_by}."
            raise invalid_argument(text, "split.allocations")


def _check_migration(view: AppView, service: str, split: Mapping[str, Any]) -> None:
    """API reference, apps.services.patch, `migrateTraffic`: conditions for traffic migration."""
    targets = list(split.get("allocations", {}))
    if len(targets) != 1 or split.get("shardBy") not in ("IP", "COOKIE"):
        raise invalid_argument(
            "Traffic is migrated to one version, with `shardBy` IP or COOKIE.", "split"
        )
    row = view.db.execute(
        "SELECT body FROM versions WHERE app = ? AND service = ? AND id = ?",
        (view.id, service, targets[0]),
    ).fetchone()
    version = json.loads(row["body"])
    if "INBOUND_SERVICE_WARMUP" not in version.get("inboundServices", []):
        raise invalid_argument(
            "Traffic migration needs warmup requests enabled on the target version."
        )
    if version.get("env") == "flex" or "manualScaling" in version or "basicScaling" in version:
        raise invalid_argument(
            "Traffic migration needs automatic scaling in the standard environment."
        )


def _update_mutation(
    view: AppView, service: str, changed: Mapping[str, Any], versions: tuple[str, ...]
) -> Mutation:
    name = resource_name(view.id, service)
    body = {k: v for k, v in changed.items() if k not in ("name", "id", "split")}
    values = (json.dumps(changed["split"]), json.dumps(body), view.id, service)
    return Mutation(
        app=view.id,
        target=name,
        method="Services.UpdateService",
        effect=(("UPDATE services SET split = ?, body = ? WHERE app = ? AND id = ?", values),),
        response={"@type": TYPES + "Service", **changed},
        conflicts=tuple(f"{name}/versions/{version}" for version in versions),
    )
