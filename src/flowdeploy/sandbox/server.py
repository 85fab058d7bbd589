"""The sandbox's server: all emulated services behind one address."""

import asyncio
import signal
import socket
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from flowdeploy.sandbox import (
    appengine,
    clojars,
    cloud_scheduler,
    cloud_tasks,
    control,
    datastore,
    service_usage,
    storage,
)
from flowdeploy.sandbox.app_pages import APP_PAGES, AppPages
from flowdeploy.sandbox.faults import FAULTS, Fault, FaultInjector
from flowdeploy.sandbox.guard import make_guard
from flowdeploy.sandbox.middleware import handle_request
from flowdeploy.sandbox.request_log import REQUEST_LOG, RequestLog
from flowdeploy.sandbox.state import App, Settings, State, StateError


class ServiceModule(Protocol):
    """A package or module that emulates one service: its tables and its routes."""

    SCHEMA: str

    def routes(self, state: State, /) -> Iterable[web.AbstractRouteDef]: ...


SERVICES: tuple[ServiceModule, ...] = (
    appengine,
    storage,
    clojars,
    service_usage,
    cloud_tasks,
    cloud_scheduler,
    datastore,
)
GRACE_SECONDS = 1.0
JSON_BODY_LIMIT = 32 << 20


class Sandbox:
    """A sandbox that listens on an address, in a thread of its own.

    ``state`` is the folder of its state; port 0 selects a free port. ``apps`` are created
    if they do not exist, ``faults`` are armed at the start. ``middlewares`` are aiohttp
    middlewares that see every request first. Requests for other hosts than loopback,
    ``host``, ``allowed_hosts`` and the applications are refused. Raises OSError if it cannot
    listen on the address, and StateError if the folder holds something else or is not
    writable.
    """

    def __init__(
        self,
        state: Path,
        apps: Sequence[App] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Settings = Settings(),  # noqa: B008 (frozen)
        faults: Sequence[Fault] = (),
        middlewares: Sequence[Middleware] = (),
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self._socket = _listen(host, port)
        try:
            self.state = _open_state(state, apps)
        except (OSError, sqlite3.Error) as error:
            self._socket.close()
            raise StateError(f"{state}: {error}") from error
        injector = FaultInjector(settings, faults)
        guard = make_guard((host, *allowed_hosts))
        self._application = _make_application(self.state, injector, (*middlewares, guard))
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._socket.getsockname()[1]}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop: give running requests a moment to finish, then close the state."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.state.close()

    def serve_forever(self) -> None:
        """Serve until SIGINT or SIGTERM, then stop cleanly. Call it in the main thread."""
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        with self:
            ended.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        await self._stop.wait()
        await runner.cleanup()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def _open_state(folder: Path, apps: Sequence[App]) -> State:
    with ExitStack() as on_error:
        state = State(folder, [service.SCHEMA for service in SERVICES])
        on_error.callback(state.close)
        appengine.create_apps(state, apps)
        storage.create_buckets(state, apps)
        on_error.pop_all()
    return state


def _make_application(
    state: State, injector: FaultInjector, middlewares: Sequence[Middleware]
) -> web.Application:
    application = web.Application(
        middlewares=[*middlewares, handle_request], client_max_size=JSON_BODY_LIMIT
    )
    application[FAULTS] = injector
    application[REQUEST_LOG] = RequestLog()
    application[APP_PAGES] = AppPages(state)
    application.add_routes(control.routes(state))
    for service in SERVICES:
        application.add_routes(service.routes(state))
    application.on_response_prepare.append(_date_header(state))
    return application


def _date_header(state: State) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal handler that sets the Date header by the sandbox's clock."""

    async def date(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(state.now(), usegmt=True)

    return date
