"""Rewrite, copy and compose. They copy no bytes, because objects refer to blobs."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import partial_json_response
from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage.content import combine_crc32c
from flowdeploy.sandbox.storage.errors import invalid_error
from flowdeploy.sandbox.storage.objects import (
    ObjectContent,
    find,
    find_or_none,
    parse_settings,
    store,
    to_resource,
)
from flowdeploy.sandbox.storage.preconditions import check_write

MAX_SOURCES = 32


class Copies:
    """The handlers of rewriteTo, copyTo and compose."""

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
        """Copy an object in one call; the real service may need several."""
        row = await self._copy_object(request)
        body = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(row["size"]),
            "objectSize": str(row["size"]),
            "done": True,
            "resource": to_resource(row, request),
        }
        return partial_json_response(request, body)

    async def copy(self, request: web.Request) -> web.Response:
        return partial_json_response(
            request, to_resource(await self._copy_object(request), request)
        )

    async def compose(self, request: web.Request) -> web.Response:
        given = await read_json(request)
        sources = _parse_sources(given.get("sourceObjects"))
        described = given.get("destination") or {}
        if not isinstance(described, dict):
            raise invalid_error("Invalid value for: destination")
        key = (request.match_info["bucket"], request.match_info["object"])
        with self._state.write() as db:
            rows = [find(db, key[0], name, query) for name, query in sources]
            check_write(request.query, find_or_none(db, *key))
            data = _concatenate([ObjectContent.of_row(row) for row in rows])
            row = store(db, key, data, parse_settings(described), self._state.now())
        return partial_json_response(request, to_resource(row, request))

    async def _copy_object(self, request: web.Request) -> sqlite3.Row:
        match, changes = request.match_info, parse_settings(await read_json(request))
        key = (match["bucket"], match["object"])
        query = _source_query(request.query)
        with self._state.write() as db:
            source = find(db, match["from_bucket"], match["from_object"], query)
            check_write(request.query, source, "ifSource")
            check_write(request.query, find_or_none(db, *key))
            body = json.loads(source["body"]) | changes
            return store(db, key, ObjectContent.of_row(source), body, self._state.now())


def _source_query(query: Mapping[str, str]) -> dict[str, str]:
    generation = query.get("sourceGeneration")
    return {"generation": generation} if generation else {}


def _parse_sources(given: object) -> list[tuple[str, dict[str, str]]]:
    """Parse the name and query of each source. Raises StorageError 400."""
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_SOURCES:
        raise invalid_error(f"A compose must have 1 to {MAX_SOURCES} source objects.")
    return [_parse_source(item) for item in given]


def _parse_source(item: Any) -> tuple[str, dict[str, str]]:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise invalid_error("A source object must have a `name`.")
    conditions = item.get("objectPreconditions") or {}
    wanted = conditions.get("ifGenerationMatch") if isinstance(conditions, dict) else None
    generation = item.get("generation") or wanted
    return name, {"generation": str(generation)} if generation else {}


def _concatenate(contents: list[ObjectContent]) -> ObjectContent:
    """The concatenated contents, without MD5 and SHA-1, which would need their bytes."""
    checksum = 0
    for data in contents:
        checksum = combine_crc32c(checksum, int(data.crc32c, 16), data.size)
    return ObjectContent(
        parts=tuple(part for data in contents for part in data.parts),
        size=sum(data.size for data in contents),
        crc32c=f"{checksum:08x}",
        sha1=None,
        md5=None,
        components=sum(data.components or 1 for data in contents),
    )
