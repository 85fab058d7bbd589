"""Shows a plan: a table of its stages, and the instances that it skips."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from flowdeploy.checks.drift import Difference
from flowdeploy.display.tables import Row, pad
from flowdeploy.display.terminal import Line, literal, say_blocks
from flowdeploy.display.text import duration, group_values, names_or_count, wrap, wrap_each
from flowdeploy.display.words import UNKNOWN_YET, detail, instance_name, skip_lines, target_line
from flowdeploy.planning.plan import Plan, PlanKind, Stage, action
from flowdeploy.units import ALL


def render(plan: Plan, target: str, console: Console, further: Sequence[Line] = ()) -> None:
    """Print the plan. Steps that differ only in their instance share a row.

    ``further`` lines, such as `settings_lines`, come last.
    """
    header, *lines = _table(plan, console.width)
    blocks: list[Sequence[Line]] = [
        [target_line(target), _headline(plan)],
        [literal((header, "bold")), *lines],
        wrap_each(skip_lines(plan), console.width),
        further,
    ]
    say_blocks(console, blocks)


Settings = Mapping[str, Mapping[str, Mapping[str, Any]]]


def settings_lines(settings: Settings | None, width: int) -> list[Line]:
    """The settings of the instances and where they come from; equal ones share a line.

    ``settings`` are by instance and key, each with ``value`` and ``from``; None before the
    build.
    """
    if settings is None:
        return [f"Settings: {UNKNOWN_YET}"]
    alike = group_values(
        (f"{key} = {_text(setting['value'])}, from {_origin(setting['from'])}", instance)
        for instance, keys in settings.items()
        for key, setting in keys.items()
    )
    texts = [
        text if len(names) == len(settings) else f"{text},{_on(names)}"
        for text, names in sorted(alike.items())
    ]
    return _section("Settings", texts, width)


def configuration_lines(foreseen: Mapping[str, Sequence[str]], width: int) -> list[Line]:
    """The changes of configuration, by instance; equal ones share a line."""
    alike = group_values((line, name) for name, lines in foreseen.items() for line in lines)
    texts = [f"{text} on {names_or_count(names)}" for text, names in alike.items()]
    return _section("Configuration", texts, width)


def stripped_lines(names: Sequence[str] | None, width: int) -> list[Line]:
    """The variables that a build does not get; no lines for None."""
    text = f"without the variables {', '.join(names)}" if names else "all variables"
    return [] if names is None else _section("The build's environment", [text], width)


def difference_lines(rows: Sequence[Row], width: int) -> list[Line]:
    """What a reconfiguration changes; equal differences share a line."""
    return _section("Differences", difference_texts(rows), width)


def difference_texts(rows: Sequence[Row]) -> list[str]:
    """A line for each difference, from rows as `drift_row` has them."""
    alike = group_values((_difference(row), row["instance"]) for row in rows)
    return [f"{text} on {names_or_count(names)}" for text, names in alike.items()]


def _difference(row: Row) -> str:
    origin = f", from {_origin(row['from'])}" if row["from"] else ""
    return f"{Difference(row['field'], row['is'], row['should_be'])}{origin}"


def _section(title: str, texts: Sequence[str], width: int) -> list[Line]:
    """A title and the texts, indented; empty without texts."""
    return [literal((title, "bold")), *wrap_each(texts, width, "  ")] if texts else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _origin(source: str) -> str:
    """The source without the instance's path, so that equal settings share a line."""
    return source.partition(" ")[0]


def _headline(plan: Plan) -> str:
    source = f", from {plan.ref}" if plan.ref else ""
    if plan.kind is PlanKind.ROLLBACK:
        return f"Plan: rollback to {plan.version or 'what was served before'}"
    if plan.kind is PlanKind.RECONFIGURE:
        return f"Plan: reconfigure {plan.version or 'what is live'}"
    return f"Plan: {plan.kind} {plan.version or UNKNOWN_YET}{source}"


def _table(plan: Plan, width: int) -> Iterator[str]:
    """The lines of the table; the last column is wrapped at ``width``."""
    rows = [row for stage in plan.stages for row in (*_rows(stage), *_pause(stage, plan))]
    heads = pad([["STAGE", "ACTION"], *(row[:2] for row in rows)])
    for head, last in zip(heads, ["DETAIL", *(row[2] for row in rows)], strict=True):
        left = "".join(f"{cell}  " for cell in head)
        first, *more = wrap(last, width - len(left))
        yield left + first
        yield from (" " * len(left) + line for line in more)


def _rows(stage: Stage) -> Iterator[tuple[str, str, str]]:
    alike = group_values(((action(s), detail(s)), instance_name(s)) for s in stage.steps)
    for (what, how), names in alike.items():
        yield stage.name, what, how + _on(list(filter(None, names)))
    if stage.max != ALL:
        yield stage.name, "limit", f"{stage.max} of its instances at once"


def _pause(stage: Stage, plan: Plan) -> Iterator[tuple[str, str, str]]:
    if stage.pause and stage is not plan.stages[-1]:
        yield stage.name, "pause", duration(stage.pause)


def _on(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(f" on {name}" for name in names)
    return f" on {len(names)} instances: {', '.join(names)}"
