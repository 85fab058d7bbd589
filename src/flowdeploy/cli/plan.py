"""``flowdeploy plan REF``: what `run` would do. Changes nothing, asks nobody."""

from __future__ import annotations

import json
import os
import sys

import click

from flowdeploy.cli.checkout import Source
from flowdeploy.cli.options import common_options
from flowdeploy.cli.planning import Given, planned, ref_options
from flowdeploy.cli.session import Session, session
from flowdeploy.plan import Plan, plan_json


@click.command(
    "plan",
    epilog="""\b
Examples:
  flowdeploy plan master
  flowdeploy plan 20200403-073034 --format json
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
    """Print what `run REF` would do, changing nothing, offline."""
    here = session()
    plan, source = planned(here, ref, Given(only, commit, commit_time, allow_dirty))
    show(plan, source, here)


def show(plan: Plan, source: Source, here: Session) -> None:
    """Print a plan, and on standard error what would keep `run` from beginning it."""
    if here.settings.format == "json":
        click.echo(json.dumps(plan_json(plan, here.target), indent=2))
    else:
        from flowdeploy.display.plan import render
        from flowdeploy.display.terminal import console_on

        render(plan, here.target, console_on(sys.stdout, os.environ))
    if not here.settings.quiet:
        for objection in (*here.config.warnings, *source.objections):
            click.echo(f"Note: {objection}", err=True)
