"""Applications (``apps`` in the API), with their locations and operations."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.appengine import operations, rules, services
from flowdeploy.sandbox.appengine.operations import TYPES, Mutation
from flowdeploy.sandbox.appengine.resources import APPLICATION
from flowdeploy.sandbox.appengine.store import AppStore, AppView
from flowdeploy.sandbox.faults import FAULTS
from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument, not_found
from flowdeploy.sandbox.google_api.hostnames import (
    REGION_IDS,
    code_bucket,
    default_bucket,
    hostname,
    region,
)
from flowdeploy.sandbox.google_api.messages import apply_mask, parse_message
from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response, page_response, resource_response
from flowdeploy.sandbox.state import App, State
from flowdeploy.sandbox.storage import tables as storage

DEFAULTS = {
    "authDomain": "gmail.com",
    "servingStatus": "SERVING",
    "featureSettings": {"splitHealthChecks": True, "useContainerOptimizedOs": True},
    "databaseType": "CLOUD_DATASTORE_COMPATIBILITY",
    "sslPolicy": "DEFAULT",
}
UPDATABLE = {
    *("authDomain", "databaseType", "defaultCookieExpiration", "dispatchRules"),
    *("featureSettings", "iap", "serviceAccount", "servingStatus", "sslPolicy"),
}
MAX_DISPATCH_RULES = 20
LOCATION_FACTS = {
    "@type": TYPES + "LocationMetadata",
    "standardEnvironmentAvailable": True,
    "flexibleEnvironmentAvailable": True,
}

_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)


class Apps:
    """The handlers of ``/v1/apps``."""

    def __init__(self, state: State, store: AppStore) -> None:
        self._state = state
        self._store = store

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (
            web.post("/v1/apps", self.create),
            web.post("/v1/apps/{app}:repair", self.repair),
            web.get("/v1/apps/{app}/operations", self.list_operations),
            web.get("/v1/apps/{app}/operations/{operation}", self.get_operation),
            web.get("/v1/apps/{app}/locations", self.list_locations),
            web.get("/v1/apps/{app}/locations/{location}", self.get_location),
            web.get("/v1/apps/{app}", self.get),
            web.patch("/v1/apps/{app}", self.patch),
        )

    async def get(self, request: web.Request) -> web.Response:
        with self._store.read(request.match_info["app"]) as view:
            return resource_response(request, APPLICATION, to_resource(view, view.body))

    async def create(self, request: web.Request) -> web.Response:
        body = parse_message(APPLICATION, await read_json(request), "application")
        app, location = body.get("id", ""), body.get("locationId", "us-central")
        if not _PROJECT.fullmatch(app):
            raise invalid_argument(f"Invalid project id '{app}'.", "application.id")
        if location not in REGION_IDS:
            raise invalid_argument(f"Unknown location '{location}'.", "application.location_id")
        settings = {k: v for k, v in body.items() if k in UPDATABLE}
        with self._state.write() as db:
            if db.execute("SELECT 1 FROM apps WHERE id = ?", [app]).fetchone():
                text = f"The project '{app}' already contains an App Engine application."
                raise ApiError("ALREADY_EXISTS", text)
            view = AppView(db, app, location, settings, self._state.now())
            operation = view.start(_create_mutation(view), request.app[FAULTS])
        return json_response(operation)

    async def patch(self, request: web.Request) -> web.Response:
        body = parse_message(APPLICATION, await read_json(request), "application")
        mask = rules.check_update_mask(request.query, UPDATABLE, "an application")
        with self._store.write(request.match_info["app"]) as view:
            changed = apply_mask(view.body, body, mask)
            _check_dispatch(view, changed.get("dispatchRules", []))
            operation = view.start(_update_mutation(view, changed), request.app[FAULTS])
        return json_response(operation)

    async def repair(self, request: web.Request) -> web.Response:
        await read_json(request)
        with self._store.write(request.match_info["app"]) as view:
            mutation = Mutation(
                app=view.id,
                target=f"apps/{view.id}",
                method="Applications.RepairApplication",
                effect=_bucket_rows(view),
                response={"@type": TYPES + "Application", **to_resource(view, view.body)},
            )
            operation = view.start(mutation, request.app[FAULTS])
        return json_response(operation)

    async def list_operations(self, request: web.Request) -> web.Response:
        done = _parse_done_filter(request.query.get("filter", ""))
        with self._store.read(request.match_info["app"]) as view:
            rows = operations.list_all(view.db, view.id, done)
        chosen, token = take_page(rows, request.query, lambda row: row["id"])
        items = [operations.to_resource(row) for row in chosen]
        return page_response(request, "operations", items, token)

    async def get_operation(self, request: web.Request) -> web.Response:
        app, number = request.match_info["app"], request.match_info["operation"]
        # The operation that creates an application exists before the application.
        with self._store.read_tables(app) as db:
            return json_response(operations.get(db, app, number))

    async def list_locations(self, request: web.Request) -> web.Response:
        with self._store.read(request.match_info["app"]) as view:
            names = sorted(REGION_IDS)
        chosen, token = take_page(names, request.query, str)
        items = [_location(view.id, name) for name in chosen]
        return page_response(request, "locations", items, token)

    async def get_location(self, request: web.Request) -> web.Response:
        name = request.match_info["location"]
        with self._store.read(request.match_info["app"]) as view:
            if name not in REGION_IDS:
                raise not_found(f"Location 'apps/{view.id}/locations/{name}' not found.")
        return json_response(_location(view.id, name))


def to_resource(view: AppView, body: Mapping[str, Any]) -> dict[str, Any]:
    """The application in the API's format."""
    return {
        "name": f"apps/{view.id}",
        "id": view.id,
        "locationId": view.location,
        "defaultHostname": hostname(view.id, view.location),
        "codeBucket": code_bucket(view.id),
        "defaultBucket": default_bucket(view.id),
        "gcrDomain": "eu.gcr.io" if view.location.startswith("europe") else "us.gcr.io",
        "serviceAccount": f"{view.id}@appspot.gserviceaccount.com",
        **DEFAULTS,
        **body,
    }


