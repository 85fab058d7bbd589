"""Long-running operations: a mutation returns one, and takes effect when it ends.

The result of an operation is decided when it starts: its row holds the statements to run,
or the error. The first request for the application after the operation's end runs the
statements, so a restart changes nothing.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowdeploy.sandbox.faults import OPERATION_KINDS, FaultInjector, FaultKind, Occasion
from flowdeploy.sandbox.google_api.errors import ApiError, not_found
from flowdeploy.sandbox.google_api.timestamps import to_rfc3339

TYPES = "type.googleapis.com/google.appengine.v1."
EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
USER = "sandbox@example.com"

Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """An accepted change.

    ``method`` is the API's method, such as ``Versions.CreateVersion``; ``target`` is the
    resource's name. When the operation ends, the ``effect`` statements run and the
    operation has the ``response``; with an ``error`` it ends with that, and nothing
    changes. ``conflicts`` are further resources that must have no pending operation.
    """

    app: str
    target: str
    method: str
    effect: tuple[Statement, ...]
    response: dict[str, Any]
    error: ApiError | None = None
    conflicts: tuple[str, ...] = ()


def start(
    db: sqlite3.Connection, mutation: Mutation, injector: FaultInjector, now: float
) -> dict[str, Any]:
    """Start an operation. Raises ApiError ABORTED if another one is pending."""
    _require_free(db, mutation)
    due, error = _plan_end(mutation, injector, now)
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
            json.dumps(error.to_operation_error()) if error else None,
            json.dumps(mutation.response),
        ),
    )
    apply_due(db, mutation.app, now)
    return get(db, mutation.app, number)


def has_due(db: sqlite3.Connection, app: str, now: float) -> bool:
    """Whether the application has operations that ended but did not take effect yet."""
    return bool(_due_rows(db, app, now))


def apply_due(db: sqlite3.Connection, app: str, now: float) -> None:
    """Apply the effects of operations that have ended, in the order of their ends."""
    for row in _due_rows(db, app, now):
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
        raise not_found(f"Operation 'apps/{app}/operations/{number}' not found.")
    return to_resource(row)


def list_all(db: sqlite3.Connection, app: str, done: bool | None) -> list[sqlite3.Row]:
    """The application's operations, sorted by id; ``done`` selects finished or pending ones."""
    return db.execute(
        "SELECT * FROM operations WHERE app = ? AND coalesce(applied = ?, 1) ORDER BY id",
        (app, done),
    ).fetchall()


def to_resource(row: sqlite3.Row) -> dict[str, Any]:
    """The operation as google.longrunning.Operation."""
    metadata: dict[str, Any] = {
        "@type": TYPES + "OperationMetadataV1",
        "method": f"google.appengine.v1.{row['method']}",
        "insertTime": to_rfc3339(row["inserted"]),
        "user": USER,
        "target": row["target"],
    }
    operation = {"name": f"apps/{row['app']}/operations/{row['id']}", "metadata": metadata}
    if not row["applied"]:
        return operation
    metadata["endTime"] = to_rfc3339(row["due"])
    if row["error"] is not None:
        return {**operation, "done": True, "error": json.loads(row["error"])}
    return {**operation, "done": True, "response": json.loads(row["response"])}


def _due_rows(db: sqlite3.Connection, app: str, now: float) -> list[sqlite3.Row]:
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
    for name in (mutation.target, *mutation.conflicts):
        if name in under_way:
            raise in_progress_error(mutation.target, name, under_way[name])


def in_progress_error(target: str, busy: str, number: str) -> ApiError:
    """409 ABORTED: the operation ``number`` on ``busy`` is pending."""
    return ApiError(
        "ABORTED",
        f"Cannot operate on {target} because an operation is already in progress for {busy} "
        f"by {number}.",
    )


def pending_targets(db: sqlite3.Connection, app: str, prefix: str) -> Iterable[str]:
    """The targets that begin with ``prefix`` and have a pending operation."""
    rows = db.execute("SELECT target FROM operations WHERE app = ? AND NOT applied", [app])
    return [row["target"] for row in rows if row["target"].startswith(prefix)]


def _plan_end(
    mutation: Mutation, injector: FaultInjector, now: float
) -> tuple[float | None, ApiError | None]:
    method = mutation.method.rpartition(".")[2]
    occasion = Occasion(mutation.app, method, mutation.target)
    due = now + injector.settings.operation_seconds
    match injector.take_fault(OPERATION_KINDS, occasion):
        case FaultKind.OPERATION_STUCK:
            return None, None
        case FaultKind.OPERATION_ERROR:
            return due, ApiError("INTERNAL", "An internal error occurred.")
        case _:
            return due, mutation.error
