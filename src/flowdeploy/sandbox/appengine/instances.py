"""Instances (``apps.services.versions.instances`` in the API).

A serving version with manual scaling has the number of instances in its settings. Other
serving versions have one instance while they have traffic.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.appengine import services, versions
from flowdeploy.sandbox.appengine.store import AppStore
from flowdeploy.sandbox.google_api.errors import not_found
from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.responses import json_response, page_response
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339

MAX_INSTANCES = 100


class Instances:
    """The handlers of ``/v1/apps/…/instances``."""

    def __init__(self, store: AppStore) -> None:
        self._store = store

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        all_of_them = "/v1/apps/{app}/services/{service}/versions/{version}/instances"
        return (
            web.get(all_of_them, self.list_all),
            web.get(f"{all_of_them}/{{instance}}", self.get),
        )

    async def list_all(self, request: web.Request) -> web.Response:
        chosen, token = take_page(self._all(request), request.query, lambda item: item["id"])
        return page_response(request, "instances", list(chosen), token)

    async def get(self, request: web.Request) -> web.Response:
        wanted = request.match_info["instance"]
        for instance in self._all(request):
            if instance["id"] == wanted:
                return json_response(instance)
        raise not_found(f"Could not find Instance '{wanted}'.")

    def _all(self, request: web.Request) -> list[dict[str, Any]]:
        service, version = request.match_info["service"], request.match_info["version"]
        with self._store.read(request.match_info["app"]) as view:
            row = versions.find(view, service, version)
            live = version in services.allocations(services.find(view, service))
        return [_instance(row, number) for number in range(_count(row, live=live))]


def _count(row: sqlite3.Row, *, live: bool) -> int:
    body = json.loads(row["body"])
    if body.get("servingStatus") != "SERVING":
        return 0
    if "manualScaling" in body:
        wanted: int = body["manualScaling"].get("instances", 1)
        return min(wanted, MAX_INSTANCES)
    return int(live)


def _instance(row: sqlite3.Row, number: int) -> dict[str, Any]:
    name = versions.resource_name(row["app"], row["service"], row["id"])
    return {
        "name": f"{name}/instances/instance-{number:03}",
        "id": f"instance-{number:03}",
        "appEngineRelease": "sandbox",
        "availability": "DYNAMIC",
        "startTime": to_rfc3339(row["created"]),
        "memoryUsage": "134217728",
    }
