"""Rows for past runs, and for the steps of one run."""

from collections.abc import Mapping
from typing import Any

from flowdeploy.display.tables import Column, Row, field_column, or_dash
from flowdeploy.errors import FlowdeployError
from flowdeploy.records.runs import Run, run_json
from flowdeploy.report import error_json

UNFINISHED = "unfinished"  # killed, or still under way


def _error(row: Row) -> str:
    return f"{row['error']['code']}: {row['error']['message']}" if row["error"] else "-"


def _who(row: Row) -> str:
    return f"{row['user']}@{row['host']}" if row["user"] else "-"


RUN_COLUMNS = (
    *map(field_column, ("RUN", "STARTED")),
    Column("WHO", _who),
    *map(field_column, ("KIND", "REF", "VERSION", "OUTCOME", "CHANGED")),
    Column("NOTE", _error),
)
STEP_COLUMNS = (
    *map(field_column, ("STAGE", "ACTION", "INSTANCE", "OUTCOME", "STATE")),
    Column("BEFORE", lambda row: _before(row["changes"])),
    Column("AFTER", lambda row: _after(row["changes"])),
)


def run_row(run: Run) -> dict[str, Any]:
    """The row of a run; ``changed`` is the number of instances that it may have changed."""
    header = run.header
    return {
        "run": run.name,
        "started": header.started,
        "user": header.user,
        "host": header.host,
        "command": header.command,
        "target": header.target,
        "kind": run.kind,
        "ref": header.plan["ref"],
        "version": header.plan["version"],
        "outcome": run.report["outcome"] if run.report else UNFINISHED,
        "exit_code": run.report.get("exit_code") if run.report else None,
        "changed": len({each.instance for each in run.changes if each.happened is not False}),
        "sessions": run.sessions,
        "error": None,
    }


def unreadable_row(name: str, error: FlowdeployError) -> dict[str, Any]:
    """The row of a run whose record cannot be read."""
    keys = ("started", "user", "host", "command", "target", "kind", "ref", "version")
    nothing = dict.fromkeys((*keys, "outcome", "exit_code", "changed", "sessions"))
    return {"run": name, **nothing, "error": error_json(error)}


def step_rows(run: Run) -> list[dict[str, Any]]:
    """A row for each step of the run, with its outcome and its recorded changes."""
    endings = run.endings or {}
    return [
        {
            "stage": stage,
            "action": step["action"],
            "instance": step.get("instance"),
            "outcome": str(endings[place].outcome) if place in endings else UNFINISHED,
            "state": endings[place].state if place in endings else None,
            "changes": [each for each in run_json(run)["changes"] if each["place"] == place],
        }
        for place, (stage, step) in enumerate(run.steps)
    ]


def _last_aspect(changes: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The changes of the aspect that was changed last: of a live deploy those of the traffic."""
    aspect = changes[-1]["change"]["aspect"] if changes else None
    return [each for each in changes if each["change"]["aspect"] == aspect]


def _before(changes: list[Mapping[str, Any]]) -> str:
    alike = _last_aspect(changes)
    return _value_text(alike[0]["change"]["before"]) if alike else "-"


def _after(changes: list[Mapping[str, Any]]) -> str:
    """What the changes have led to: those that did not happen have changed nothing."""
    alike = _last_aspect(changes)
    if not alike:
        return "-"
    text = _value_text(alike[0]["change"]["before"])
    for each in alike:
        if each["happened"] is None:
            text = "unknown"
        elif each["happened"]:
            text = _value_text(each["change"]["after"])
    return text


def _value_text(value: Any) -> str:
    """A split as ``v1 90%, v2 10%``; of other aspects the value."""
    shares = value.get("allocations") if isinstance(value, Mapping) else None
    if shares is None:
        return or_dash(value)
    return ", ".join(f"{v} {100 * share:.3g}%" for v, share in shares.items())
