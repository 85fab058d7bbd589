"""Transactions on one application, in which ended operations have taken effect."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flowdeploy.sandbox.appengine import operations
from flowdeploy.sandbox.appengine.operations import Mutation
from flowdeploy.sandbox.faults import FaultInjector
from flowdeploy.sandbox.google_api.errors import ApiError, not_found
from flowdeploy.sandbox.state import State


@dataclass(frozen=True, slots=True)
class AppView:
    """An application in a transaction. ``body`` is its resource without derived fields."""

    db: sqlite3.Connection
    id: str
    location: str
    body: dict[str, Any]
    now: float

    @property
    def is_enabled(self) -> bool:
        return bool(self.body.get("servingStatus", "SERVING") == "SERVING")

    def require_enabled(self) -> None:
        """Raises ApiError FAILED_PRECONDITION if the application is disabled."""
        if not self.is_enabled:
            status = self.body["servingStatus"]
            text = f"Cannot operate on apps/{self.id}: the application is disabled ({status})."
            raise ApiError("FAILED_PRECONDITION", text)

    def start(self, mutation: Mutation, injector: FaultInjector) -> dict[str, Any]:
        """Start the mutation's operation. Raises ApiError ABORTED if another one is pending."""
        return operations.start(self.db, mutation, injector, self.now)


class AppStore:
    """Lends applications, each for one transaction."""

    def __init__(self, state: State) -> None:
        self._state = state

    @contextmanager
    def read(self, app: str) -> Iterator[AppView]:
        """Lend the application for reading. Raises ApiError NOT_FOUND."""
        with self.read_tables(app) as db:
            yield self._view(db, app)

    @contextmanager
    def read_tables(self, app: str) -> Iterator[sqlite3.Connection]:
        """Lend the tables for reading, whether or not the application exists."""
        with self._state.read() as db:
            due = operations.has_due(db, app, self._state.now())
        if due:
            with self._state.write() as db:
                operations.apply_due(db, app, self._state.now())
        with self._state.read() as db:
            yield db

    @contextmanager
    def write(self, app: str) -> Iterator[AppView]:
        """Lend the application for changes. Raises ApiError NOT_FOUND."""
        with self._state.write() as db:
            operations.apply_due(db, app, self._state.now())
            yield self._view(db, app)

    def _view(self, db: sqlite3.Connection, app: str) -> AppView:
        row = db.execute("SELECT * FROM apps WHERE id = ?", [app]).fetchone()
        if row is None:
            raise not_found(f"Could not find Application '{app}'.")
        return AppView(db, app, row["location"], json.loads(row["body"]), self._state.now())
