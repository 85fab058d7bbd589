"""The JSON body of a request."""

import json
from typing import Any

from aiohttp import web

from flowdeploy.sandbox.google_api.errors import invalid_argument


async def read_json(request: web.Request) -> dict[str, Any]:
    """Read the body, a JSON object; an empty body is an empty object. Raises ApiError."""
    return parse_object(await request.read())


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises ApiError with the text of Google's front end for others."""
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid_argument(
            "Invalid JSON payload received. Parser terminated before end of string."
        ) from None
    if not isinstance(data, dict):
        raise invalid_argument("Invalid JSON payload received. Root element must be a message.")
    if b"\\u" in text:
        _require_unicode(data)
    return data


def _require_unicode(data: object) -> None:
    """Refuse half of a surrogate pair: JSON can escape it, but it is not a character."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise invalid_argument(
            "Invalid JSON payload received. Invalid escape sequence in string."
        ) from None
