"""Clojars: a Maven repository that stages, checks and publishes what is deployed to it.

    PUT  /repo/…                        as Maven and Leiningen deploy
    GET  /repo/…                        what is published; HEAD too
    GET  /api/artifacts/GROUP/ARTIFACT  what is known of an artifact
    PUT  /_sandbox/clojars/KIND/NAME    who may do what: see ``rules``

Source of the rules: the deploy routes of clojars-web as of August 2026. Left out are
the checks of Gradle's ``.module`` files.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from flowdeploy.sandbox.clojars import handlers, tables
from flowdeploy.sandbox.clojars.rules import DEMO_TOKEN, DEMO_USER
from flowdeploy.sandbox.state import State

__all__ = ["DEMO_TOKEN", "DEMO_USER", "SCHEMA", "routes"]

SCHEMA = tables.SCHEMA


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    return handlers.routes(state)
