"""Answers in the form that the request asks for."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from flowdeploy.sandbox.answers import json_response
from flowdeploy.sandbox.messages import Message, with_numbers


def wants_numbers(request: web.Request) -> bool:
    """Google's client libraries send ``?$alt=json;enum-encoding=int``."""
    return "enum-encoding=int" in request.query.get("$alt", "")


def resource(request: web.Request, kind: Message, body: dict[str, Any]) -> web.Response:
    return json_response(with_numbers(kind, body) if wants_numbers(request) else body)


def listing(
    request: web.Request, field: str, kind: Message, items: list[dict[str, Any]], token: str | None
) -> web.Response:
    """``{field: items, "nextPageToken": token}``, without what is empty."""
    if wants_numbers(request):
        items = [with_numbers(kind, item) for item in items]
    body = {field: items, "nextPageToken": token}
    return json_response({key: value for key, value in body.items() if value})
