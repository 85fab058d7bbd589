"""``flowdeploy status [VERSION]``: how every instance stands. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import click

from flowdeploy.cli.notes import note
from flowdeploy.cli.options import LISTS, common_options
from flowdeploy.cli.session import Session, session
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.refs import parse_version

if TYPE_CHECKING:
    from flowdeploy.clients.appengine import AppEngine
    from flowdeploy.display.tables import Column, Row
    from flowdeploy.planning.traffic import Split
    from flowdeploy.steps.deploy.drift import Compared, Drifting

NOTHING: Mapping[str, Split] = MappingProxyType({})
Seen = TypeVar("Seen")
LOOKED_BACK = 128  # runs; for an instance that none has moved all records would be read
UNREAD, DRIFT = 1, 4  # exit codes: an instance could not be read; one is not as it should be


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
    here = session()
    version = parse_version(version) if version else None
    with engine_for(here) as engine:
        code = (_show_drift if drift else _show_standing)(here, engine, version)
    click.get_current_context().exit(code)


@contextmanager
def engine_for(here: Session) -> Iterator[AppEngine]:
    """App Engine, as many calls at once as the configuration has jobs. Raises ServiceError."""
    from flowdeploy.clients.api import credentials_for
    from flowdeploy.clients.appengine import AppEngine

    with here.endpoints() as endpoints:
        credentials, _ = credentials_for(endpoints)
        yield AppEngine(endpoints.appengine, credentials, here.config.rollout.jobs)


def standing_rows(
    here: Session,
    engine: AppEngine,
    instances: Sequence[Instance],
    version: str | None,
    previous: Mapping[str, Split] = NOTHING,
) -> list[Row]:
    """A row for each instance, errors included."""
    from flowdeploy.display.status import status_row
    from flowdeploy.steps.observe import standing

    seen = _looked_at(here, instances, lambda instance: standing(engine, instance))
    return [
        status_row(each, seen.get(each.id), version, previous.get(each.id)) for each in instances
    ]


def _show_standing(here: Session, engine: AppEngine, version: str | None) -> int:
    from flowdeploy.display.status import columns

    instances = here.config.fleet.instances
    rows = standing_rows(here, engine, instances, version, _previous(here, instances))
    _print(rows, columns(with_state=version is not None, with_previous=True), here)
    return UNREAD if any(row["error"] for row in rows) else 0


def _previous(here: Session, instances: Sequence[Instance]) -> Mapping[str, Split]:
    """What `rollback` would give each instance back, as far as the latest runs tell.

    Nothing where the records cannot be read.
    """
    from flowdeploy.cli.past import past

    working = [instance for instance in instances if not instance.skip]
    try:
        with past(here) as records:
            return {
                undo.instance.id: undo.back for undo in records.undoing(working, LOOKED_BACK).undos
            }
    except FlowdeployError as error:
        note(f"what was served before is not known: {error.message}")
        return NOTHING


def _show_drift(here: Session, engine: AppEngine, version: str | None) -> int:
    from flowdeploy.display.status import DRIFT_COLUMNS
    from flowdeploy.display.text import gathered

    instances = here.config.fleet.instances
    seen = _looked_at(here, instances, _drifting(here, engine, version).of)
    looked = [(instance, seen[instance.id]) for instance in instances if instance.id in seen]
    rows = [row for instance, found in looked for row in _drift_rows(instance, found)]
    compared = [(i.id, found) for i, found in looked if not isinstance(found, FlowdeployError)]
    untold = gathered((unknown, name) for name, found in compared for unknown in found.untold)
    for unknown, names in untold.items():
        _note(here, f"which files version {unknown} has cannot be known on {', '.join(names)}")
    _print(rows, DRIFT_COLUMNS, here)
    if not rows:
        _note(here, "no instance has drifted")
    if any(row["error"] for row in rows):
        return UNREAD
    return DRIFT if rows else 0


def _drift_rows(instance: Instance, found: Compared | FlowdeployError) -> list[Row]:
    from flowdeploy.display.status import drift_row, unread_row

    if isinstance(found, FlowdeployError):
        return [unread_row(instance, found)]
    return [
        drift_row(instance, each.version, each.difference, each.source) for each in found.drifts
    ]


def _drifting(here: Session, engine: AppEngine, version: str | None) -> Drifting:
    """Raises Refused for a staged folder or a folder of descriptors that cannot be used."""
    from flowdeploy.steps import staging
    from flowdeploy.steps.deploy.descriptors import require_folder
    from flowdeploy.steps.deploy.drift import Drifting

    config = here.config
    require_folder(config.descriptors)
    if config.build.staging.is_dir():
        staged = staging.read(config.build.staging, exclude=(here.home, config.path))
    else:
        staged = None
        _note(here, f"{config.build.staging} is not there: app.yaml is not compared")
    return Drifting(engine, staged, config.descriptors, version)


def _looked_at(
    here: Session, instances: Sequence[Instance], look: Callable[[Instance], Seen]
) -> dict[str, Seen | FlowdeployError]:
    """What a look at each instance found, side by side; those that are skipped are left alone."""
    from flowdeploy.rollout.parallel import together

    def found(instance: Instance) -> Seen | FlowdeployError:
        try:
            return look(instance)
        except FlowdeployError as error:
            return error

    working = [instance for instance in instances if not instance.skip]
    seen = together(found, working, here.config.rollout.jobs)
    return {instance.id: result for instance, result in seen}


def _print(rows: Sequence[Row], columns: Sequence[Column], here: Session) -> None:
    from flowdeploy.display.tables import Format, show

    show(rows, columns, Format(here.settings.format), sys.stdout)


def _note(here: Session, text: str) -> None:
    if not here.settings.quiet:
        note(text)
