"""The sandbox's state: a folder with an SQLite database and a store of blobs.

The database is in WAL mode and every change is one transaction. A process that is killed
leaves either all of a change or nothing of it, and several processes may share a folder.
A blob is in place before a row refers to it.
"""

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
    """An application to create at the start, if the state does not have it yet.

    Each of the ``services`` gets all of the ``versions``; the first version has all the
    traffic. ``location`` is an App Engine location such as ``europe-west``,
    ``serving_status`` may be ``USER_DISABLED``, and ``disabled_apis`` are APIs that are
    not enabled in the project, such as ``cloudtasks.googleapis.com``.
    """

    project: str
    location: str = "europe-west"
    services: tuple[str, ...] = ("default",)
    versions: tuple[str, ...] = ("1",)
    serving_status: str = "SERVING"
    disabled_apis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The behaviour of a running sandbox.

    ``latency`` is the minimum duration of a request, ``operation_seconds`` the duration of
    an App Engine operation, and ``index_seconds`` that of building a Datastore index, all
    in seconds. ``fault_rate`` is the portion (0 to 1) of requests that fail at random;
    ``seed`` decides which ones.
    """

    latency: float = 0.0
    operation_seconds: float = 0.0
    fault_rate: float = 0.0
    seed: int = 0
    index_seconds: float = 0.0


class StateError(Exception):
    """The state folder cannot be used; the message names it and gives the reason."""


class State:
    """The database and the blobs of one folder.

    ``read`` and ``write`` lend the connection for one transaction. A coroutine must not
    await inside them, because the connection is shared.
    """

    def __init__(self, folder: Path, schemas: Iterable[str] = ()) -> None:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        (folder / "sandbox.db").touch(0o600)  # its other files get the mode of this one
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
        """Seconds since 1970 by the sandbox's clock, which can be moved forward."""
        return time.time() + self.clock_offset

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for a transaction that only reads."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for a transaction that writes; an exception rolls it back."""
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
