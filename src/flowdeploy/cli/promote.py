"""``flowdeploy promote VERSION all|INSTANCE…``: move the traffic; also the rollback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flowdeploy.cli.checkout import Source
from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import Ids, rollout_options
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.session import session
from flowdeploy.errors import FlowdeployError, Refused
from flowdeploy.plan import plan_promotion
from flowdeploy.refs import parse_version
from flowdeploy.units import Portion

if TYPE_CHECKING:
    from flowdeploy.display.tables import Row


@click.command(
    "promote",
    epilog="""\b
Examples:
  flowdeploy promote 20200403-073034 all
  flowdeploy promote 20200402-191702 akvoflow-23 akvoflow-24
  flowdeploy promote 20200402-191702 all --dry-run""",
)
@click.argument("version")
@click.argument("instances", nargs=-1, required=True, type=Ids(), metavar="all|INSTANCE...")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the plan and how the instances stand; change nothing.  [4: VERSION is missing]",
)
@rollout_options
@common_options()
def command(
    version: str,
    instances: tuple[tuple[str, ...], ...],
    dry_run: bool,
    jobs: int | None,
    max_failures: Portion | None,
) -> None:
    """Move all traffic of the instances to VERSION.

    VERSION must be deployed on each of them; if it is missing anywhere, nothing
    is changed. `all` is every production instance that is not skipped. Promoting
    an older version is the rollback.
    """
    here = session()
    names = [name for group in instances for name in group]
    plan = plan_promotion(parse_version(version), names, scope_of(here.config))
    if dry_run:
        from flowdeploy.cli.plan import show

        rows = show(plan, Source(None), here, look=True)
        click.get_current_context().exit(_foreseen(rows))
    from flowdeploy.cli.execute import Options, execute

    execute(plan, here, Options(jobs, max_failures))


def _foreseen(rows: Sequence[Row] | None) -> int:
    """The exit code of a dry run: 4 where VERSION is missing, 1 where that cannot be known."""
    if rows is None or any(row["error"] for row in rows):
        return FlowdeployError.exit_code
    return Refused.exit_code if any(row["state"] == "missing" for row in rows) else 0
