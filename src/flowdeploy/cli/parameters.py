"""Types and groups of options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from flowdeploy.cli.options import Command, remember
from flowdeploy.units import Portion, parse_duration


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


class DurationType(click.ParamType[float]):
    """``30s``, ``10m`` or ``1h30m``, in seconds."""

    name = "DURATION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse_duration(value) if isinstance(value, str) else float(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class PercentsType(click.ParamType[tuple[float, ...]]):
    """``10,50,100``: rising percentages."""

    name = "P,P…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        try:
            percents = tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of percentages, like 10,50,100.", param, ctx)
        if list(percents) != sorted(set(percents)) or not 0 < percents[0] <= percents[-1] <= 100:
            self.fail(f"{value!r} does not rise from above 0 to 100 at most.", param, ctx)
        return percents


class PathType(click.ParamType[str]):
    """A page's path: it begins with a slash."""

    name = "PATH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from flowdeploy.config.models import PAGE

        if not re.fullmatch(PAGE, value):
            self.fail(
                f"{value!r} is no path of a page: it begins with /, like /_ah/health.", param, ctx
            )
        return str(value)


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
        from flowdeploy.cli.completion import complete_instances

        return complete_instances(ctx, param, incomplete)


class RunName(click.ParamType[str]):
    """A run's name; completed from the records of this machine."""

    name = "RUN"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from flowdeploy.cli.completion import complete_runs

        return complete_runs(ctx, param, incomplete)


class Id(click.ParamType[str]):
    """Google's id of a project or service, in the form that the configuration asks for."""

    def __init__(self, kind: Literal["project", "service"]) -> None:
        self.name = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from flowdeploy.config.models import PROJECT, SERVICE

        if not re.fullmatch({"project": PROJECT, "service": SERVICE}[self.name], value):
            self.fail(f"{value!r} is no id of a {self.name}.", param, ctx)
        return str(value)


def instances_argument(metavar: str) -> Callable[[Command], Command]:
    """The argument ``instances``: one or more ids, as a flat tuple."""
    return click.argument(
        "instances", nargs=-1, required=True, type=Ids(), metavar=metavar, callback=_flatten
    )


def only_option(command: Command) -> Command:
    return click.option(
        "--only",
        type=Ids(),
        multiple=True,
        callback=_flatten,
        help="Of production, work on these instances alone.  [repeatable, or a,b,c]",
    )(command)


def _flatten(
    _ctx: click.Context, _param: click.Parameter, groups: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    return tuple(name for group in groups for name in group)


def rollout_options(command: Command) -> Command:
    """Options of every command that runs a plan."""
    return _decorate(
        command,
        (
            click.option(
                "--jobs",
                type=click.IntRange(1, 256),
                metavar="N",
                callback=remember,
                expose_value=False,
                help="Calls under way at once.  [default: rollout.jobs, 32]",
            ),
            click.option(
                "--max-failures",
                type=PortionType(),
                metavar="N|P%",
                help="Production instances that may fail before no further one is started."
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
            click.option(
                "--wait",
                type=DurationType(),
                default=0.0,
                metavar="DURATION",
                help="How long to wait for the lock, if another run has it: 10m.  [default: 0s]",
            ),
        ),
    )


def health_option(command: Command) -> Command:
    return click.option(
        "--health-path",
        type=PathType(),
        metavar="PATH",
        help="The page that must answer 2xx before and after an instance gets the traffic."
        "  [default: health.path]",
    )(command)


def take_over_option(command: Command) -> Command:
    return click.option(
        "--take-over",
        is_flag=True,
        help="Take the lock; its holder stops before its next change.",
    )(command)


def promotion_options(command: Command) -> Command:
    """Options of every command that moves the traffic to what is deployed already."""
    return _decorate(
        health_option(command),
        (
            click.option(
                "--skip-unready",
                is_flag=True,
                help="Leave out instances that fail a check, and continue with the others.",
            ),
            take_over_option,
            click.option(
                "--force",
                is_flag=True,
                help="Move traffic that was changed outside flowdeploy, too.",
            ),
            click.option(
                "--dry-run",
                is_flag=True,
                help="Print the plan and the state of the instances; change nothing.",
            ),
        ),
    )


def _decorate(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
