"""``flowdeploy status [VERSION]``: how every instance stands. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import click

from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import LISTS, common_options
from flowdeploy.cli.session import Session, current_session
from flowdeploy.display.status import (
    DRIFT_COLUMNS,
    columns,
    drift_row,
    group_drift_rows,
    status_row,
    unread_row,
)
from flowdeploy.display.tables import Column, Format, Row, show
from flowdeploy.display.text import group_values, names_or_count
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.refs import parse_version
from flowdeploy.planning.traffic import Split
from flowdeploy.rollout.parallel import map_in_threads

if TYPE_CHECKING:
    from flowdeploy.steps.deploy.drift import DriftComparison, InstanceDrift

NOTHING: Mapping[str, Split] = MappingProxyType({})
Seen = TypeVar("Seen")
NEWEST_RUNS = 128  # for an instance that none has moved, all records would be read
UNREAD, DRIFT = 1, 4  # exit codes: an instance could not be read; one has drifted


@click.command(
    "status",
    epilog="""\b
Examples:
  flowdeploy status
  flowdeploy status 20200403-073034
  flowdeploy status --drift --format csv""",
)
@click.argument("version", required=False)
@click.option(
    "--drift",
    is_flag=True,
    help="Compare the live versions' settings and descriptors (with VERSION: that version's,"
    " and all its files) with the staged folder, the descriptors and the configuration.",
)
@common_options(LISTS)
def command(version: str | None, drift: bool) -> None:
    """Show how every instance stands: live versions, newer dark ones, room for versions,
    operations in progress; with VERSION, where that is live, dark or missing.

    \b
    Exit code 0, or
    1   an instance could not be read; its row says why
    4   --drift found a difference
    """
    session = current_session()
    version = parse_version(version) if version else None
    session.clients.authenticate()  # an error here is not one of each instance
    code = (_show_drift if drift else _show_status)(session, version)
    click.get_current_context().exit(code)


def status_rows(
    session: Session,
    instances: Sequence[Instance],
    version: str | None,
    previous: Mapping[str, Split] = NOTHING,
) -> list[Row]:
    """A row for each instance, errors included."""
    from flowdeploy.steps.observe import instance_status

    engine = session.clients.engine
    seen = _look_at(session, instances, lambda instance: instance_status(engine, instance))
    return [
        status_row(each, seen.get(each.id), version, previous.get(each.id)) for each in instances
    ]


def _show_status(session: Session, version: str | None) -> int:
    instances = session.config.fleet.instances
    rows = status_rows(session, instances, version, _find_previous(session, instances))
    _print(rows, columns(with_state=version is not None, with_previous=True), session)
    return UNREAD if any(row["error"] for row in rows) else 0


def _find_previous(session: Session, instances: Sequence[Instance]) -> Mapping[str, Split]:
    """What `rollback` would restore on each instance, as far as the newest runs tell.

    Empty where the records cannot be read.
    """
    active = [instance for instance in instances if not instance.skip]
    try:
        undos = session.history.find_undo(active, NEWEST_RUNS).undos
    except FlowdeployError as error:
        print_note(f"what was served before is not known: {error.message}")
        return NOTHING
    return {undo.instance.id: undo.split for undo in undos}


def _show_drift(session: Session, version: str | None) -> int:
    instances = session.config.fleet.instances
    seen = _look_at(session, instances, _compare_with(session, version).compare)
    looked = [(instance, seen[instance.id]) for instance in instances if instance.id in seen]
    rows = [row for instance, result in looked for row in _drift_rows(instance, result)]
    compared = [(i.id, result) for i, result in looked if not isinstance(result, FlowdeployError)]
    unknown = group_values((v, name) for name, result in compared for v in result.unknown_files)
    for version_id, names in unknown.items():
        where = ", ".join(names) if session.options.verbose else names_or_count(names)
        _note(session, f"which files version {version_id} has cannot be known on {where}")
    is_short = session.options.format == "table" and not session.options.verbose
    _print(group_drift_rows(rows) if is_short else rows, DRIFT_COLUMNS, session)
    if not rows:
        _note(session, "no instance has drifted")
    if any(row["error"] for row in rows):
        return UNREAD
    return DRIFT if rows else 0


def _drift_rows(instance: Instance, result: InstanceDrift | FlowdeployError) -> list[Row]:
    if isinstance(result, FlowdeployError):
        return [unread_row(instance, result)]
    return [
        drift_row(instance, each.version, each.difference, each.source) for each in result.drifts
    ]


def _compare_with(session: Session, version: str | None) -> DriftComparison:
    """Raises Refused for a staged folder or a folder of descriptors that cannot be used."""
    from flowdeploy.steps import staging
    from flowdeploy.steps.deploy.descriptors import require_folder
    from flowdeploy.steps.deploy.drift import DriftComparison

    config = session.config
    require_folder(config.descriptors)
    if config.build.staging.is_dir():
        staged = staging.read(config.build.staging, exclude=(session.home, config.path))
    else:
        staged = None
        _note(session, f"{config.build.staging} does not exist: app.yaml is not compared")
    return DriftComparison(session.clients.engine, staged, config.descriptors, version)


def _look_at(
    session: Session, instances: Sequence[Instance], look: Callable[[Instance], Seen]
) -> dict[str, Seen | FlowdeployError]:
    """``look`` at every instance that is not skipped, side by side: by id, its result or error."""

    def look_or_error(instance: Instance) -> Seen | FlowdeployError:
        try:
            return look(instance)
        except FlowdeployError as error:
            return error

    active = [instance for instance in instances if not instance.skip]
    results = map_in_threads(look_or_error, active, session.jobs)
    return {instance.id: result for instance, result in results}


def _print(rows: Sequence[Row], columns: Sequence[Column], session: Session) -> None:
    show(rows, columns, Format(session.options.format), sys.stdout)


def _note(session: Session, text: str) -> None:
    if not session.options.quiet:
        print_note(text)
