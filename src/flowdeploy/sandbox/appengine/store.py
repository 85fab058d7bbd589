"""Reading and changing one application: operations that are due come first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flowdeploy.sandbox.appengine import operations
from flowdeploy.sandbox.errors import ApiError, not_found
from flowdeploy.sandbox.state import State


@dataclass(frozen=True, slots=True)
class View:
    """An application in a transaction. ``body`` is its resource without what is derived."""

    db: sqlite3.Connection
    id: str
    location: str
    body: dict[str, Any]
    now: float

    @property
    def is_enabled(self) -> bool:
        return bool(self.body.get("servingStatus", "SERVING") == "SERVING")

    def require_enabled(self) -> None:
        """Raises ApiError FAILED_PRECONDITION for an application that is switched off."""
        if not self.is_enabled:
            status = self.body["servingStatus"]
            text = f"Cannot operate on apps/{self.id}: the application is disabled ({status})."
            raise ApiError("FAILED_PRECONDITION", text)


class Store:
    """Lends applications for one transaction each."""

    def __init__(self, state: State) -> None:
        self._state = state

    @contextmanager
    def read(self, app: str) -> Iterator[View]:
        """Raises ApiError NOT_FOUND."""
        with self.settled(app) as db:
            yield self._view(db, app)

    @contextmanager
    def settled(self, app: str) -> Iterator[sqlite3.Connection]:
        """The tables after what is due, whether or not the application exists."""
        with self._state.read() as db:
            due = operations.are_due(db, app, self._state.now())
        if due:
            with self._state.write() as db:
                operations.apply_due(db, app, self._state.now())
        with self._state.read() as db:
            yield db

    @contextmanager
    def write(self, app: str) -> Iterator[View]:
        """Raises ApiError NOT_FOUND."""
        with self._state.write() as db:
            operations.apply_due(db, app, self._state.now())
            yield self._view(db, app)

    def _view(self, db: sqlite3.Connection, app: str) -> View:
        row = db.execute("SELECT * FROM apps WHERE id = ?", [app]).fetchone()
        if row is None:
            raise not_found(f"Could not find Application '{app}'.")
        return View(db, app, row["location"], json.loads(row["body"]), self._state.now())
