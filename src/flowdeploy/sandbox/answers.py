"""Requests and answers in JSON."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.errors import ApiError, invalid
from flowdeploy.sandbox.messages import Message, with_numbers
from flowdeploy.sandbox.partial import select


def json_response(
    body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(
        body=text.encode(errors="backslashreplace"),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def error_response(error: ApiError) -> web.Response:
    return json_response(error.body(), status=error.http_status, headers=error.headers)


async def read_json(request: web.Request) -> dict[str, Any]:
    """The request's body, an object; an empty body is an empty object."""
    text = await request.read()
    return parse_object(text)


def parse_object(text: bytes) -> dict[str, Any]:
    """Raises ApiError, in the words of Google's front end, where it is no JSON object."""
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid(
            "Invalid JSON payload received. Parser terminated before end of string."
        ) from None
    if not isinstance(data, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    if b"\\u" in text:
        _require_unicode(data)
    return data


def _require_unicode(data: object) -> None:
    """Half a surrogate pair can be written in JSON, but is no character."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise invalid("Invalid JSON payload received. Invalid escape sequence in string.") from None


def reply(request: web.Request, body: Any) -> web.Response:
    """The body, or as much of it as the request's ``fields`` names."""
    return json_response(select(body, request.query.get("fields")))


def resource_response(request: web.Request, kind: Message, body: dict[str, Any]) -> web.Response:
    return reply(request, with_numbers(kind, body) if _wants_numbers(request) else body)


def list_response(
    request: web.Request, field: str, kind: Message, items: list[dict[str, Any]], token: str | None
) -> web.Response:
    """``{field: items, "nextPageToken": token}``, without what is empty."""
    if _wants_numbers(request):
        items = [with_numbers(kind, item) for item in items]
    return page_response(request, field, items, token)


def page_response(
    request: web.Request, field: str, items: list[dict[str, Any]], token: str | None
) -> web.Response:
    """As ``list_response``, for what has no enums."""
    body = {field: items, "nextPageToken": token}
    return reply(request, {key: value for key, value in body.items() if value})


def _wants_numbers(request: web.Request) -> bool:
    """Google's client libraries send ``?$alt=json;enum-encoding=int``."""
    return "enum-encoding=int" in request.query.get("$alt", "")
