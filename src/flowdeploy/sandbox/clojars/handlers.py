"""The routes and handlers of Clojars."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import asdict

from aiohttp import web

from flowdeploy.sandbox.blobs import CHUNK, Blob
from flowdeploy.sandbox.clojars import published_files, rules, uploads
from flowdeploy.sandbox.clojars.errors import ClojarsProblem, UnauthenticatedError
from flowdeploy.sandbox.clojars.paths import OUTSIDE_REPO, FilePath, parse_path
from flowdeploy.sandbox.clojars.publishing import Publisher
from flowdeploy.sandbox.clojars.rules import Caller
from flowdeploy.sandbox.google_api.errors import invalid_argument, not_found
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response
from flowdeploy.sandbox.state import State

MAX_FILE_BYTES = 30 << 20  # the front server's client_max_body_size 30m

METADATA = "maven-metadata.xml"
_TYPES = {"jar": "application/java-archive", "pom": "text/xml", "xml": "text/xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    clojars = Clojars(state)
    return (
        web.put("/repo/{path:.*}", with_problem_responses(clojars.put)),
        web.get("/repo/{path:.*}", clojars.get),
        web.get("/api/artifacts/{group}/{artifact}", clojars.get_artifact),
        web.get("/api/artifacts/{artifact}", clojars.get_artifact),
        web.put("/_sandbox/clojars/{kind}/{name}", clojars.set_rule),
        web.put(f"/{{path:{OUTSIDE_REPO}}}", refuse_outside_repo),
    )


def with_problem_responses(handler: Handler) -> Handler:
    """A handler that converts errors to the format of Clojars."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ClojarsProblem as problem:
            return problem.response()
        except UnauthenticatedError:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="clojars"'})

    return handle


async def refuse_outside_repo(_: web.Request) -> web.Response:
    """Refuse a PUT of a repository file outside of ``/repo``."""
    return web.Response(status=405, text="Did you mean to use /repo?")


class Clojars:
    """The handlers of the repository and its API."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def put(self, request: web.Request) -> web.Response:
        if ".." in request.path:
            return web.Response(status=400)
        with self._state.read() as db:
            authorization = request.headers.get("Authorization", "")
            caller = rules.authenticate(db, authorization, self._state.now())
        target = parse_path(request.match_info["path"])
        if target is None:
            return web.Response(status=400)
        blob = await self._state.blobs.receive(_limit_size(request))
        if target.version is not None:
            self._store_file(caller, target, blob)
        elif target.name == METADATA:
            self._store_metadata(caller, target, blob)
        return web.Response(status=201)

    async def get(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        with self._state.write() as db:
            blob = published_files.look_up(db, path, self._state.now())
        if blob is None:
            return web.Response(status=404)
        kind = _TYPES.get(path.rpartition(".")[2], "text/plain")
        return web.FileResponse(self._state.blobs.path(blob), headers={"Content-Type": kind})

    async def get_artifact(self, request: web.Request) -> web.Response:
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
            raise invalid_argument(str(error)) from error
        with self._state.write() as db:
            rules.store(db, request.match_info["name"], rule)
        return json_response(asdict(rule))

    def _store_file(self, caller: Caller, target: FilePath, blob: Blob) -> None:
        """Stage a versioned file, or publish it directly if its upload is published already."""
        now = self._state.now()
        with self._state.write() as db:
            rules.check_project(db, caller.token.user, target.group, target.artifact)
            found = uploads.find(db, caller.name, target, now)
            rules.check_token(caller.token, target, is_new=found is None or found.version is None)
            rules.check_mfa(db, caller.token.user, target.group)
            upload = uploads.find_or_create(db, caller.name, target, now)
            uploads.add(db, upload, target, blob)
            if upload.finished:
                published_files.write(db, target.path, blob.key, now)

    def _store_metadata(self, caller: Caller, target: FilePath, blob: Blob) -> None:
        """Stage the metadata and, if they changed, publish the upload.

        These are two transactions, because the files stay staged if the release is refused.
        """
        now = self._state.now()
        with self._state.write() as db:
            rules.check_project(db, caller.token.user, target.group, target.artifact)
            upload = uploads.find_or_create(db, caller.name, target, now)
            changed = uploads.add_metadata(db, upload, target, blob)
        if changed and not upload.finished:
            with self._state.write() as db:
                Publisher(db, self._state.blobs, now).publish(upload, target, caller)


async def _limit_size(request: web.Request) -> AsyncIterator[bytes]:
    """The body, up to the front server's limit. Raises HTTPRequestEntityTooLarge."""
    received = request.content_length or 0
    async for chunk in request.content.iter_chunked(CHUNK):
        received = max(received, request.content.total_bytes)
        if received > MAX_FILE_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_FILE_BYTES, received)
        yield chunk


def _versions(db: sqlite3.Connection, project: str) -> list[str]:
    """The published versions of a project, newest first."""
    rows = db.execute(
        "SELECT version FROM clojars_versions WHERE project = ? ORDER BY id DESC", [project]
    )
    return [row["version"] for row in rows]