def _parse_done_filter(text: str) -> bool | None:
    """Parse the filters `done:false` and `done:true`. Raises ApiError for other filters."""
    match re.sub(r"\s", "", text).lower().replace("=", ":"):
        case "":
            return None
        case "done:false":
            return False
        case "done:true":
            return True
        case _:
            raise invalid_argument(f"Invalid filter '{text}'.", "filter")


def _location(app: str, name: str) -> dict[str, Any]:
    return {
        "name": f"apps/{app}/locations/{name}",
        "locationId": name,
        "labels": {"cloud.googleapis.com/region": region(name)},
        "metadata": LOCATION_FACTS,
    }


def _check_dispatch(view: AppView, dispatch_rules: list[dict[str, str]]) -> None:
    """API reference, Application.dispatchRules: at most 20 rules, for existing services."""
    if len(dispatch_rules) > MAX_DISPATCH_RULES:
        text = f"An application has at most {MAX_DISPATCH_RULES} dispatch rules."
        raise invalid_argument(text, "application.dispatch_rules")
    for rule in dispatch_rules:
        if not rule.get("path", "").startswith("/"):
            raise invalid_argument(
                "A dispatch rule's path begins with '/'.", "application.dispatch_rules"
            )
        services.find(view, rule.get("service", ""))


def _create_mutation(view: AppView) -> Mutation:
    app = ("INSERT INTO apps VALUES (?, ?, ?)", (view.id, view.location, json.dumps(view.body)))
    return Mutation(
        app=view.id,
        target=f"apps/{view.id}",
        method="Applications.CreateApplication",
        effect=(app, *_bucket_rows(view)),
        response={"@type": TYPES + "Application", **to_resource(view, view.body)},
    )


def _update_mutation(view: AppView, changed: Mapping[str, Any]) -> Mutation:
    statement = "UPDATE apps SET body = ? WHERE id = ?"
    return Mutation(
        app=view.id,
        target=f"apps/{view.id}",
        method="Applications.UpdateApplication",
        effect=((statement, (json.dumps(changed), view.id)),),
        response={"@type": TYPES + "Application", **to_resource(view, changed)},
    )


def _bucket_rows(view: AppView) -> tuple[operations.Statement, ...]:
    rows = storage.bucket_rows([App(view.id, view.location)], view.now)
    return tuple((storage.INSERT_BUCKET, row) for row in rows)
