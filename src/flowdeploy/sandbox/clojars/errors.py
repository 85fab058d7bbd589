"""Errors of Clojars, as ``application/problem+json`` (RFC 9457)."""

import json

from aiohttp import web


class ClojarsProblem(Exception):
    """An error response: ``title`` is for programs, ``detail`` is for people."""

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


class UnauthenticatedError(Exception):
    """401 with an empty body: no credentials, or an invalid token."""


def invalid_pom_problem(detail: str) -> ClojarsProblem:
    return ClojarsProblem("Invalid POM file", detail)


def redeploy_problem() -> ClojarsProblem:
    return ClojarsProblem("Non-SNAPSHOT redeploy", "redeploying non-snapshots is not allowed")
