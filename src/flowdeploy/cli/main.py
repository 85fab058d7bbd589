"""The entry point of the command line, and the one place where errors are caught."""

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

from flowdeploy.cli.options import LISTS, CommonOptions, common_options
from flowdeploy.cli.session import EMBEDDED, Session
from flowdeploy.cli.streams import Unwritable, secure_streams
from flowdeploy.cli.traceback_file import save_traceback
from flowdeploy.errors import FlowdeployError, UsageError
from flowdeploy.report import (
    Bug,
    error_json,
    planless_report,
    report_json,
    unexpected_error,
)

# Set by the shell function that click generates: `_FLOWDEPLOY_COMPLETE=bash_source flowdeploy`.
COMPLETION = "_FLOWDEPLOY_COMPLETE"

# Command → its line in `--help`. Each is a module of flowdeploy.cli, loaded when it is run.
COMMANDS = {
    "run": "Parse a git ref and run its pipeline.",
    "plan": "Print what `run` would do, changing nothing.",
    "build": "Build and test a git ref, and deploy nothing.",
    "promote": "Move all traffic of instances to a version.",
    "rollback": "Restore what instances served before.",
    "resume": "Continue a run that was interrupted, or failed in part.",
    "history": "List past runs; show one in full.",
    "reconfigure": "Give instances today's settings, without a release.",
    "deploy": "Deploy a released version to further instances, without a build.",
    "status": "Show how every instance stands, and what has drifted.",
    "versions": "List the versions of a project, as gcloud does.",
    "library": "Check the library before it is published.",
    "config": "Check the configuration; print its JSON Schema.",
    "sandbox": "Serve or reset the sandbox, which stands in for Google and Clojars.",
}


REPORTING = frozenset({"run", "build", "promote", "rollback", "resume", "deploy", "reconfigure"})


class Interrupted(FlowdeployError):
    """A signal came while no plan was running."""

    exit_code = 130
    code = "INTERRUPTED"


class Commands(click.Group):
    """A group that loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        ctx.ensure_object(CommonOptions).command = cmd_name
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
    flowdeploy promote 20200403-073034 all   move all traffic to a version
    flowdeploy rollback all                  restore what was served before
    flowdeploy --sandbox run master          all of it, without a cloud
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code. All errors are printed here."""
    secure_streams()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under `nohup`
            signal.signal(number, _interrupt)
    if completing := os.environ.get(COMPLETION):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(flowdeploy, {}, "flowdeploy", COMPLETION, completing))
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = _run(arguments)
    signal.signal(signal.SIGINT, before)
    sys.exit(code)


def _interrupt(number: int, _: object) -> None:
    if number == signal.SIGHUP:  # a closing terminal sends two
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(arguments: list[str]) -> int:
    options = CommonOptions(command_line=shlex.join(["flowdeploy", *arguments]))
    try:
        with flowdeploy.make_context("flowdeploy", arguments, obj=options) as ctx:
            flowdeploy.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    except FlowdeployError as error:
        return _fail(error, options, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(_usage_error(error), options, arguments)
    except (KeyboardInterrupt, click.Abort):
        return _fail(Interrupted("interrupted"), options, arguments)
    except Exception as error:
        unexpected = unexpected_error(error)
        if isinstance(unexpected, Bug):
            save_traceback(unexpected)
        return _fail(unexpected, options, arguments)
    return 0


def _fail(error: FlowdeployError, options: CommonOptions, arguments: Sequence[str]) -> int:
    from flowdeploy.display.errors import render
    from flowdeploy.display.terminal import console_on
    from flowdeploy.display.text import json_text

    document = _document(error, options)
    if options.format == "json" or _asks_for_json(arguments):
        with suppress(Unwritable):  # standard error has the message
            click.echo(json_text(document))
    render(error, console_on(sys.stderr, os.environ), verbose=options.verbose)
    return error.exit_code


def _document(error: FlowdeployError, options: CommonOptions) -> dict[str, Any]:
    """The error as JSON; for a run that ended before it was planned, its report, written too."""
    if options.command not in REPORTING:
        return {"schema": 1, "exit_code": error.exit_code, "error": error_json(error)}
    from flowdeploy.cli.report_files import write_report

    report = replace(
        planless_report(options.command, _target(options), error, datetime.now(UTC)),
        interrupted=isinstance(error, Interrupted),
    )
    write_report(report, options.report_folder)
    return report_json(report)


def _target(options: CommonOptions) -> str:
    try:
        return Session(options).target
    except UsageError:  # FLOWDEPLOY_SANDBOX is no URL
        return EMBEDDED


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that could not be parsed to its end asks for JSON."""
    pairs = pairwise(arguments)
    return "--format=json" in arguments or ("--format", "json") in pairs


def _usage_error(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"`{ctx.command_path} --help` says how to call it." if ctx else None
    return UsageError(error.format_message(), hint=hint)
