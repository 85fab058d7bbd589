"""The App Engine Admin API, version 1.

Handlers: ``apps``, ``services``, ``versions`` and ``instances``. State: ``tables``, ``store``
and ``operations``. Formats: ``resources`` and ``enums``. Checks: ``rules`` and ``sources``.
"""

from collections.abc import Iterable

from aiohttp import web

from flowdeploy.sandbox.appengine.apps import Apps
from flowdeploy.sandbox.appengine.instances import Instances
from flowdeploy.sandbox.appengine.services import Services
from flowdeploy.sandbox.appengine.store import AppStore
from flowdeploy.sandbox.appengine.tables import SCHEMA as SCHEMA
from flowdeploy.sandbox.appengine.tables import create_apps as create_apps
from flowdeploy.sandbox.appengine.versions import Versions
from flowdeploy.sandbox.state import State


def routes(state: State) -> Iterable[web.AbstractRouteDef]:
    store = AppStore(state)
    yield from Apps(state, store).routes()
    yield from Services(store).routes()
    yield from Versions(store, state.blobs).routes()
    yield from Instances(store).routes()
