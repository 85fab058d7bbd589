"""Runs a plan for a command: progress, record, report, exit code."""

import os
import secrets
import socket
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import click

from flowdeploy.cli.checkout import configuration_commit
from flowdeploy.cli.notes import print_note
from flowdeploy.cli.report_files import ensure_folder, ensure_home, write_report
from flowdeploy.cli.session import Session, user_name
from flowdeploy.cli.streams import Unwritable
from flowdeploy.cli.traceback_file import save_traceback
from flowdeploy.display import report as report_display
from flowdeploy.display.progress import show_progress
from flowdeploy.display.terminal import console_on
from flowdeploy.display.text import json_text
from flowdeploy.errors import FlowdeployError, LockHeld
from flowdeploy.planning.plan import Plan
from flowdeploy.records.runs import Run
from flowdeploy.report import Report, has_started, initial_reports, report_json
from flowdeploy.rollout.contract import Limits, Listener, Result
from flowdeploy.rollout.interrupts import call_on_signal
from flowdeploy.rollout.run import run
from flowdeploy.steps.context import Context, LockOptions, Permissions, Source
from flowdeploy.steps.executor import PlanExecutor, Replan
from flowdeploy.units import Portion


def new_context(
    session: Session,
    permissions: Permissions,
    *,
    locking: LockOptions = LockOptions(),  # noqa: B008  (frozen)
    source: Source = Source(),  # noqa: B008  (frozen)
    resumed: Run | None = None,
) -> Context:
    """What a run of this command is told; a run that is resumed keeps its name."""
    return Context(
        resumed.name if resumed else _new_name(datetime.now(UTC)),
        session.config,
        session.clients,
        session.home,
        user_name(os.environ.get("GITHUB_ACTOR")),
        socket.gethostname(),
        session.options.command_line,
        os.environ,
        permissions,
        locking,
        source,
        resumed,
        configuration_commit(session.config),
    )


def _new_name(started: datetime) -> str:
    """A name for people: when the run was started, by this machine's clock."""
    return f"{started:%Y%m%d-%H%M%S}-{started.microsecond // 1000:03}{secrets.token_hex(2)}"


def execute(
    plan: Plan,
    context: Context,
    session: Session,
    max_failures: Portion | None,
    replan: Replan | None = None,
) -> None:
    """Run ``plan`` and end the command with the report's exit code.

    ``max_failures`` is None where the configuration decides.
    """
    if named := session.options.report_folder:
        ensure_folder(named)
    report = _run(plan, context, session, max_failures, replan)
    for bug in report.bugs:
        save_traceback(bug)
    write_report(report, named, context.run_folder)
    try:
        _print(report, session)
    except Unwritable as error:  # the run has ended, and its report is saved
        print_note(str(error))
    click.get_current_context().exit(report.exit_code)


def _print(report: Report, session: Session) -> None:
    if session.options.format == "json":
        report_display.render_end(report, console_on(sys.stderr, os.environ))
        click.echo(json_text(report_json(report)))
    else:
        console = console_on(sys.stdout, os.environ)
        report_display.render(report, console, verbose=session.options.verbose)


def _run(
    plan: Plan,
    context: Context,
    session: Session,
    max_failures: Portion | None,
    replan: Replan | None,
) -> Report:
    started, clock = datetime.now(UTC), time.monotonic()
    ensure_home(context.home)
    ensure_folder(context.run_folder, private=True)
    rollout = session.config.rollout
    limits = Limits(
        session.jobs,
        rollout.max_failures if max_failures is None else max_failures,
        context.permissions.skip_unready,
    )
    target = context.clients.endpoints.target
    options = session.options
    with (
        show_progress(
            plan,
            target,
            console=console_on(sys.stderr, os.environ),
            quiet=options.quiet,
            verbose=options.verbose,
        ) as progress,
        closing(PlanExecutor(plan, context, progress, replan)) as executor,
    ):
        context.clients.tell = progress.waiting
        result = _roll_out(plan, context, executor, progress, limits)
        if not result.interrupted:
            _ignore_first_signal()
        report = Report(
            context.run,
            target,
            executor.plan,
            started,
            time.monotonic() - clock,
            result.steps,
            result.error,
            result.interrupted,
            executor.remarks,
        )
        return replace(report, remarks=report.remarks + _record_end(executor, report))


def _roll_out(
    plan: Plan, context: Context, executor: PlanExecutor, progress: Listener, limits: Limits
) -> Result:
    try:
        if context.resumed is None:  # a resumed run may need no build any more
            context.source.require()
    except FlowdeployError as error:
        return Result(tuple(initial_reports(plan)), error)
    result = run(plan, executor, executor.journal, progress, limits)
    if isinstance(result.error, LockHeld) and not any(map(has_started, result.steps)):
        return replace(result, steps=())  # the contract asks for an empty report without the lock
    return result


def _ignore_first_signal() -> None:
    """Ignore the first signal until the command ends: the result can no longer change.

    A second signal ends the command at once.
    """
    click.get_current_context().with_resource(call_on_signal(lambda: None))


def _record_end(executor: PlanExecutor, report: Report) -> tuple[str, ...]:
    """Record how the run has ended. A failure is a remark: the report tells it all the same."""
    try:
        executor.journal.end(report)
    except Exception as error:  # the report must not be lost
        cause = error.message if isinstance(error, FlowdeployError) else repr(error)
        return (f"the end of run {report.run} may not be on record: {cause}",)
    return ()
