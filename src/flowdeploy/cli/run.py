"""``flowdeploy run REF``: parse the ref, plan its pipeline, run it."""

from typing import Any

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import health_option, rollout_options
from flowdeploy.cli.plan import show_plan
from flowdeploy.cli.planning import RefOptions, plan_from_ref, ref_options
from flowdeploy.cli.session import current_session
from flowdeploy.errors import UsageError
from flowdeploy.planning.plan import Plan, Publish
from flowdeploy.steps.context import LockOptions, Permissions
from flowdeploy.units import Portion


@click.command(
    "run",
    epilog="""\b
Examples:
  flowdeploy run "$GITHUB_REF"
  flowdeploy run 20200403-073034 --dry-run
  flowdeploy run 20200403-073034 --only akvoflow-23,akvoflow-24
  flowdeploy run master --prebuilt --report report
  flowdeploy --sandbox run promote-20200403-073034""",
)
@ref_options
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing, as `plan` does.")
@click.option(
    "--prebuilt", is_flag=True, help="An earlier job has built: check the outputs, do not build."
)
@click.option("--replace", is_flag=True, help="Replace a dark version that has other content.")
@click.option("--allow-older", is_flag=True, help="Let an older version go live.")
@click.option("--first-live", is_flag=True, help="Let a service's first version be live.")
@health_option
@rollout_options
@common_options()
def command(
    ref: str,
    only: tuple[str, ...],
    commit: str | None,
    commit_time: str | None,
    allow_dirty: bool,
    dry_run: bool,
    max_failures: Portion | None,
    wait: float,
    **permissions: Any,
) -> None:
    """Parse REF, plan its pipeline and run it.

    \b
    a branch                  build and test; publish the library
    the trunk                 the same; deploy to UAT2 live
    YYYYMMDD-HHmmSS           the same; deploy to UAT1 live, to production dark
    promote-YYYYMMDD-HHmmSS   move all production traffic to that version
    a pull request            build and test
    """
    session = current_session()
    plan, source = plan_from_ref(session, ref, RefOptions(only, commit, commit_time, allow_dirty))
    allowed = Permissions(**permissions)
    if dry_run:
        show_plan(plan, session, source, allowed)
        return
    if _lacks_version(plan):
        raise UsageError(
            f"no git checkout around {session.config.build.directory} to take a commit from",
            hint="Say what is built: --commit SHA --commit-time 2020-04-03T07:30:34Z",
        )
    from flowdeploy.cli.execute import execute, new_context

    context = new_context(session, allowed, locking=LockOptions(wait), source=source)
    execute(plan, context, session, max_failures)


def _lacks_version(plan: Plan) -> bool:
    """A release has its own version without a commit; its library does not."""
    return plan.version is None or (plan.has(Publish) and plan.library_version is None)
