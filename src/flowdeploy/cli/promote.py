"""``flowdeploy promote VERSION all|INSTANCE…``: move the traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import (
    DurationType,
    PercentsType,
    instances_argument,
    promotion_options,
    rollout_options,
)
from flowdeploy.cli.plan import print_plan
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.session import Session, current_session
from flowdeploy.errors import FlowdeployError, Refused, UsageError
from flowdeploy.planning.pipelines import plan_promotion
from flowdeploy.planning.plan import Gradual, Plan, Verify
from flowdeploy.planning.refs import parse_version
from flowdeploy.steps.context import Context, LockOptions, Permissions
from flowdeploy.units import Portion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowdeploy.display.tables import Row
    from flowdeploy.steps.executor import Replan


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
@instances_argument("all|INSTANCE...")
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
    help="Split users by cookie or IP address.  [default: cookie]",
)
@click.option(
    "--pause",
    type=DurationType(),
    default=0.0,
    metavar="DURATION",
    help="Pause between the steps of --split: 5m.",
)
@promotion_options
@rollout_options
@common_options()
def command(
    version: str,
    instances: tuple[str, ...],
    percents: tuple[float, ...] | None,
    split_by: str,
    pause: float,
    **options: Any,
) -> None:
    """Move all traffic of the instances to VERSION.

    VERSION must be deployed and healthy on each of them; if it is not, nothing is
    changed. `all` is every production instance that is not skipped. `rollback` restores
    what was served before; to go back further, promote an older version.
    """
    session = current_session()
    gradual = _gradual(percents, split_by, pause)
    plan = plan_promotion(parse_version(version), instances, scope_of(session.config), gradual)
    run_promotion(plan, session, **options)


def _gradual(percents: tuple[float, ...] | None, split_by: str, pause: float) -> Gradual | None:
    """None for all at once. Raises UsageError for a pause between no steps."""
    if percents is None:
        if pause:
            raise UsageError("--pause is between the steps of --split, which is missing")
        return None
    return Gradual(percents, split_by.upper(), pause)


def run_promotion(
    plan: Plan,
    session: Session,
    *,
    dry_run: bool,
    max_failures: Portion | None,
    wait: float,
    take_over: bool,
    replan: Replan | None = None,
    **permissions: Any,
) -> None:
    """Execute the plan of a promotion or a rollback, or print it with what its checks find."""
    from flowdeploy.cli.execute import execute, new_context

    context = new_context(session, Permissions(**permissions), locking=LockOptions(wait, take_over))
    if dry_run:
        click.get_current_context().exit(preview_promotion(plan, context, session))
    execute(plan, context, session, max_failures, replan)


def preview_promotion(
    plan: Plan, context: Context, session: Session, differences: Sequence[Row] | None = None
) -> int:
    """Print the plan, what its checks find, and the ``differences`` that are its reason, if any.

    The exit code: 4 where a run would be refused, or that of the error where it is not known.
    """
    from flowdeploy.steps.executor import Preview, preview_plan

    try:
        preview = preview_plan(plan, context)
    except FlowdeployError as error:
        unknown = Preview(plan, None, ())
        print_plan(plan, session, unknown, look=True, differences=differences)
        print_note(f"it cannot be known what would be refused: {error.message}")
        return error.exit_code
    print_plan(plan, session, preview, look=True, differences=differences)
    refused = {finding.instance for finding in preview.findings}
    allowed = context.permissions.skip_unready and len(refused) < len(plan.steps_of(Verify))
    return Refused.exit_code if refused and not allowed else 0
