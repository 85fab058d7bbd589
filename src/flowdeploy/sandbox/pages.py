"""The applications themselves: what answers at their hostnames.

A request whose ``Host`` is an application's gets a page that names the project, the
service and the version that it has reached. Without a version in the name that is what
the dispatch rules and the traffic split say.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import zlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response
from flowdeploy.sandbox.appengine import services
from flowdeploy.sandbox.appengine.store import Store, View
from flowdeploy.sandbox.errors import ApiError, not_found
from flowdeploy.sandbox.hosts import DOMAIN, Address, candidates
from flowdeploy.sandbox.rehearsal import REHEARSAL, Kind, Occasion
from flowdeploy.sandbox.state import State

COOKIE = "GOOGAPPUID"
BUCKETS = 1000
UNHEALTHY = frozenset({Kind.UNHEALTHY})


def is_application(host: str) -> bool:
    return host.isascii() and host.partition(":")[0].endswith(f".{DOMAIN}")


class Pages:
    def __init__(self, state: State) -> None:
        self._store = Store(state)

    async def answer(self, request: web.Request) -> web.Response:
        """The page. 404 for what does not exist, 503 for what does not serve or is unhealthy."""
        asked = candidates(request.host)
        place = _place(request)
        with self._store.read(asked[0].project) as view:
            if not view.is_enabled:
                raise _nothing_here()
            service, version = _resolve(view, asked, request.path, place)
            _require_serving(view, service, version)
        target = f"apps/{view.id}/services/{service}/versions/{version}"
        occasion = Occasion(view.id, request.method, target)
        if request.app[REHEARSAL].strike(UNHEALTHY, occasion):
            raise ApiError("UNAVAILABLE", f"{target} is unhealthy.")
        page = {"project": view.id, "service": service, "version": version, "path": request.path}
        response = json_response(page)
        response.set_cookie(COOKIE, str(place))
        return response


def _resolve(view: View, asked: tuple[Address, ...], path: str, place: int) -> tuple[str, str]:
    """The service and version that a request reaches. Raises ApiError NOT_FOUND."""
    for address in asked:
        named = address.service or _dispatched(view, path) or "default"
        row = view.db.execute(
            "SELECT * FROM services WHERE app = ? AND id = ?", (view.id, named)
        ).fetchone()
        if row is not None:
            return named, address.version or _live(row, place)
    raise _nothing_here()


def _dispatched(view: View, path: str) -> str | None:
    """The service of the first dispatch rule that fits. Rules for other domains do not."""
    for rule in view.body.get("dispatchRules", []):
        of_any_domain = rule.get("domain", "*") == "*"
        if of_any_domain and fnmatchcase(path, rule["path"]):
            service: str = rule["service"]
            return service
    return None


def _live(row: sqlite3.Row, place: int) -> str:
    """The version whose share of the traffic covers this place."""
    portions = services.allocations(row)
    reached = 0.0
    for version, portion in sorted(portions.items()):
        reached += portion * BUCKETS
        if place < round(reached):
            return version
    return max(portions)


def _require_serving(view: View, service: str, version: str) -> None:
    row = view.db.execute(
        "SELECT body FROM versions WHERE app = ? AND service = ? AND id = ?",
        (view.id, service, version),
    ).fetchone()
    if row is None:
        raise _nothing_here()
    body: Mapping[str, Any] = json.loads(row["body"])
    if body["servingStatus"] != "SERVING":
        raise ApiError("UNAVAILABLE", f"Version {version} is stopped.")


def _nothing_here() -> ApiError:
    return not_found("The requested URL was not found on this server.")


def _place(request: web.Request) -> int:
    """Where in the traffic, from 0 to 999, a visitor stands.

    A visitor keeps its place by the cookie that the first answer gave it. An address that
    a proxy names keeps one too; others are placed by chance.
    """
    cookie = request.cookies.get(COOKIE, "")
    if cookie.isascii() and cookie.isdigit():
        return int(cookie[:9]) % BUCKETS
    forwarded = request.headers.get("X-Forwarded-For")
    if forwarded:
        return zlib.crc32(forwarded.encode()) % BUCKETS
    return secrets.randbelow(BUCKETS)


PAGES = web.AppKey("pages", Pages)
