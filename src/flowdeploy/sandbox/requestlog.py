"""What was asked and how it was answered, kept in memory to be read back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. ``at`` is in seconds since 1970, ``seconds`` the time that it took,
    ``received`` the length of its body, ``status`` the HTTP status or 0 where the
    connection was closed instead, ``fault`` what was made to go wrong.
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
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


LOG = web.AppKey("log", RequestLog)
