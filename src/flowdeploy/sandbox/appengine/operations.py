"""Operations: what a mutation returns, and when it takes effect.

How an operation will end is decided when it begins: its row holds the statements that it
will have run, or the error that it will have. They are run by the first request on the
application that comes when they are due, so a restart changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowdeploy.sandbox.errors import ApiError
from flowdeploy.sandbox.rehearsal import OPERATION_KINDS, Kind, Occasion, Rehearsal
from flowdeploy.sandbox.times import rfc3339

TYPES = "type.googleapis.com/google.appengine.v1."
EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
USER = "sandbox@example.com"

Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change that was accepted.

    ``method`` is the API's, ``Versions.CreateVersion``; ``target`` the resource's name.
    ``effect`` are the statements that make the change, ``response`` what the operation
    then returns; with an ``error`` it returns that, and nothing is changed. ``held`` are
    further resources that must have no operation under way.
    """

    app: str
    target: str
    method: str
    effect: tuple[Statement, ...]
    response: dict[str, Any]
    error: ApiError | None = None
    held: tuple[str, ...] = ()


def begin(
    db: sqlite3.Connection, mutation: Mutation, rehearsal: Rehearsal, now: float
) -> dict[str, Any]:
    """Start the operation. Raises ApiError ABORTED where another one is in its way."""
    _require_free(db, mutation)
    due, error = _fate(mutation, rehearsal, now)
    number = str(uuid.uuid4())
    db.execute(
        "INSERT INTO operations (app, id, target, method, inserted, due, effect, error, response)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            mutation.app,
            number,
            mutation.target,
            mutation.method,
            now,
            due,
            json.dumps(() if error else mutation.effect),
            json.dumps(error.as_operation_error()) if error else None,
            json.dumps(mutation.response),
        ),
    )
    apply_due(db, mutation.app, now)
    return get(db, mutation.app, number)


def are_due(db: sqlite3.Connection, app: str, now: float) -> bool:
    """Whether operations of this application have ended but not yet taken effect."""
    return bool(_due(db, app, now))


def apply_due(db: sqlite3.Connection, app: str, now: float) -> None:
    """Let the operations that have ended take effect, in the order of their ends."""
    for row in _due(db, app, now):
        for statement, values in json.loads(row["effect"]):
            db.execute(statement, values)
        db.execute(
            "UPDATE operations SET applied = 1, effect = '[]' WHERE app = ? AND id = ?",
            (app, row["id"]),
        )


def get(db: sqlite3.Connection, app: str, number: str) -> dict[str, Any]:
    """The operation as google.longrunning.Operation. Raises ApiError NOT_FOUND."""
    row = db.execute("SELECT * FROM operations WHERE app = ? AND id = ?", (app, number)).fetchone()
    if row is None:
        raise ApiError("NOT_FOUND", f"Operation 'apps/{app}/operations/{number}' not found.")
    return as_resource(row)


def all_of(db: sqlite3.Connection, app: str, done: bool | None) -> list[sqlite3.Row]:
    """The application's operations that are done or not, or all of them; sorted by id."""
    return db.execute(
        "SELECT * FROM operations WHERE app = ? AND coalesce(applied = ?, 1) ORDER BY id",
        (app, done),
    ).fetchall()


def as_resource(row: sqlite3.Row) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "@type": TYPES + "OperationMetadataV1",
        "method": f"google.appengine.v1.{row['method']}",
        "insertTime": rfc3339(row["inserted"]),
        "user": USER,
        "target": row["target"],
    }
    operation = {"name": f"apps/{row['app']}/operations/{row['id']}", "metadata": metadata}
    if not row["applied"]:
        return operation
    metadata["endTime"] = rfc3339(row["due"])
    if row["error"] is not None:
        return {**operation, "done": True, "error": json.loads(row["error"])}
    return {**operation, "done": True, "response": json.loads(row["response"])}


def _due(db: sqlite3.Connection, app: str, now: float) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT id, effect FROM operations WHERE app = ? AND NOT applied AND due <= ? ORDER BY due",
        (app, now),
    ).fetchall()


def _require_free(db: sqlite3.Connection, mutation: Mutation) -> None:
    under_way = {
        row["target"]: row["id"]
        for row in db.execute(
            "SELECT target, id FROM operations WHERE app = ? AND NOT applied", [mutation.app]
        )
    }
    for name in (mutation.target, *mutation.held):
        if name in under_way:
            raise in_progress(mutation.target, name, under_way[name])


def in_progress(target: str, busy: str, number: str) -> ApiError:
    return ApiError(
        "ABORTED",
        f"Cannot operate on {target} because an operation is already in progress for {busy} "
        f"by {number}.",
    )


def under_way_below(db: sqlite3.Connection, app: str, prefix: str) -> Iterable[str]:
    """The targets that begin with ``prefix`` and have an operation under way."""
    rows = db.execute("SELECT target FROM operations WHERE app = ? AND NOT applied", [app])
    return [row["target"] for row in rows if row["target"].startswith(prefix)]


def _fate(
    mutation: Mutation, rehearsal: Rehearsal, now: float
) -> tuple[float | None, ApiError | None]:
    method = mutation.method.rpartition(".")[2]
    occasion = Occasion(mutation.app, method, mutation.target)
    due = now + rehearsal.settings.operation_seconds
    match rehearsal.strike(OPERATION_KINDS, occasion):
        case Kind.OPERATION_STUCK:
            return None, None
        case Kind.OPERATION_ERROR:
            return due, ApiError("INTERNAL", "An internal error occurred.")
        case _:
            return due, mutation.error
