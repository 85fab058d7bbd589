"""The log of recent requests, kept in memory."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

MAX_ENTRIES = 50_000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request.

    ``at`` is in seconds since 1970, ``seconds`` is the duration, and ``received`` is the
    length of the body in bytes. ``status`` is the HTTP status, or 0 if the connection was
    closed instead. ``fault`` is the fault that was injected, if any.
    """

    at: float
    seconds: float
    method: str
    host: str
    path: str
    query: str
    received: int
    status: int
    fault: str | None


class RequestLog:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=MAX_ENTRIES)

    def add(self, entry: LogEntry) -> None:
        self._entries.append(entry)

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


REQUEST_LOG = web.AppKey("log", RequestLog)
