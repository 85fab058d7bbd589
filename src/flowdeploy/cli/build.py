"""``flowdeploy build REF``: the build stage of `run REF` alone, without any credential."""

from functools import partial

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.planning import RefOptions, plan_from_ref, ref_options
from flowdeploy.cli.session import current_session
from flowdeploy.errors import UsageError
from flowdeploy.planning.pipelines import plan_build_alone
from flowdeploy.planning.plan import Build


@click.command(
    "build",
    epilog="""\b
Examples:
  flowdeploy build "$GITHUB_REF"
  flowdeploy build 20200403-073034 --allow-dirty""",
)
@partial(ref_options, narrows=False)
@common_options()
def command(ref: str, commit: str | None, commit_time: str | None, allow_dirty: bool) -> None:
    """Build and test REF, and check what it made. Reads no credential, and deploys nothing.

    For the first job of CI. A later job deploys the outputs: `flowdeploy run REF --prebuilt`.
    """
    session = current_session()
    options = RefOptions((), commit, commit_time, allow_dirty)
    plan, source = plan_from_ref(session, ref, options)
    if not plan.has(Build):
        raise UsageError(
            f"{ref} has nothing to build: a promotion moves the traffic to a deployed version",
            hint=f"`flowdeploy run {ref}` runs it.",
        )
    from flowdeploy.cli.execute import execute, new_context
    from flowdeploy.steps.context import Permissions

    context = new_context(session, Permissions(), source=source)
    execute(plan_build_alone(plan), context, session, None)
