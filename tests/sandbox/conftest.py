"""A sandbox for each test; its traffic is compared with Google's discovery documents."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient.discovery_cache
import pytest
from aiohttp import StreamReader, web

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

DOCUMENTS = Path(googleapiclient.discovery_cache.__file__).parent / "documents"
APIS = {
    r"/v1/apps\b.*": "appengine.v1",
    r"(/download|(/resumable)?(/upload)?)/storage/v1/.*": "storage.v1",
    r"/v2beta3/projects/.*": "cloudtasks.v2beta3",
    r"/v2/projects/.*": "cloudtasks.v2",
    r"/v1beta1/projects/.*": "cloudscheduler.v1beta1",
    r"/v1/projects/[^/]*/(indexes|operations)\b.*": "datastore.v1",
    r"/v1/projects/[^/]*/services\b.*": "serviceusage.v1",
}
SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@cache
def load_document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.json").read_text())
    return found


class Discovery:
    """Collects differences between requests or responses and the discovery documents."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.checked = 0

    @property
    def middleware(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            api = find_api(request.path)
            if api is None or "appspot.com" in request.host:
                return await handler(request)
            body = await read_message(request)
            response = await handler(request)
            if response.status < 300:
                self.check(api, request, body, response)
            return response

        return check

    def check(
        self, api: str, request: web.Request, body: bytes, response: web.StreamResponse
    ) -> None:
        self.checked += 1
        method = find_method(api, request.method, request.rel_url.raw_path)
        if method is None:
            self.problems.append(f"{request.method} {request.path}: no such method")
            return
        known = {
            *method.get("parameters", {}),
            *load_document(api)["parameters"],
            "$alt",
            "upload_id",
        }
        for name in request.query.keys() - known:
            self.problems.append(f"{method['id']}: unknown parameter {name}")
        schemas = load_document(api)["schemas"]
        if body:
            self._compare(schemas, method["request"], json.loads(body), f"{method['id']} request")
        text = response.body if isinstance(response, web.Response) else None
        if text and response.content_type == "application/json" and "response" in method:
            assert isinstance(text, bytes)
            answer = json.loads(text)
            self._compare(schemas, method["response"], answer, f"{method['id']} response")

    def _compare(self, schemas: Any, schema: Any, value: Any, at: str) -> None:
        if "$ref" in schema:
            schema = schemas[schema["$ref"]]
        if schema["type"] == "array":
            self._expect(value, (list,), at)
            for item in value:
                self._compare(schemas, schema["items"], item, f"{at}[]")
        elif schema["type"] == "object":
            self._expect(value, (dict,), at)
            self._compare_fields(schemas, schema, value, at)
        else:
            self._compare_plain(schema, value, at)

    def _compare_plain(self, schema: Any, value: Any, at: str) -> None:
        if schema["type"] == "any":
            return
        if "enum" in schema:
            # Client libraries send enums as numbers, and request them as numbers.
            if not isinstance(value, int) and value not in schema["enum"]:
                self.problems.append(f"{at}: {value!r} is not in {schema['enum']}")
        elif not (schema.get("format") == "int64" and isinstance(value, int)):
            self._expect(value, SCALARS[schema["type"]], at)

    def _compare_fields(self, schemas: Any, schema: Any, value: Any, at: str) -> None:
        properties = schema.get("properties", {})
        for key, item in value.items():
            if item is None:
                continue
            name = key if key in properties else re.sub(r"_(\w)", lambda m: m[1].upper(), key)
            if name in properties:
                self._compare(schemas, properties[name], item, f"{at}.{key}")
            elif "additionalProperties" in schema:
                self._compare(schemas, schema["additionalProperties"], item, f"{at}.{key}")
            else:
                self.problems.append(f"{at}: unknown field {key}")

    def _expect(self, value: Any, kinds: tuple[type, ...], at: str) -> None:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.problems.append(f"{at}: {value!r} is not a {kinds[0].__name__}")


async def read_message(request: web.Request) -> bytes:
    """The JSON message in a request: the whole body, or the first part of a multipart upload."""
    match request.query.get("uploadType"), request.method:
        case (None | "resumable", "POST" | "PATCH"):
            return await request.read()
        case "multipart", "POST":
            parts = (await read_payload(request)).split(b"--" + parse_boundary(request))
            return re.split(rb"\r?\n\r?\n", parts[1], maxsplit=1)[1]
        case _:
            return b""


def parse_boundary(request: web.Request) -> bytes:
    found = re.search(r"boundary=['\"]?([^'\";]+)", request.headers["Content-Type"])
    assert found
    return found[1].encode()


async def read_payload(request: web.Request) -> bytes:
    """Read the request's body, and restore it for the handler."""
    data = await request._payload.read()
    again = StreamReader(request.protocol, len(data) + 1, loop=asyncio.get_running_loop())
    again.feed_data(data)
    again.feed_eof()
    request._payload = again
    return data


def find_method(api: str, verb: str, path: str) -> dict[str, Any] | None:
    wanted = "GET" if verb == "HEAD" else verb
    for pattern, http_method, method in list_methods(api):
        if pattern.fullmatch(path) and http_method in (wanted, "POST" if wanted == "PUT" else ""):
            return method
    return None


def find_api(path: str) -> str | None:
    return next((api for shape, api in APIS.items() if re.fullmatch(shape, path)), None)


@cache
def list_methods(api: str) -> tuple[tuple[re.Pattern[str], str, dict[str, Any]], ...]:
    return tuple(_iterate_methods(load_document(api), load_document(api)["servicePath"]))


def _iterate_methods(node: Any, base: str) -> Iterator[tuple[re.Pattern[str], str, dict[str, Any]]]:
    for method in node.get("methods", {}).values():
        paths = ["/" + base + method.get("flatPath", method["path"])]
        media = method.get("mediaUpload", {}).get("protocols", {})
        paths += [protocol["path"] for protocol in media.values()]
        if method.get("useMediaDownloadService"):
            paths.append("/download" + paths[0])
        for path in paths:
            text = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
            yield re.compile(text), method["httpMethod"], method
    for resource in node.get("resources", {}).values():
        yield from _iterate_methods(resource, base)


@pytest.fixture
def discovery() -> Iterator[Discovery]:
    checker = Discovery()
    yield checker
    assert checker.problems == []


@pytest.fixture
def sandbox(tmp_path: Path, discovery: Discovery) -> Iterator[Sandbox]:
    """A sandbox with two applications; ``akvoflow-2`` has two services and three versions."""
    apps = (
        App("akvoflow-1"),
        App("akvoflow-2", "us-central", ("default", "api"), ("v3", "v1", "v2")),
    )
    with Sandbox(tmp_path / "state", apps, middlewares=[discovery.middleware]) as running:
        yield running
