"""The paths of Clojars, answered."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import asdict

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, read_json
from flowdeploy.sandbox.blobs import CHUNK, Blob
from flowdeploy.sandbox.clojars import files, rules, uploads
from flowdeploy.sandbox.clojars.paths import ASTRAY, Target, parse
from flowdeploy.sandbox.clojars.problems import Problem, Unauthenticated
from flowdeploy.sandbox.clojars.publishing import Publishing
from flowdeploy.sandbox.clojars.rules import Caller
from flowdeploy.sandbox.errors import invalid, not_found
from flowdeploy.sandbox.state import State

MAX_FILE_BYTES = 30 << 20  # of the front server: client_max_body_size 30m

METADATA = "maven-metadata.xml"
_TYPES = {"jar": "application/java-archive", "pom": "text/xml", "xml": "text/xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    clojars = Clojars(state)
    return (
        web.put("/repo/{path:.*}", refusing(clojars.put)),
        web.get("/repo/{path:.*}", clojars.get),
        web.get("/api/artifacts/{group}/{artifact}", clojars.artifact),
        web.get("/api/artifacts/{artifact}", clojars.artifact),
        web.put("/_sandbox/clojars/{kind}/{name}", clojars.set_rule),
        web.put(f"/{{path:{ASTRAY}}}", elsewhere),
    )


def refusing(handler: Handler) -> Handler:
    """Refusals in the form that Clojars gives them."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return problem.response()
        except Unauthenticated:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="clojars"'})

    return handle


async def elsewhere(_: web.Request) -> web.Response:
    """A PUT of a repository's file outside of the repository."""
    return web.Response(status=405, text="Did you mean to use /repo?")


class Clojars:
    """The repository and its API over one state."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def put(self, request: web.Request) -> web.Response:
        if ".." in request.path:
            return web.Response(status=400)
        with self._state.read() as db:
            authorization = request.headers.get("Authorization", "")
            caller = rules.authenticate(db, authorization, self._state.now())
        target = parse(request.match_info["path"])
        if target is None:
            return web.Response(status=400)
        blob = await self._state.blobs.receive(_limited(request))
        if target.version is not None:
            self._take_file(caller, target, blob)
        elif target.name == METADATA:
            self._take_metadata(caller, target, blob)
        return web.Response(status=201)

    async def get(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        with self._state.write() as db:
            blob = files.look_up(db, path, self._state.now())
        if blob is None:
            return web.Response(status=404)
        kind = _TYPES.get(path.rpartition(".")[2], "text/plain")
        return web.FileResponse(self._state.blobs.path(blob), headers={"Content-Type": kind})

    async def artifact(self, request: web.Request) -> web.Response:
        artifact = request.match_info["artifact"]
        group = request.match_info.get("group", artifact)
        with self._state.read() as db:
            versions = _versions(db, f"{group}:{artifact}")
        if not versions:
            return web.Response(status=404)
        releases = [v for v in versions if not v.endswith("-SNAPSHOT")]
        return json_response(
            {
                "group_name": group,
                "jar_name": artifact,
                "latest_version": versions[0],
                "latest_release": releases[0] if releases else None,
                "recent_versions": [{"version": version, "downloads": 0} for version in versions],
                "downloads": 0,
            }
        )

    async def set_rule(self, request: web.Request) -> web.Response:
        kind = rules.KINDS.get(request.match_info["kind"])
        if kind is None:
            raise not_found(f"the kinds of rules are {', '.join(rules.KINDS)}")
        try:
            rule = kind(**await read_json(request))
        except TypeError as error:
            raise invalid(str(error)) from error
        with self._state.write() as db:
            rules.store(db, request.match_info["name"], rule)
        return json_response(asdict(rule))

    def _take_file(self, caller: Caller, target: Target, blob: Blob) -> None:
        """Stage a versioned file; what comes after the release is published as it is."""
        now = self._state.now()
        with self._state.write() as db:
            rules.check_project(db, caller.token.user, target.group, target.artifact)
            found = uploads.find(db, caller.name, target, now)
            rules.check_token(caller.token, target, is_new=found is None or found.version is None)
            rules.check_mfa(db, caller.token.user, target.group)
            upload = uploads.open_for(db, caller.name, target, now)
            uploads.add(db, upload, target, blob)
            if upload.finished:
                files.write(db, target.path, blob.key, now)

    def _take_metadata(self, caller: Caller, target: Target, blob: Blob) -> None:
        """Stage the metadata and, where that changes them, publish: in two transactions,
        for what is staged stays so when the release is refused."""
        now = self._state.now()
        with self._state.write() as db:
            rules.check_project(db, caller.token.user, target.group, target.artifact)
            upload = uploads.open_for(db, caller.name, target, now)
            changed = uploads.add_metadata(db, upload, target, blob)
        if changed and not upload.finished:
            with self._state.write() as db:
                Publishing(db, self._state.blobs, now).publish(upload, target, caller)


async def _limited(request: web.Request) -> AsyncIterator[bytes]:
    """The body, up to what the front server lets pass."""
    received = request.content_length or 0
    async for chunk in request.content.iter_chunked(CHUNK):
        received = max(received, request.content.total_bytes)
        if received > MAX_FILE_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_FILE_BYTES, received)
        yield chunk


def _versions(db: sqlite3.Connection, project: str) -> list[str]:
    """The newest first."""
    rows = db.execute(
        "SELECT version FROM clojars_versions WHERE project = ? ORDER BY id DESC", [project]
    )
    return [row["version"] for row in rows]
