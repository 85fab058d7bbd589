"""``flowdeploy plan REF``: print what `run` would do. Changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flowdeploy.checks.findings import group_findings, line_for_people
from flowdeploy.cli.known_settings import KnownSettings, find_known_settings
from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.planning import (
    RefOptions,
    add_known_configuration,
    plan_from_ref,
    ref_options,
)
from flowdeploy.cli.session import Session, current_session
from flowdeploy.cli.status import status_rows
from flowdeploy.display.plan import (
    configuration_lines,
    difference_lines,
    render,
    settings_lines,
    stripped_lines,
)
from flowdeploy.display.status import columns
from flowdeploy.display.tables import Format, Row, show
from flowdeploy.display.terminal import console_on
from flowdeploy.display.text import json_text
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Build, Plan, PlanKind
from flowdeploy.planning.plan_json import plan_json
from flowdeploy.steps.context import Permissions, Source

if TYPE_CHECKING:
    from flowdeploy.steps.executor import Preview


@click.command(
    "plan",
    epilog="""\b
Examples:
  flowdeploy plan master
  flowdeploy plan 20200403-073034 --format json
  flowdeploy plan 20200403-073034 --verbose
  flowdeploy plan refs/tags/promote-20200403-073034""",
)
@ref_options
@common_options()
def command(
    ref: str,
    only: tuple[str, ...],
    commit: str | None,
    commit_time: str | None,
    allow_dirty: bool,
) -> None:
    """Print what `run REF` would do, changing nothing, offline.

    With --verbose: also print every instance's settings, as far as an earlier build tells
    them, read the instances, and run the checks that `run` would begin with.
    """
    session = current_session()
    plan, source = plan_from_ref(session, ref, RefOptions(only, commit, commit_time, allow_dirty))
    show_plan(plan, session, source)


def show_plan(
    plan: Plan, session: Session, source: Source, permissions: Permissions | None = None
) -> None:
    """Print a plan and, as notes, why `run` would be refused.

    Offline, unless --verbose asks for a look at the instances.
    """
    look, preview, objections = session.options.verbose, None, list(source.objections)
    if look:
        from flowdeploy.cli.execute import new_context
        from flowdeploy.steps.executor import preview_plan

        try:
            context = new_context(session, permissions or Permissions(), source=source)
            preview = preview_plan(plan, context)
        except FlowdeployError as error:
            objections.append(f"it cannot be known what would be refused: {error.message}")
    print_plan(plan, session, preview, look=look, objections=objections)


def print_plan(
    plan: Plan,
    session: Session,
    preview: Preview | None = None,
    *,
    look: bool,
    objections: Sequence[str] = (),
    differences: Sequence[Row] | None = None,
) -> None:
    """Print a plan, with what its checks have found if there is a ``preview``.

    ``look``: also read and print how the plan's instances stand. ``differences`` are what a
    reconfiguration changes, as `drift_row` has them.
    """
    settings = find_known_settings(plan, session.config)
    planned = preview.plan if preview else plan
    plan = add_known_configuration(planned, session.config.build.staging)
    fleet, unread = _read_fleet(plan, session) if look else (None, ())
    changes = preview.changes if preview else None
    verbose = session.options.verbose
    stripped = _stripped_variables(plan, session) if verbose else None
    if session.options.format == "json":
        refusals = preview and [
            {"instance": each.instance, "message": each.message} for each in preview.findings
        ]
        further_keys = {
            "stripped_variables": stripped,
            "fleet": fleet,
            "differences": differences,
            "configuration": changes,
            "refusals": refusals,
        }
        document = {
            **plan_json(plan, session.target),
            "settings": settings.by_instance,
            **{key: value for key, value in further_keys.items() if value is not None},
        }
        click.echo(json_text(document, default=str))
    else:
        console = console_on(sys.stdout, os.environ)
        further = settings_lines(settings.by_instance, console.width) if verbose else []
        further += difference_lines(differences or (), console.width)
        further += configuration_lines(changes or {}, console.width)
        further += stripped_lines(stripped, console.width)
        render(plan, session.target, console, further)
        _print_fleet(plan, fleet)
    if not session.options.quiet:
        for line in _notes(objections, settings, unread, preview, session):
            print_note(line)


def _notes(
    objections: Sequence[str],
    settings: KnownSettings,
    unread: Sequence[str],
    preview: Preview | None,
    session: Session,
) -> tuple[str, ...]:
    verbose = session.options.verbose
    told = preview.findings if preview else ()
    findings = group_findings(each for each in settings.findings if each not in told)
    known = (*settings.remarks, *settings.objections, *findings)
    shown = (line_for_people(each, verbose=verbose) for each in known)
    return (*objections, *shown, *unread, *_preview_notes(preview, verbose=verbose))


def _preview_notes(preview: Preview | None, *, verbose: bool) -> tuple[str, ...]:
    if preview is None:
        return ()
    lines = group_findings(preview.findings)
    refusals = (f"would be refused: {line_for_people(each, verbose=verbose)}" for each in lines)
    return (*preview.remarks, *refusals)


def _stripped_variables(plan: Plan, session: Session) -> list[str] | None:
    """The names of the variables that the build would not get; None where nothing is built."""
    if not plan.has(Build):
        return None
    from flowdeploy.steps.build import names_taken_out

    is_foreign = plan.kind is PlanKind.PULL_REQUEST
    return sorted(names_taken_out(os.environ, session.config.build.env, is_foreign))


def _print_fleet(plan: Plan, fleet: Sequence[Row] | None) -> None:
    if fleet:
        click.echo()
        show(fleet, columns(with_state=plan.version is not None), Format.TABLE, sys.stdout)


def _read_fleet(plan: Plan, session: Session) -> tuple[list[Row] | None, tuple[str, ...]]:
    """How the plan's instances stand; None, and why, where nobody can be asked."""
    try:
        session.clients.authenticate()
        return status_rows(session, plan.instances, plan.version), ()
    except FlowdeployError as error:
        return None, (f"the fleet could not be read: {error}",)
