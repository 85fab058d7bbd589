"""Clojars: a Maven repository that stages, checks and publishes the deployed files.

    PUT  /repo/…                        deploy a file, as Maven and Leiningen do
    GET  /repo/…                        a published file; also HEAD
    GET  /api/artifacts/GROUP/ARTIFACT  the versions of an artifact
    PUT  /_sandbox/clojars/KIND/NAME    set a token, group, user, …: see ``rules``

Source of the rules: the deploy routes of clojars-web as of August 2026. The checks of
Gradle's ``.module`` files are missing.

Handlers: ``handlers``, with ``paths``. State: ``tables``, ``uploads`` and ``published_files``.
Checks: ``rules``, ``pom`` and ``publishing``. Errors: ``errors``.
"""

from flowdeploy.sandbox.clojars.handlers import routes
from flowdeploy.sandbox.clojars.rules import DEMO_TOKEN, DEMO_USER
from flowdeploy.sandbox.clojars.tables import SCHEMA

__all__ = ["DEMO_TOKEN", "DEMO_USER", "SCHEMA", "routes"]
