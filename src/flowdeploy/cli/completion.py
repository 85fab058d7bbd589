"""Shell completion: instance ids from the configuration."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

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
