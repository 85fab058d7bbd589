"""An HTTP proxy between a client and the sandbox that makes answers wrong.

Its faults strike real exchanges: the sandbox carries a request out, or not, and the client
gets another answer than the sandbox's, a part of it, or none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; ``path`` has no query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the client gets it.

    ``cut`` is how many bytes of the body are sent before the connection is closed; ``drip``
    is the number of seconds before each byte of the body, ``drip_head`` before each of the
    status line and the headers.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cut: int | None = None
    drip: float = 0.0
    drip_head: float = 0.0


Forward = Callable[[], Reply]
"""Has the sandbox carry the request out; its answer."""

Fault = Callable[[Asked, Forward], Reply | None]
"""The answer that the client gets instead; None closes the connection without one."""


def reset_before(_: Asked, __: Forward) -> Reply | None:
    """The connection ends, and the request has not been carried out."""
    return None


def reset_after(_: Asked, forward: Forward) -> Reply | None:
    """The connection ends, and the request has been carried out."""
    forward()
    return None


def answer_after(change: Callable[[Reply], Reply]) -> Fault:
    """Carry the request out, and change its answer."""
    return lambda _, forward: change(forward())


def answer_instead(status: int, body: bytes, *headers: tuple[str, str]) -> Fault:
    """Answer without carrying the request out."""
    return lambda *_: Reply(status, headers, body)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    method: str
    path: str
    times: int | None
    after: int


@dataclass
class FaultProxy:
    """``url`` is the proxy's; it listens on loopback while its context is open."""

    target: str
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(
        self,
        fault: Fault,
        method: str = "*",
        path: str = "*",
        *,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """Let a fault strike requests of this method and path (a glob, without the query).

        It lets the first ``after`` of them pass and strikes the next ``times`` (None: all).
        """
        with self._lock:
            self._armed.append(_Armed(fault, method, path, times, after))

    def heal(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self._armed.clear()

    def answer(self, asked: Asked) -> Reply | None:
        """What the client gets."""

        def forward() -> Reply:
            return self._forward(asked)

        with self._lock:
            self.asked.append(asked)
            fault = self._take(asked)
        return fault(asked, forward) if fault else forward()

    def _take(self, asked: Asked) -> Fault | None:
        for armed in self._armed:
            if armed.method not in ("*", asked.method) or not fnmatchcase(asked.path, armed.path):
                continue
            if armed.after:
                armed.after -= 1
            elif armed.times is None:
                return armed.fault
            elif armed.times:
                armed.times -= 1
                return armed.fault
        return None

    def _forward(self, asked: Asked) -> Reply:
        connection = HTTPConnection(urlsplit(self.target).netloc, timeout=60)
        try:
            path = f"{asked.path}?{asked.query}" if asked.query else asked.path
            connection.request(asked.method, path, asked.body, asked.headers)
            response = connection.getresponse()
            body = response.read()
            headers = [(n, v) for n, v in response.getheaders() if n.lower() not in _HOP]
            return Reply(response.status, tuple(headers), body)
        finally:
            connection.close()


@contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """Run a proxy in front of the server at the URL ``target``."""
    proxy = FaultProxy(target)

    class Handler(_Handler):
        answer = staticmethod(proxy.answer)

    with _Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up is no error of a test."""


@dataclass(frozen=True, slots=True)
class _Drip:
    """Writes a byte after each ``seconds``."""

    target: Any
    seconds: float

    def write(self, content: bytes) -> None:
        for byte in content:
            time.sleep(self.seconds)
            self.target.write(bytes([byte]))
            self.target.flush()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wfile: Any
    answer: Callable[[Asked], Reply | None]

    def log_message(self, *_: object) -> None: ...

    def __getattr__(self, name: str) -> Callable[[], None]:
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._exchange

    def _exchange(self) -> None:
        reply = self.answer(self._asked())
        if reply is None:
            self.close_connection = True
            return
        # No Server and Date of this one: those of the sandbox are passed on.
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in reply.headers):
            self.send_header("Content-Length", str(len(reply.body)))
        if reply.drip_head:
            self.wfile = _Drip(self.wfile, reply.drip_head)
        self.end_headers()
        if isinstance(self.wfile, _Drip):
            self.wfile = self.wfile.target
        if self.command == "HEAD":
            return
        self._send_body(reply)

    def _send_body(self, reply: Reply) -> None:
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        if reply.drip:
            _Drip(self.wfile, reply.drip).write(body)
        else:
            self.wfile.write(body)
        if reply.cut is not None:
            self.close_connection = True

    def _asked(self) -> Asked:
        path, _, query = self.path.partition("?")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        return Asked(self.command, path, query, headers, self._body())

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))
