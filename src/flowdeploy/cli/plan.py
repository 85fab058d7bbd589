"""``flowdeploy plan REF``: what `run` would do. Changes nothing; asks nobody unless told to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from flowdeploy.checks.deploy import Finding, grouped
from flowdeploy.cli.checkout import Source
from flowdeploy.cli.effective import KnownSettings, known_settings
from flowdeploy.cli.notes import note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.planning import Given, builds, foreseen, planned, ref_options
from flowdeploy.cli.session import Session, session
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.configure_steps import configured
from flowdeploy.planning.plan import Plan, PlanKind
from flowdeploy.planning.plan_json import plan_json

if TYPE_CHECKING:
    from flowdeploy.display.tables import Row
    from flowdeploy.steps.preview import Foreseen


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

    With --verbose it also shows every instance's settings, as far as an earlier build
    lets them be known, and reads how the instances stand.
    """
    here = session()
    plan, source = planned(here, ref, Given(only, commit, commit_time, allow_dirty))
    show(plan, source, here)


def show(
    plan: Plan,
    source: Source,
    here: Session,
    refusals: Sequence[Finding] | None = None,
    *,
    force: bool = False,
) -> Sequence[Finding]:
    """Print a plan, and on standard error what would keep `run` from beginning it.

    With ``refusals``, which are what a look at the instances has found, or with --verbose:
    read how the instances and their configuration stand. Gives back all refusals.
    ``force`` is whether what somebody else has changed would be overwritten.
    """
    look = refusals is not None or here.settings.verbose
    known = known_settings(plan, here.config)
    plan = foreseen(plan, here.config.build.staging)
    plan, configuration, unseen = _configuration(plan, here, force) if look else (plan, None, ())
    found = (*(refusals or ()), *(configuration.refusals if configuration else ()))
    fleet, unread = _fleet(plan, here) if look else (None, ())
    if here.settings.format == "json":
        document = {**plan_json(plan, here.target), "settings": known.settings}
        if fleet is not None:
            document["fleet"] = fleet
        if configuration is not None:
            document["configuration"] = configuration.changes
        if refusals is not None:
            document["refusals"] = [asdict(finding) for finding in found]
        click.echo(json.dumps(document, indent=2, default=str))
    else:
        _print(plan, known, fleet, here, configuration.changes if configuration else {})
    if not here.settings.quiet:
        for objection in (
            *source.objections,
            *known.objections,
            *unread,
            *unseen,
            *(f"would be refused: {line}" for line in grouped(found)),
        ):
            note(objection)
    return found


def _print(
    plan: Plan,
    known: KnownSettings,
    fleet: list[Row] | None,
    here: Session,
    configuration: Mapping[str, Sequence[str]],
) -> None:
    from flowdeploy.display.plan import configuration_lines, render, settings_lines
    from flowdeploy.display.terminal import console_on

    console = console_on(sys.stdout, os.environ)
    verbose = here.settings.verbose
    further = settings_lines(known.settings, console.width) if verbose else []
    further += configuration_lines(configuration, console.width)
    render(plan, here.target, console, further)
    if fleet:
        from flowdeploy.display.status import columns
        from flowdeploy.display.tables import Format, show

        click.echo()
        show(fleet, columns(with_state=plan.version is not None), Format.TABLE, sys.stdout)


def _fleet(plan: Plan, here: Session) -> tuple[list[Row] | None, tuple[str, ...]]:
    """How the plan's instances stand; None, and why, where nobody can be asked."""
    from flowdeploy.cli.status import engine_for, standing_rows

    try:
        with engine_for(here) as engine:
            return standing_rows(here, engine, plan.instances, plan.version), ()
    except FlowdeployError as error:
        return None, (f"the fleet could not be read: {error}",)


def _configuration(
    plan: Plan, here: Session, force: bool
) -> tuple[Plan, Foreseen | None, tuple[str, ...]]:
    """The plan with the configuration's steps, what they would do, and what cannot be known."""
    from flowdeploy.clients.cloud import GoogleClients
    from flowdeploy.steps import staging
    from flowdeploy.steps.artifacts import UNRECORDED
    from flowdeploy.steps.preview import Preview

    config = here.config
    try:
        with here.endpoints() as endpoints:
            cloud = GoogleClients.connect(endpoints, config.rollout.jobs)
            preview = Preview(config, cloud, here.home, force)
            if builds(plan):
                return plan, preview.of(plan, staging.config_texts(config.build.staging)), ()
            restores = plan.kind is PlanKind.ROLLBACK
            configs = None if restores else preview.released(plan.version or "")
            remarks = (UNRECORDED,) if configs is None and not restores else ()
            plan = configured(plan, tuple(configs or ()))
            return plan, preview.of(plan, configs or {}), remarks
    except FlowdeployError as error:
        return plan, None, (f"the configuration could not be compared: {error}",)
