"""Requests and answers in JSON."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.errors import ApiError, invalid


def json_response(
    body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(
        body=text.encode(),
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
    return data
