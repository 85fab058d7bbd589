"""Cloud Storage: the JSON API, version 1.

Handlers: ``buckets``, ``objects`` with ``listing``, ``uploads`` with ``multipart``, ``copies``
and ``batch``. State: ``tables`` and ``content``. Checks: ``preconditions``. Errors: ``errors``.
"""

from collections.abc import Iterable

from aiohttp import web

from flowdeploy.sandbox.state import State
from flowdeploy.sandbox.storage import batch
from flowdeploy.sandbox.storage.buckets import Buckets
from flowdeploy.sandbox.storage.copies import Copies
from flowdeploy.sandbox.storage.objects import Objects
from flowdeploy.sandbox.storage.tables import SCHEMA as SCHEMA
from flowdeploy.sandbox.storage.tables import create_buckets as create_buckets
from flowdeploy.sandbox.storage.uploads import Uploads


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    yield from batch.routes()
    yield from Buckets(state).routes()
    yield from Copies(state).routes()
    yield from Objects(state).routes()
    yield from Uploads(state).routes()
