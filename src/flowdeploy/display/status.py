"""Rows for ``status`` and for ``status --drift``."""

from collections.abc import Iterable, Mapping
from typing import Any

from flowdeploy.checks.deploy import InstanceStatus
from flowdeploy.checks.drift import Difference, first_names
from flowdeploy.checks.findings import FEW, without_names
from flowdeploy.display.tables import Column, Row, field_column, or_dash
from flowdeploy.display.text import group_values, names_or_count
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.traffic import Split
from flowdeploy.report import error_json


def _note(row: Row) -> str:
    if error := row["error"]:
        return ": ".join([error["code"], error["message"], *error["details"][:1]])
    return f"skipped: {row['skip']}" if row.get("skip") else "-"


_NOTE = Column("NOTE", _note)
_PREVIOUS = Column("PREVIOUS", lambda row: _shares((row["previous"] or {}).get("allocations")))
DRIFT_COLUMNS = (
    *map(field_column, ("INSTANCE", "VERSION", "FIELD")),
    Column("IS", lambda row: _value(row["is"])),
    Column("SHOULD_BE", lambda row: _value(row["should_be"])),
    field_column("FROM"),
    _NOTE,
)


def columns(*, with_state: bool, with_previous: bool = False) -> tuple[Column, ...]:
    """The columns for `status_row`; ``with_state`` if it was given a version."""
    return (
        field_column("INSTANCE"),
        *([field_column("STATE")] if with_state else []),
        Column("LIVE", lambda row: _shares(row["live"])),
        Column("DARK", lambda row: _first(row["dark"])),
        *([_PREVIOUS] if with_previous else []),
        field_column("ROOM"),
        Column("OPERATION", lambda row: _first(row["operations"])),
        _NOTE,
    )


def status_row(
    instance: Instance,
    seen: InstanceStatus | FlowdeployError | None,
    version: str | None,
    previous: Split | None = None,
) -> Row:
    """The row of an instance; ``seen`` is an error if it could not be read, None if skipped.

    ``previous`` is the split that a rollback would restore.
    """
    status = seen if isinstance(seen, InstanceStatus) else None
    live = status.split.allocations if status and status.split else {}
    row = {
        "instance": instance.id,
        "project": instance.project,
        "service": instance.service,
        "role": str(instance.role),
        "wave": instance.wave,
        "live": dict(live) if status else None,
        "dark": list(status.waiting) if status else None,
        "previous": previous.as_json() if previous else None,
        "room": status.room if status else None,
        "operations": list(status.operations) if status else None,
        "skip": instance.skip,
        "error": error_json(seen) if isinstance(seen, FlowdeployError) else None,
    }
    if version:
        row |= {"version": version, "state": status.state(version) if status else None}
    return row


def drift_row(instance: Instance, version: str, found: Difference, source: str | None) -> Row:
    """The row of a difference; ``source`` is where the wanted value is written."""
    return {
        "instance": instance.id,
        "version": version,
        "field": found.field,
        "is": found.actual,
        "should_be": found.wanted,
        "from": source,
        "error": None,
    }


def unread_row(instance: Instance, error: FlowdeployError) -> Row:
    """The row of an instance that could not be compared."""
    nothing = dict.fromkeys(("version", "field", "is", "should_be", "from"))
    return {"instance": instance.id, **nothing, "error": error_json(error)}


def group_drift_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows with one for equal ones of many instances, which it counts."""
    groups = group_values((_drift_key(row), row) for row in rows)
    grouped: list[Row] = []
    for same in groups.values():
        names = {"instance": names_or_count([row["instance"] for row in same])}
        source = without_names(same[0]["from"] or "", [same[0]["instance"]]) or None
        many = [{**same[0], **names, "from": source}]
        grouped += many if len(same) > FEW else same
    return grouped


def _drift_key(row: Row) -> str:
    """What is equal in the rows of one group. A row's own names are not."""
    rest = {key: value for key, value in row.items() if key != "instance"}
    return without_names(repr(rest), [row["instance"]])


def _shares(live: Mapping[str, float] | None) -> str:
    """``v1``, or ``v1 90%, v2 10%`` where the traffic is split."""
    if not live:
        return "-"
    if len(live) == 1:
        return next(iter(live))
    ordered = sorted(live.items(), key=lambda share: -share[1])
    return ", ".join(f"{version} {100 * share:.3g}%" for version, share in ordered)


def _first(names: Iterable[str] | None) -> str:
    return first_names(names or ()) or "-"


def _value(value: Any) -> str:
    """A setting's value. Of lists, the length; of files, paths and the first digits of SHA-1s."""
    if isinstance(value, list):
        return f"{len(value)} entries"
    if isinstance(value, Mapping):
        return _first(f"{path} {(sha1 or 'missing')[:8]}" for path, sha1 in value.items())
    return or_dash(value)
