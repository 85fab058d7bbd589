"""``flowdeploy deploy VERSION INSTANCE…``: a released version, dark, out of its record."""

from __future__ import annotations

from typing import Any

import click

from flowdeploy.cli.checkout import Source
from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import Ids, rollout_options
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.session import session
from flowdeploy.planning.pipelines import plan_deploy
from flowdeploy.planning.refs import parse_version
from flowdeploy.units import Portion


@click.command(
    "deploy",
    epilog="""\b
Examples:
  flowdeploy deploy 20200403-073034 akvoflow-111
  flowdeploy deploy 20200403-073034 akvoflow-111 --first-live""",
)
@click.argument("version")
@click.argument("instances", nargs=-1, required=True, type=Ids(), metavar="INSTANCE...")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--replace", is_flag=True, help="Replace a dark version that has other content.")
@click.option("--first-live", is_flag=True, help="Let a service's first version be live.")
@rollout_options
@common_options()
def command(
    version: str,
    instances: tuple[tuple[str, ...], ...],
    dry_run: bool,
    jobs: int | None,
    max_failures: Portion | None,
    wait: float,
    **orders: Any,
) -> None:
    """Deploy VERSION, which `run` has released, to instances that lack it.

    It goes there dark, as it was built then, out of its release record: a new
    customer needs no build. Each instance has its own settings as always.
    """
    here = session()
    names = [name for group in instances for name in group]
    plan = plan_deploy(parse_version(version), names, scope_of(here.config))
    if dry_run:
        from flowdeploy.cli.plan import show

        show(plan, Source(None), here)
        return
    from flowdeploy.cli.execute import RunOptions, execute
    from flowdeploy.steps.context import Claim, Options

    execute(plan, here, RunOptions(jobs, max_failures, Options(**orders), claim=Claim(wait)))
