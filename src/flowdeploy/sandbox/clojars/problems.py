"""The refusals of Clojars, as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json

from aiohttp import web


class Problem(Exception):
    """A refusal. ``title`` is what a client may decide on, ``detail`` is for its user."""

    def __init__(self, title: str, detail: str, *, status: int = 403) -> None:
        super().__init__(detail)
        self.title = title
        self.detail = detail
        self.status = status

    def response(self) -> web.Response:
        body = {
            "type": "https://clojars.org/validation-error",
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
        }
        return web.Response(
            body=json.dumps(body).encode(),
            status=self.status,
            content_type="application/problem+json",
        )


class Unauthenticated(Exception):
    """401 with an empty body: nobody, or a token that Clojars does not know."""


def invalid_pom(detail: str) -> Problem:
    return Problem("Invalid POM file", detail)


def redeploy() -> Problem:
    return Problem("Non-SNAPSHOT redeploy", "redeploying non-snapshots is not allowed")
