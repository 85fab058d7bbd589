"""The control API: settings, faults, the request log, the clock and the state.

    GET    /_sandbox/settings          latency, operation_seconds, fault_rate, seed, index_seconds
    PATCH  /_sandbox/settings          {"latency": 0.05}: changes the named settings
    GET    /_sandbox/faults            the armed faults
    POST   /_sandbox/faults            {"kind": "operation-error", "project": "p", "times": 1}
    DELETE /_sandbox/faults            disarms all faults
    GET    /_sandbox/requests          the log; filter with ?method= ?path= (a glob) ?status=
    DELETE /_sandbox/requests          clears the log
    GET    /_sandbox/clock             {"now": seconds since 1970}
    POST   /_sandbox/clock             {"advance": seconds}: moves the clock forward
    GET    /_sandbox/state             all tables of the database; filter with ?table=

``faults.Fault`` describes the faults. Settings and faults belong to the running process;
they are not part of the state.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.faults import FAULTS, change_settings, is_amount, parse_fault
from flowdeploy.sandbox.google_api.errors import invalid_argument
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response
from flowdeploy.sandbox.request_log import REQUEST_LOG, LogEntry
from flowdeploy.sandbox.state import State

PREFIX = "/_sandbox/"
JSON_COLUMNS = {"body", "details", "effect", "error", "finished", "intent", "response", "split"}


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    clock = Clock(state)
    return (
        web.get("/_sandbox/settings", get_settings),
        web.patch("/_sandbox/settings", patch_settings),
        web.get("/_sandbox/faults", list_faults),
        web.post("/_sandbox/faults", arm_fault),
        web.delete("/_sandbox/faults", disarm_faults),
        web.get("/_sandbox/requests", list_requests),
        web.delete("/_sandbox/requests", clear_requests),
        web.get("/_sandbox/clock", clock.get),
        web.post("/_sandbox/clock", clock.advance),
        web.get("/_sandbox/state", Tables(state).get),
    )


async def get_settings(request: web.Request) -> web.Response:
    return json_response(asdict(request.app[FAULTS].settings))


async def patch_settings(request: web.Request) -> web.Response:
    injector = request.app[FAULTS]
    injector.settings = change_settings(injector.settings, await read_json(request))
    return await get_settings(request)


async def list_faults(request: web.Request) -> web.Response:
    return json_response({"faults": [f.to_json() for f in request.app[FAULTS].faults]})


async def arm_fault(request: web.Request) -> web.Response:
    request.app[FAULTS].arm(parse_fault(await read_json(request)))
    return await list_faults(request)


async def disarm_faults(request: web.Request) -> web.Response:
    request.app[FAULTS].disarm_all()
    return await list_faults(request)


async def list_requests(request: web.Request) -> web.Response:
    wanted = request.query
    found = [asdict(entry) for entry in request.app[REQUEST_LOG] if _matches(entry, wanted)]
    return json_response({"requests": found})


async def clear_requests(request: web.Request) -> web.Response:
    request.app[REQUEST_LOG].clear()
    return json_response({})


def _matches(entry: LogEntry, wanted: Mapping[str, str]) -> bool:
    return (
        wanted.get("method") in (None, entry.method)
        and wanted.get("status") in (None, str(entry.status))
        and fnmatchcase(entry.path, wanted.get("path", "*"))
    )


class Clock:
    """The sandbox's clock. It can be moved forward but not back."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, _: web.Request) -> web.Response:
        return self._answer()

    async def advance(self, request: web.Request) -> web.Response:
        seconds = (await read_json(request)).get("advance")
        if not is_amount(seconds):
            raise invalid_argument("`advance` must be a number of seconds, at least 0", "advance")
        self._state.clock_offset += seconds
        return self._answer()

    def _answer(self) -> web.Response:
        return json_response({"now": self._state.now()})


class Tables:
    """The tables of the database, so that tests can compare the whole state."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, request: web.Request) -> web.Response:
        wanted = request.query.getall("table", [])
        with self._state.read() as db:
            found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = sorted(row["name"] for row in found)
            tables = {name: _rows(db, name) for name in names if not wanted or name in wanted}
        return json_response(tables)


def _rows(db: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    rows = db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (a name from the schema)
    return [{key: _value(key, row[key]) for key in row.keys()} for row in rows]  # noqa: SIM118


def _value(column: str, value: Any) -> Any:
    return json.loads(value) if column in JSON_COLUMNS and isinstance(value, str) else value
