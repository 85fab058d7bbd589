"""Copies that move no bytes: rewrite and copy from one bucket to another, and compose."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import read_json, reply
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage.conditions import check_write
from flowdeploy.sandbox.storage.content import combine_crc32c
from flowdeploy.sandbox.storage.objects import Content, as_resource, find, look, put, settings
from flowdeploy.sandbox.storage.refusals import bad_request

MOST_COMPOSED = 32


class Copies:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        source = "/storage/v1/b/{from_bucket}/o/{from_object:.+}"
        target = "b/{bucket}/o/{object:.+}"
        return (
            web.post(f"{source}/rewriteTo/{target}", self.rewrite),
            web.post(f"{source}/copyTo/{target}", self.copy),
            web.post("/storage/v1/b/{bucket}/o/{object:.+}/compose", self.compose),
        )

    async def rewrite(self, request: web.Request) -> web.Response:
        """In one step, however large: a real rewrite may ask to be called again."""
        row = await self._copied(request)
        body = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(row["size"]),
            "objectSize": str(row["size"]),
            "done": True,
            "resource": as_resource(row, request),
        }
        return reply(request, body)

    async def copy(self, request: web.Request) -> web.Response:
        return reply(request, as_resource(await self._copied(request), request))

    async def compose(self, request: web.Request) -> web.Response:
        given = await read_json(request)
        sources = _sources(given.get("sourceObjects"))
        described = given.get("destination") or {}
        if not isinstance(described, dict):
            raise bad_request("Invalid value for: destination")
        key = (request.match_info["bucket"], request.match_info["object"])
        with self._state.write() as db:
            rows = [find(db, key[0], name, query) for name, query in sources]
            check_write(request.query, look(db, *key))
            data = _joined([Content.of_row(row) for row in rows])
            row = put(db, key, data, settings(described), self._state.now())
        return reply(request, as_resource(row, request))

    async def _copied(self, request: web.Request) -> sqlite3.Row:
        match, changes = request.match_info, settings(await read_json(request))
        key = (match["bucket"], match["object"])
        query = _source_query(request.query)
        with self._state.write() as db:
            source = find(db, match["from_bucket"], match["from_object"], query)
            check_write(request.query, source, "ifSource")
            check_write(request.query, look(db, *key))
            body = json.loads(source["body"]) | changes
            return put(db, key, Content.of_row(source), body, self._state.now())


def _source_query(query: Mapping[str, str]) -> dict[str, str]:
    generation = query.get("sourceGeneration")
    return {"generation": generation} if generation else {}


def _sources(given: object) -> list[tuple[str, dict[str, str]]]:
    """Name and query of each source. Raises StorageError 400."""
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_COMPOSED:
        raise bad_request(f"A compose takes 1 to {MOST_COMPOSED} source objects.")
    return [_source(item) for item in given]


def _source(item: Any) -> tuple[str, dict[str, str]]:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise bad_request("A source object has a `name`.")
    conditions = item.get("objectPreconditions") or {}
    wanted = conditions.get("ifGenerationMatch") if isinstance(conditions, dict) else None
    generation = item.get("generation") or wanted
    return name, {"generation": str(generation)} if generation else {}


def _joined(contents: list[Content]) -> Content:
    """What the contents are, one after the other. Nobody has computed an MD5 or SHA-1 of it."""
    checksum = 0
    for data in contents:
        checksum = combine_crc32c(checksum, int(data.crc32c, 16), data.size)
    return Content(
        parts=tuple(part for data in contents for part in data.parts),
        size=sum(data.size for data in contents),
        crc32c=f"{checksum:08x}",
        sha1=None,
        md5=None,
        components=sum(data.components or 1 for data in contents),
    )
