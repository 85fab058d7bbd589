"""The command line's entrance, and the one place where errors are caught."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from itertools import pairwise
from typing import Any, NoReturn

import click

from flowdeploy.cli.bugs import kept
from flowdeploy.cli.options import LISTS, Settings, common_options
from flowdeploy.cli.session import EMBEDDED, Session
from flowdeploy.cli.streams import Unwritable, secure
from flowdeploy.errors import FlowdeployError, UsageError
from flowdeploy.report import Bug, error_json, report_json, unplanned

# Set by the shell function that click generates: `_FLOWDEPLOY_COMPLETE=bash_source flowdeploy`.
COMPLETION = "_FLOWDEPLOY_COMPLETE"

# Command → the module that has it, under flowdeploy.cli, and its line in `--help`.
# Modules are loaded when they are run: `--help` loads none.
COMMANDS = {
    "run": "Parse a git ref and run its pipeline.",
    "plan": "Print what `run` would do, changing nothing.",
    "promote": "Move all traffic of instances to a version.",
    "rollback": "Give instances back what they served before.",
    "resume": "Go on with a run that was cut off, or failed in part.",
    "history": "List past runs; show one in full.",
    "deploy": "Deploy a released version to further instances, without a build.",
    "status": "Show how every instance stands, and what has drifted.",
    "versions": "List the versions of a project, as gcloud does.",
    "library": "Check the library before it is published.",
    "config": "Check the configuration; print its JSON Schema.",
    "sandbox": "Serve or reset the stand-in for Google and Clojars.",
}


REPORTING = frozenset({"run", "promote", "rollback", "resume", "deploy"})


class Interrupted(FlowdeployError):
    """A signal came while no plan was being carried out."""

    exit_code = 130
    code = "INTERRUPTED"


class Commands(click.Group):
    """A group whose commands are loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        ctx.ensure_object(Settings).command = cmd_name
        command: click.Command = import_module(f"flowdeploy.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every command explains itself: flowdeploy COMMAND --help",
)
@click.version_option(package_name="flowdeploy")
@common_options(LISTS)
def flowdeploy() -> None:
    """From a git ref to a deployed fleet of App Engine applications.

    \b
    flowdeploy run "$GITHUB_REF"             in CI: build, test, publish, deploy
    flowdeploy plan 20200403-073034          what that would do
    flowdeploy promote 20200403-073034 all   give a version the traffic
    flowdeploy rollback all                  give back what was served before
    flowdeploy --sandbox run master          all of it, without a cloud
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code; whatever goes wrong is told here."""
    secure()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` lets it be
            signal.signal(number, _interrupt)
    if completing := os.environ.get(COMPLETION):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(flowdeploy, {}, "flowdeploy", COMPLETION, completing))
    sys.exit(_run(arguments))


def _interrupt(number: int, _: object) -> None:
    if number == signal.SIGHUP:  # a terminal that closes sends two: no sign of impatience
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(arguments: list[str]) -> int:
    settings = Settings(command_line=shlex.join(["flowdeploy", *arguments]))
    try:
        with flowdeploy.make_context("flowdeploy", arguments, obj=settings) as ctx:
            flowdeploy.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    except FlowdeployError as error:
        return _fail(error, settings, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(_usage_error(error), settings, arguments)
    except (KeyboardInterrupt, click.Abort):
        return _fail(Interrupted("interrupted"), settings, arguments)
    except Exception as error:
        return _fail(kept(Bug.met(error)), settings, arguments)
    return 0


def _fail(error: FlowdeployError, settings: Settings, arguments: Sequence[str]) -> int:
    from flowdeploy.display.errors import render
    from flowdeploy.display.terminal import console_on

    document = _document(error, settings)
    if settings.format == "json" or _asks_for_json(arguments):
        with suppress(Unwritable):  # standard error says it
            click.echo(json.dumps(document, indent=2))
    render(error, console_on(sys.stderr, os.environ))
    return error.exit_code


def _document(error: FlowdeployError, settings: Settings) -> dict[str, Any]:
    """The report of a run that ended before it was planned, kept as others are; or the error."""
    if settings.command not in REPORTING:
        return {"schema": 1, "exit_code": error.exit_code, "error": error_json(error)}
    from flowdeploy.cli.record import record

    report = replace(
        unplanned(settings.command, _target(settings), error, datetime.now(UTC)),
        interrupted=isinstance(error, Interrupted),
    )
    record(report, filter(None, [settings.report_folder]))
    return report_json(report)


def _target(settings: Settings) -> str:
    try:
        return Session(settings).target
    except UsageError:  # a sandbox, at what is no URL
        return EMBEDDED


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether JSON was asked for in a command line that could not be parsed to its end."""
    pairs = pairwise(arguments)
    return "--format=json" in arguments or ("--format", "json") in pairs


def _usage_error(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"`{ctx.command_path} --help` says how it is called." if ctx else None
    return UsageError(error.format_message(), hint=hint)
