"""What the stand-in remembers: a folder with an SQLite database and a store of blobs.

The database is in WAL mode and every change is one transaction, so a process that is
killed at any moment leaves either all of a change or nothing of it; several processes
may use one folder at once. Bytes are in place before a row names them.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.sandbox.blobs import Blobs

BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class App:
    """An application that exists from the start, unless the state knows its name already.

    Every service of ``services`` has the versions of ``versions``; the first of them has
    all the traffic. ``location`` is an App Engine location such as ``europe-west``,
    ``serving_status`` may be ``USER_DISABLED``, and ``disabled_apis`` are services such as
    ``cloudtasks.googleapis.com`` that the project has not switched on.
    """

    project: str
    location: str = "europe-west"
    services: tuple[str, ...] = ("default",)
    versions: tuple[str, ...] = ("1",)
    serving_status: str = "SERVING"
    disabled_apis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """How the stand-in behaves while it runs.

    ``latency`` is the seconds that every request takes at least, ``operation_seconds``
    how long a mutation is in progress, ``fault_rate`` the portion (0 to 1) of requests
    that fail by chance, ``seed`` decides which, and ``index_seconds`` is how long a
    Datastore index is built.
    """

    latency: float = 0.0
    operation_seconds: float = 0.0
    fault_rate: float = 0.0
    seed: int = 0
    index_seconds: float = 0.0


class StateError(Exception):
    """A folder in which nothing can be remembered; the message says which and why."""


class State:
    """The database and the blobs of one folder.

    ``read`` and ``write`` lend the connection for one transaction. Inside of them a
    coroutine must not await: the connection is shared.
    """

    def __init__(self, folder: Path, schemas: Iterable[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.blobs = Blobs(folder / "blobs")
        self.clock_offset = 0.0
        self._lock = threading.RLock()
        self._db = _connect(folder / "sandbox.db")
        self.install(*schemas)

    def install(self, *schemas: str) -> None:
        """Create the tables of these schemas that do not exist yet."""
        for schema in schemas:
            with self._lock:
                self._db.executescript(f"BEGIN IMMEDIATE; {schema}; COMMIT")

    def now(self) -> float:
        """Seconds since 1970 by the stand-in's clock, which can be put forward."""
        return time.time() + self.clock_offset

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view; nothing may be changed in it."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All changes made in it happen together, or none where it is left by an exception."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute(begin)
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error:
        db.close()
        raise
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    return db
