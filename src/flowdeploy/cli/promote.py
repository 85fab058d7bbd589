"""``flowdeploy promote VERSION all|INSTANCE…``: move the traffic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from flowdeploy.cli.checkout import Source
from flowdeploy.cli.notes import note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import (
    DurationType,
    Ids,
    PercentsType,
    promotion_options,
    rollout_options,
)
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.session import Session, session
from flowdeploy.errors import FlowdeployError, Refused, UsageError
from flowdeploy.planning.pipelines import plan_promotion
from flowdeploy.planning.plan import Gradual, Plan, Verify
from flowdeploy.planning.refs import parse_version
from flowdeploy.units import Portion

if TYPE_CHECKING:
    from flowdeploy.checks.deploy import Finding


@click.command(
    "promote",
    epilog="""\b
Examples:
  flowdeploy promote 20200403-073034 all
  flowdeploy promote 20200402-191702 akvoflow-23 akvoflow-24
  flowdeploy promote 20200403-073034 all --split 10,50,100 --pause 5m
  flowdeploy promote 20200402-191702 all --dry-run""",
)
@click.argument("version")
@click.argument("instances", nargs=-1, required=True, type=Ids(), metavar="all|INSTANCE...")
@click.option(
    "--split",
    "percents",
    type=PercentsType(),
    metavar="P,P…",
    help="Move the traffic in several steps: 10,50,100.",
)
@click.option(
    "--split-by",
    type=click.Choice(("cookie", "ip")),
    default="cookie",
    help="By what App Engine tells users apart meanwhile.  [default: cookie]",
)
@click.option(
    "--pause", type=DurationType(), default=0.0, metavar="DURATION", help="… between the steps: 5m."
)
@promotion_options
@rollout_options
@common_options()
def command(
    version: str,
    instances: tuple[tuple[str, ...], ...],
    percents: tuple[float, ...] | None,
    split_by: str,
    pause: float,
    dry_run: bool,
    jobs: int | None,
    max_failures: Portion | None,
    **orders: Any,
) -> None:
    """Move all traffic of the instances to VERSION.

    VERSION must be deployed on each of them, and well; if it is not anywhere, nothing
    is changed. `all` is every production instance that is not skipped. What was
    served before comes back with `rollback`; promoting an older version goes back
    further.
    """
    here = session()
    names = [name for group in instances for name in group]
    gradual = _gradual(percents, split_by, pause)
    plan = plan_promotion(parse_version(version), names, scope_of(here.config), gradual)
    carry_out(plan, here, dry_run, jobs, max_failures, **orders)


def _gradual(percents: tuple[float, ...] | None, split_by: str, pause: float) -> Gradual | None:
    """None for all at once. Raises UsageError for a pause between no steps."""
    if percents is None:
        if pause:
            raise UsageError("--pause is between the steps of --split, which is missing")
        return None
    return Gradual(percents, split_by.upper(), pause)


def carry_out(
    plan: Plan,
    here: Session,
    dry_run: bool,
    jobs: int | None,
    max_failures: Portion | None,
    wait: float,
    take_over: bool,
    replan: Callable[[], Plan] | None = None,
    **orders: Any,
) -> None:
    """Show the plan of a promotion or a rollback with how the instances stand, or execute it.

    ``replan`` makes the plan anew when nobody else can change the instances, and raises
    Refused where there is nothing to do any more.
    """
    if dry_run:
        click.get_current_context().exit(_foresee(plan, here, orders))
    from flowdeploy.cli.execute import RunOptions, execute
    from flowdeploy.steps.context import Claim, Options

    options = RunOptions(
        jobs,
        max_failures,
        Options(**orders),
        claim=Claim(wait, take_over),
        replan=replan,
    )
    execute(plan, here, options)


def _foresee(plan: Plan, here: Session, orders: Mapping[str, Any]) -> int:
    """Print the plan. The exit code of a dry run: 4 where the checks would refuse, by all that
    is read, 1 where that cannot be known."""
    from flowdeploy.cli.plan import show

    try:
        refusals = _refusals(plan, here, force=orders["force"])
    except FlowdeployError as error:
        show(plan, Source(None), here, ())
        note(f"it cannot be known what would be refused: {error.message}")
        return error.exit_code
    found = show(plan, Source(None), here, refusals, force=orders["force"])
    refused = {finding.instance for finding in found}
    allowed = orders["skip_unready"] and len(refused) < len(_checks(plan))
    return Refused.exit_code if refused and not allowed else 0


def _refusals(plan: Plan, here: Session, *, force: bool) -> tuple[Finding, ...]:
    from flowdeploy.clients.cloud import GoogleClients
    from flowdeploy.steps.traffic.foresight import foreseen

    own = here.config.descriptors is not None
    with here.endpoints() as endpoints:
        cloud = GoogleClients.connect(endpoints, here.config.rollout.jobs)
        return foreseen(cloud, _checks(plan), own_descriptors=own, force=force)


def _checks(plan: Plan) -> list[Verify]:
    return list(plan.steps_of(Verify))
