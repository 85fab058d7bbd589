"""The pages of the emulated applications, served by hostname.

A request whose ``Host`` header names an application gets a page with the project, service
and version that served it. If the hostname names no service or version, the dispatch rules
and the traffic split choose them.
"""

import json
import secrets
import sqlite3
import zlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.appengine import services
from flowdeploy.sandbox.appengine.store import AppStore, AppView
from flowdeploy.sandbox.faults import FAULTS, FaultKind, Occasion
from flowdeploy.sandbox.google_api.errors import ApiError, not_found
from flowdeploy.sandbox.google_api.hostnames import DOMAIN, AppAddress, parse_host
from flowdeploy.sandbox.google_api.responses import json_response
from flowdeploy.sandbox.state import State

COOKIE = "GOOGAPPUID"
PLACES = 1000
UNHEALTHY = frozenset({FaultKind.UNHEALTHY})


def is_application(host: str) -> bool:
    """Whether the host is an application's."""
    return host.isascii() and host.partition(":")[0].endswith(f".{DOMAIN}")


class AppPages:
    """The handler of requests to hostnames of applications."""

    def __init__(self, state: State) -> None:
        self._store = AppStore(state)

    async def respond(self, request: web.Request) -> web.Response:
        """Respond with the page.

        Raises ApiError NOT_FOUND if the application, service or version does not exist or
        is disabled, and UNAVAILABLE if the version is stopped or a fault makes it unhealthy.
        """
        asked = parse_host(request.host)
        place = _find_place(request)
        with self._store.read(asked[0].project) as view:
            if not view.is_enabled:
                raise _no_page_error()
            service, version = _resolve(view, asked, request.path, place)
            _require_serving(view, service, version)
        target = f"apps/{view.id}/services/{service}/versions/{version}"
        occasion = Occasion(view.id, request.method, target)
        if request.app[FAULTS].take_fault(UNHEALTHY, occasion):
            raise ApiError("UNAVAILABLE", f"{target} is unhealthy.")
        page = {"project": view.id, "service": service, "version": version, "path": request.path}
        response = json_response(page)
        response.set_cookie(COOKIE, str(place))
        return response


def _resolve(
    view: AppView, asked: tuple[AppAddress, ...], path: str, place: int
) -> tuple[str, str]:
    """Find the service and version that serve a request. Raises ApiError NOT_FOUND."""
    for address in asked:
        named = address.service or _find_dispatch_service(view, path) or "default"
        row = view.db.execute(
            "SELECT * FROM services WHERE app = ? AND id = ?", (view.id, named)
        ).fetchone()
        if row is not None:
            return named, address.version or _pick_live_version(row, place)
    raise _no_page_error()


def _find_dispatch_service(view: AppView, path: str) -> str | None:
    """The service of the first dispatch rule that matches. Rules for other domains never do."""
    for rule in view.body.get("dispatchRules", []):
        of_any_domain = rule.get("domain", "*") == "*"
        if of_any_domain and fnmatchcase(path, rule["path"]):
            service: str = rule["service"]
            return service
    return None


def _pick_live_version(row: sqlite3.Row, place: int) -> str:
    """The version whose share of the traffic covers this place."""
    portions = services.allocations(row)
    reached = 0.0
    for version, portion in sorted(portions.items()):
        reached += portion * PLACES
        if place < round(reached):
            return version
    return max(portions)


def _require_serving(view: AppView, service: str, version: str) -> None:
    row = view.db.execute(
        "SELECT body FROM versions WHERE app = ? AND service = ? AND id = ?",
        (view.id, service, version),
    ).fetchone()
    if row is None:
        raise _no_page_error()
    body: Mapping[str, Any] = json.loads(row["body"])
    if body["servingStatus"] != "SERVING":
        raise ApiError("UNAVAILABLE", f"Version {version} is stopped.")


def _no_page_error() -> ApiError:
    return not_found("The requested URL was not found on this server.")


def _find_place(request: web.Request) -> int:
    """The visitor's place in the traffic, from 0 to 999.

    It comes from the cookie that the first response set, or else from the address that a
    proxy forwards. Other visitors get a random place.
    """
    cookie = request.cookies.get(COOKIE, "")
    if cookie.isascii() and cookie.isdigit():
        return int(cookie[:9]) % PLACES
    forwarded = request.headers.get("X-Forwarded-For")
    if forwarded:
        return zlib.crc32(forwarded.encode()) % PLACES
    return secrets.randbelow(PLACES)


APP_PAGES = web.AppKey("pages", AppPages)
