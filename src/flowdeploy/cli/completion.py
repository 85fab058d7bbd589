"""Shell completion: instance ids from the configuration, runs that this machine has recorded."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from flowdeploy.cli.options import Settings
from flowdeploy.cli.session import Session
from flowdeploy.errors import FlowdeployError


def instance_ids(
    ctx: click.Context,  # noqa: ARG001  (click's signature)
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """The ids that continue what is typed. A shell waits, so problems are not its business."""
    from flowdeploy.config import find, load

    try:
        fleet = load(find(Path.cwd())).fleet
    except FlowdeployError:
        return []
    names = ["all", *(instance.id for instance in fleet.instances)]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def run_names(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001  (click's signature)
    incomplete: str,
) -> list[CompletionItem]:
    """The newest first. Those of other machines would have to be asked for."""
    try:
        folder = Session(ctx.ensure_object(Settings)).home / "runs"
        names = sorted((path.name for path in folder.iterdir()), reverse=True)
    except (FlowdeployError, OSError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
