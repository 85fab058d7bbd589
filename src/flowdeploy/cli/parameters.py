"""Types and groups of options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import click

from flowdeploy.cli.options import Command, remember
from flowdeploy.units import Portion


class PortionType(click.ParamType[Portion]):
    """``3`` or ``10%``."""

    name = "N|P%"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Portion:
        if isinstance(value, Portion):
            return value
        try:
            return Portion.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Ids(click.ParamType[tuple[str, ...]]):
    """Instance ids, separated by commas; completed from the configuration."""

    name = "ID"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        ids = tuple(part.strip() for part in value.split(",") if part.strip())
        if not ids:  # an empty variable of a script must not come to mean all
            self.fail(f"{value!r} names no instance.", param, ctx)
        return ids

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from flowdeploy.cli.completion import instance_ids

        return instance_ids(ctx, param, incomplete)


class Id(click.ParamType[str]):
    """Google's id of a project or service, in the form that the configuration asks for."""

    def __init__(self, kind: Literal["project", "service"]) -> None:
        self.name = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from flowdeploy.config.models import PROJECT, SERVICE

        if not re.fullmatch({"project": PROJECT, "service": SERVICE}[self.name], value):
            self.fail(f"{value!r} is no id of a {self.name}.", param, ctx)
        return str(value)


def rollout_options(command: Command) -> Command:
    """Options of every command that runs a plan."""
    for option in reversed(
        (
            click.option(
                "--jobs",
                type=click.IntRange(1, 256),
                metavar="N",
                help="Calls under way at once.  [default: rollout.jobs, 32]",
            ),
            click.option(
                "--max-failures",
                type=PortionType(),
                metavar="N|P%",
                help="Production instances that may fail before no further one is begun."
                "  [default: rollout.max_failures, 0]",
            ),
            click.option(
                "--report",
                "report_folder",
                type=click.Path(file_okay=False, path_type=Path),
                metavar="DIR",
                callback=remember,
                expose_value=False,
                help="Also write the report to DIR/report.json.",
            ),
        )
    ):
        command = option(command)
    return command
