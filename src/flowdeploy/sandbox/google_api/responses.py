"""Responses in JSON."""

import json
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.errors import ApiError
from flowdeploy.sandbox.google_api.messages import MessageType, with_enum_numbers
from flowdeploy.sandbox.google_api.partial_response import select_fields


def json_response(
    body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A response with a JSON body."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(
        body=text.encode(errors="backslashreplace"),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def error_response(error: ApiError) -> web.Response:
    """The error in its service's format."""
    return json_response(error.body(), status=error.http_status, headers=error.headers)


def partial_json_response(request: web.Request, body: Any) -> web.Response:
    """A response with the fields that the request's ``fields`` parameter selects, or all."""
    return json_response(select_fields(body, request.query.get("fields")))


def resource_response(
    request: web.Request, kind: MessageType, body: dict[str, Any]
) -> web.Response:
    """A response with a resource; enums are numbers if the request asks for it."""
    return partial_json_response(
        request, with_enum_numbers(kind, body) if _wants_numbers(request) else body
    )


def list_response(
    request: web.Request,
    field: str,
    kind: MessageType,
    items: list[dict[str, Any]],
    token: str | None,
) -> web.Response:
    """``{field: items, "nextPageToken": token}`` without empty fields."""
    if _wants_numbers(request):
        items = [with_enum_numbers(kind, item) for item in items]
    return page_response(request, field, items, token)


def page_response(
    request: web.Request, field: str, items: list[dict[str, Any]], token: str | None
) -> web.Response:
    """Like ``list_response``, for resources without enums."""
    body = {field: items, "nextPageToken": token}
    return partial_json_response(request, {key: value for key, value in body.items() if value})


def _wants_numbers(request: web.Request) -> bool:
    """Google's client libraries send ``?$alt=json;enum-encoding=int``."""
    return "enum-encoding=int" in request.query.get("$alt", "")
