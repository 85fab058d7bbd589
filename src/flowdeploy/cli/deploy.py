"""``flowdeploy deploy VERSION INSTANCE…``: deploy a released version, dark, without a build."""

from typing import Any

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import instances_argument, rollout_options
from flowdeploy.cli.plan import show_plan
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.session import current_session
from flowdeploy.planning.pipelines import plan_deploy
from flowdeploy.planning.refs import parse_version
from flowdeploy.steps.context import LockOptions, Permissions, Source
from flowdeploy.units import Portion


@click.command(
    "deploy",
    epilog="""\b
Examples:
  flowdeploy deploy 20200403-073034 akvoflow-111
  flowdeploy deploy 20200403-073034 akvoflow-111 --first-live""",
)
@click.argument("version")
@instances_argument("INSTANCE...")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--replace", is_flag=True, help="Replace a dark version that has other content.")
@click.option("--first-live", is_flag=True, help="Let a service's first version be live.")
@rollout_options
@common_options()
def command(
    version: str,
    instances: tuple[str, ...],
    dry_run: bool,
    max_failures: Portion | None,
    wait: float,
    **permissions: Any,
) -> None:
    """Deploy VERSION, which `run` has released, to instances that lack it.

    It is deployed dark, from its release record, as it was built then: a new customer
    needs no build. Each instance gets its own settings, as always.
    """
    session = current_session()
    plan = plan_deploy(parse_version(version), instances, scope_of(session.config))
    allowed = Permissions(**permissions)
    if dry_run:
        show_plan(plan, session, Source(), allowed)
        return
    from flowdeploy.cli.execute import execute, new_context

    context = new_context(session, allowed, locking=LockOptions(wait))
    execute(plan, context, session, max_failures)
