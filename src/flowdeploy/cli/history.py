"""``flowdeploy history [RUN]``: past runs, or one of them in full. Changes nothing."""

import sys

import click

from flowdeploy.cli.options import LISTS, common_options
from flowdeploy.cli.parameters import RunName
from flowdeploy.cli.session import Session, current_session
from flowdeploy.display.history import (
    RUN_COLUMNS,
    STEP_COLUMNS,
    run_row,
    step_rows,
    unreadable_row,
)
from flowdeploy.display.tables import Format, dump, show
from flowdeploy.records.runs import Run, run_json


@click.command(
    "history",
    epilog="""\b
Examples:
  flowdeploy history
  flowdeploy history --limit 100 --format csv
  flowdeploy history 20200403-081502-034a1b2
  flowdeploy history 20200403-081502-034a1b2 --format json""",
)
@click.argument("run", required=False, type=RunName())
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    metavar="N",
    help="List at most N runs, the newest first.  [default: 20]",
)
@common_options(LISTS)
def command(run: str | None, limit: int) -> None:
    """List past runs, of this machine and of others: who, when, what, and how it ended.

    With RUN, show one in full: every step with its outcome, and what was there before.
    """
    session = current_session()
    if run:
        _show_one(session, run)
    else:
        _show_all(session, limit)


def _show_all(session: Session, limit: int) -> None:
    rows = [
        run_row(run) if isinstance(run, Run) else unreadable_row(name, run)
        for name, run in session.history.newest(limit)
    ]
    show(rows, RUN_COLUMNS, Format(session.options.format), sys.stdout)


def _show_one(session: Session, name: str) -> None:
    run = session.require_run(name)
    form = Format(session.options.format)
    match form:
        case Format.JSON | Format.YAML:
            click.echo(dump(run_json(run), form), nl=False)
        case Format.CSV:
            show(step_rows(run), STEP_COLUMNS, form, sys.stdout)
        case Format.TABLE:
            show([run_row(run)], RUN_COLUMNS, form, sys.stdout)
            click.echo()
            show(step_rows(run), STEP_COLUMNS, form, sys.stdout)
