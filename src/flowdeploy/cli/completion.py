"""Shell completion: instance ids from the configuration, runs from this machine's records."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from flowdeploy.cli.options import CommonOptions
from flowdeploy.cli.session import Session
from flowdeploy.errors import FlowdeployError


def complete_instances(
    ctx: click.Context,  # noqa: ARG001  (click's signature)
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Ids that begin with ``incomplete``. A broken configuration completes nothing."""
    from flowdeploy.config.loading import find, load

    try:
        fleet = load(find(Path.cwd())).fleet
    except FlowdeployError:
        return []
    names = ["all", *(instance.id for instance in fleet.instances)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_runs(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001  (click's signature)
    incomplete: str,
) -> list[CompletionItem]:
    """The newest first. Runs of other machines are not asked for: a shell waits for this."""
    try:
        folder = Session(ctx.ensure_object(CommonOptions)).home / "runs"
        names = sorted((path.name for path in folder.iterdir()), reverse=True)
    except (FlowdeployError, OSError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
