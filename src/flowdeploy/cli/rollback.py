"""``flowdeploy rollback all|INSTANCE…``: restore what instances served before."""

from typing import Any

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import (
    RunName,
    instances_argument,
    promotion_options,
    rollout_options,
)
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.promote import run_promotion
from flowdeploy.cli.session import Session, current_session
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.pipelines import plan_rollback, select_instances
from flowdeploy.planning.plan import Plan
from flowdeploy.records.undo import UndoPlan, find_undo_of_run


@click.command(
    "rollback",
    epilog="""\b
Examples:
  flowdeploy rollback all
  flowdeploy rollback akvoflow-23 akvoflow-24
  flowdeploy rollback all --dry-run
  flowdeploy rollback all --run 20200403-081502-034a1b2""",
)
@instances_argument("all|INSTANCE...")
@click.option("--run", type=RunName(), metavar="RUN", help="The run to undo; it may be a rollback.")
@promotion_options
@rollout_options
@common_options()
def command(instances: tuple[str, ...], run: str | None, **options: Any) -> None:
    """Restore on every instance what it served before the last run that moved its traffic.

    That may differ from one instance to the next, and traffic splits come back as they
    were. If the traffic of an instance was changed outside flowdeploy since, nothing is
    changed. What a rollback has undone stays undone: repeating it changes nothing. It
    needs no build and no git checkout, and waits for no wave.
    """
    session = current_session()
    skip_unready = options["skip_unready"]

    def plan() -> Plan:
        return _plan(session, instances, run, skip_unready=skip_unready)

    run_promotion(plan(), session, replan=lambda: (plan(), None), **options)


def _plan(session: Session, names: tuple[str, ...], run: str | None, *, skip_unready: bool) -> Plan:
    instances, skipped = select_instances(names, scope_of(session.config))
    undoing = _find_undoing(session, instances, run)
    if undoing.undos and undoing.skipped and "all" not in names and not skip_unready:
        raise Refused(
            "there is nothing to roll back on some of these instances",
            details=[f"{each.instance}: {each.reason}" for each in undoing.skipped],
            hint="Name the others alone, or leave these out with --skip-unready.",
        )
    return plan_rollback(undoing.undos, skipped + undoing.skipped)


def _find_undoing(session: Session, instances: tuple[Instance, ...], run: str | None) -> UndoPlan:
    if run is None:
        return session.history.find_undo(instances)
    return find_undo_of_run(instances, session.require_run(run))
