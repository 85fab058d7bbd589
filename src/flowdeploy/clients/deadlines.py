"""Connections on which one request and its answer have a time in which they end.

A socket's own timeout is for one read or write: a peer that takes or sends a byte a second
could hold a request for ever. Here each read and write gets what is left of the request's
time. A thread sends one request at a time, so its deadline is the thread's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

SLOWEST = 20_000  # bytes a second of a body: 32 uploads at once may share a slow line
LARGEST = 4 << 30  # bytes of a body that are waited for, whatever is announced
_PIECE = 1 << 16  # bytes that are written at once


@dataclass(slots=True)
class Deadline:
    """``seconds`` are for a request without bodies, and the longest time without a byte."""

    seconds: float
    ends: float

    @classmethod
    def after(cls, seconds: float, size: int) -> "Deadline":
        """For a request with a body of ``size`` bytes, from now on."""
        return cls(seconds, monotonic() + seconds + size / SLOWEST)

    def limit(self, sock: socket) -> None:
        """Let the next read or write end in time. Raises TimeoutError where it is over."""
        left = self.ends - monotonic()
        if left <= 0:
            raise TimeoutError(f"it did not end within {self.seconds:g} s")
        sock.settimeout(min(left, self.seconds))

    def start_answer(self) -> None:
        """The request has been sent."""
        self.ends = min(self.ends, monotonic() + self.seconds)

    def add_body(self, size: int) -> None:
        """The answer has announced a body of ``size`` bytes."""
        self.ends += min(size, LARGEST) / SLOWEST


_DEADLINE: ContextVar[Deadline] = ContextVar("deadline")


@contextmanager
def hold_deadline(deadline: Deadline) -> Iterator[None]:
    """Send the requests of this thread with this deadline."""
    token = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def use_deadlines(manager: urllib3.PoolManager) -> None:
    """Let a manager's connections keep the deadline that holds when they are used."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Reader(RawIOBase):
    """What arrives at a socket, until a deadline."""

    def __init__(self, raw: RawIOBase, sock: socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._deadline.limit(self._sock)
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedAnswer(HTTPResponse):
    """An answer, also that of a proxy which is asked for a tunnel."""

    def __init__(self, sock: socket, *rest: Any, **named: Any) -> None:
        super().__init__(sock, *rest, **named)
        deadline = _DEADLINE.get()
        deadline.start_answer()
        self.fp = BufferedReader(_Reader(self.fp.detach(), sock, deadline))


class _Timed(HTTPConnection):
    """Sends and receives until the deadline that holds."""

    response_class = _TimedAnswer

    def send(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            if self.sock is not None:  # else this opens it, with the timeout for connecting
                _DEADLINE.get().limit(self.sock)
            super().send(view[start : start + _PIECE])

    def getresponse(self) -> Any:
        answer = super().getresponse()
        _DEADLINE.get().add_body(answer.length_remaining or 0)
        return answer


class _SecureTimed(_Timed, HTTPSConnection):
    """The same, with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Timed


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureTimed
