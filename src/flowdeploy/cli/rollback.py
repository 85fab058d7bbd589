"""``flowdeploy rollback all|INSTANCE…``: give instances back what they served before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import Ids, RunName, promotion_options, rollout_options
from flowdeploy.cli.past import found, past
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.promote import carry_out
from flowdeploy.cli.session import Session, session
from flowdeploy.errors import Refused
from flowdeploy.planning.pipelines import named, plan_rollback
from flowdeploy.planning.plan import Plan
from flowdeploy.units import Portion

if TYPE_CHECKING:
    from flowdeploy.planning.fleet import Instance
    from flowdeploy.records.undo import Undoing


@click.command(
    "rollback",
    epilog="""\b
Examples:
  flowdeploy rollback all
  flowdeploy rollback akvoflow-23 akvoflow-24
  flowdeploy rollback all --dry-run
  flowdeploy rollback all --run 20200403-081502-034a1b2""",
)
@click.argument("instances", nargs=-1, required=True, type=Ids(), metavar="all|INSTANCE...")
@click.option("--run", type=RunName(), metavar="RUN", help="The run to undo, a rollback or not.")
@promotion_options
@rollout_options
@common_options()
def command(
    instances: tuple[tuple[str, ...], ...],
    run: str | None,
    dry_run: bool,
    jobs: int | None,
    max_failures: Portion | None,
    **orders: Any,
) -> None:
    """Give every instance back exactly what it served before the last run that moved its traffic.

    That may differ from one instance to the next, and traffic splits come back as
    they were. An instance whose traffic somebody else has moved since is refused, and
    nothing is changed. What a rollback has undone stays undone: repeating it changes
    nothing. It needs no build and no git checkout, and waits for no wave.
    """
    here = session()
    names = [name for group in instances for name in group]

    def planned() -> Plan:
        return _plan(here, names, run, skip_unready=orders["skip_unready"])

    carry_out(planned(), here, dry_run, jobs, max_failures, replan=planned, **orders)


def _plan(here: Session, names: list[str], run: str | None, *, skip_unready: bool) -> Plan:
    chosen, skipped = named(names, scope_of(here.config))
    undoing = _undoing(here, chosen, run)
    if undoing.undos and undoing.skipped and "all" not in names and not skip_unready:
        raise Refused(
            "there is nothing to roll back on some of these instances",
            details=[f"{each.instance}: {each.reason}" for each in undoing.skipped],
            hint="Name the others alone, or leave these out with --skip-unready.",
        )
    return plan_rollback(undoing.undos, skipped + undoing.skipped)


def _undoing(here: Session, instances: tuple[Instance, ...], run: str | None) -> Undoing:
    from flowdeploy.records.undo import undoing_run

    with past(here) as records:
        if run is None:
            return records.undoing(instances)
        return undoing_run(instances, found(records, run))
