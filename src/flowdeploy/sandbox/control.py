"""The control API: how the stand-in is told to behave, and asked what it has seen.

    GET    /_sandbox/settings          latency, operation_seconds, fault_rate, seed
    PATCH  /_sandbox/settings          {"latency": 0.05}: changes what is named
    GET    /_sandbox/faults            what is armed
    POST   /_sandbox/faults            {"kind": "operation-error", "project": "p", "times": 1}
    DELETE /_sandbox/faults            disarms all
    GET    /_sandbox/requests          the log; ?method= ?path= (a glob) ?status= narrow it
    DELETE /_sandbox/requests          empties it
    GET    /_sandbox/clock             {"now": seconds since 1970}
    POST   /_sandbox/clock             {"advance": seconds}: operations come to their end
    GET    /_sandbox/state             all that is remembered, table by table; ?table= narrows it

Faults are described at ``rehearsal.Fault``. Settings and faults are the running process's;
they are not part of the state.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, read_json
from flowdeploy.sandbox.errors import invalid
from flowdeploy.sandbox.rehearsal import REHEARSAL, change_settings, parse_fault
from flowdeploy.sandbox.requestlog import LOG, Entry
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
        web.delete("/_sandbox/requests", forget_requests),
        web.get("/_sandbox/clock", clock.get),
        web.post("/_sandbox/clock", clock.advance),
        web.get("/_sandbox/state", Tables(state).get),
    )


async def get_settings(request: web.Request) -> web.Response:
    return json_response(asdict(request.app[REHEARSAL].settings))


async def patch_settings(request: web.Request) -> web.Response:
    rehearsal = request.app[REHEARSAL]
    rehearsal.settings = change_settings(rehearsal.settings, await read_json(request))
    return await get_settings(request)


async def list_faults(request: web.Request) -> web.Response:
    return json_response({"faults": [f.as_json() for f in request.app[REHEARSAL].faults]})


async def arm_fault(request: web.Request) -> web.Response:
    request.app[REHEARSAL].arm(parse_fault(await read_json(request)))
    return await list_faults(request)


async def disarm_faults(request: web.Request) -> web.Response:
    request.app[REHEARSAL].disarm()
    return await list_faults(request)


async def list_requests(request: web.Request) -> web.Response:
    wanted = request.query
    found = [asdict(entry) for entry in request.app[LOG] if _is_wanted(entry, wanted)]
    return json_response({"requests": found})


async def forget_requests(request: web.Request) -> web.Response:
    request.app[LOG].clear()
    return json_response({})


def _is_wanted(entry: Entry, wanted: Mapping[str, str]) -> bool:
    return (
        wanted.get("method") in (None, entry.method)
        and wanted.get("status") in (None, str(entry.status))
        and fnmatchcase(entry.path, wanted.get("path", "*"))
    )


class Clock:
    """The stand-in's time, which can be put forward but not back."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, _: web.Request) -> web.Response:
        return self._answer()

    async def advance(self, request: web.Request) -> web.Response:
        seconds = (await read_json(request)).get("advance")
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, int | float)
            or not 0 <= seconds < 1e9
        ):
            raise invalid("`advance` is a number of seconds, at least 0", "advance")
        self._state.clock_offset += seconds
        return self._answer()

    def _answer(self) -> web.Response:
        return json_response({"now": self._state.now()})


class Tables:
    """The state as it lies in the database, to be compared whole."""

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
