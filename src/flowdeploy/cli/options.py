"""Options that every command takes, before its name or after it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

LISTS = ("table", "json", "yaml", "csv")
RUNS = ("table", "json")


@dataclass(slots=True)
class CommonOptions:
    """Options that are no parameter of a command's function. Filled while click parses.

    ``command`` is the command's name, ``command_line`` what was typed: records and locks name
    it. ``jobs`` is 0 where the configuration decides.
    """

    command: str = ""
    command_line: str = "flowdeploy"
    config: Path | None = None
    sandbox: bool = False
    format: str = "table"
    verbose: bool = False
    quiet: bool = False
    jobs: int = 0
    report_folder: Path | None = None


def common_options(formats: tuple[str, ...] = RUNS) -> Callable[[Command], Command]:
    """The common options, for a command that can print in ``formats``."""

    def check_format(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        remember(ctx, param, value)
        chosen = ctx.ensure_object(CommonOptions).format
        if chosen not in formats and not isinstance(ctx.command, click.Group):
            raise click.BadParameter(
                f"`{ctx.info_name}` prints {' or '.join(formats)}, not {chosen}.", ctx, param
            )

    options = (
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            envvar="FLOWDEPLOY_CONFIG",
            help="The fleet. Default: config/instances.yaml, in this folder or above it.",
            callback=remember,
            expose_value=False,
        ),
        click.option(
            "--sandbox",
            is_flag=True,
            default=None,
            help="Work against the embedded sandbox instead of Google and Clojars.",
            callback=remember,
            expose_value=False,
        ),
        click.option(
            "--format",
            type=click.Choice(LISTS),
            help=f"Print results as {', '.join(formats)}.",
            metavar="FORMAT",
            callback=check_format,
            expose_value=False,
        ),
        _flag("--verbose", "-v", "Print more."),
        _flag("--quiet", "-q", "Print only the target, results and errors."),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _flag(name: str, short: str, text: str) -> Callable[[Command], Command]:
    return click.option(
        name, short, is_flag=True, default=None, help=text, callback=remember, expose_value=False
    )


def remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Keep a value that is given here; one that is not may have been given earlier."""
    options = ctx.ensure_object(CommonOptions)
    if value is not None and param.name:
        setattr(options, param.name, value)
