"""Runs a plan for a command: progress, record, report, exit code."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click

from flowdeploy.cli.bugs import kept
from flowdeploy.cli.checkout import Source
from flowdeploy.cli.notes import note
from flowdeploy.cli.record import made, record
from flowdeploy.cli.session import Session
from flowdeploy.cli.streams import Unwritable
from flowdeploy.display import report as report_display
from flowdeploy.display.progress import listener
from flowdeploy.display.terminal import console_on
from flowdeploy.errors import FlowdeployError, LockHeld
from flowdeploy.planning.plan import Plan
from flowdeploy.records.runs import Run
from flowdeploy.report import Report, has_begun, not_started, report_json
from flowdeploy.rollout import Limits, Listener, Result, run
from flowdeploy.rollout.interrupts import posted
from flowdeploy.steps.context import AT_ONCE, NO_OPTIONS, Claim, Context, Options, Site
from flowdeploy.steps.executor import PlanExecutor
from flowdeploy.units import Portion

NOTHING_BUILT = Source(None)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is to be run, and what it is built from, if it builds.

    ``earlier`` is the record of the run that is gone on with, if it is one;
    ``once_alone`` looks again whether the records say what the plan was made from,
    ``replan`` makes it anew from them.
    """

    jobs: int | None = None
    max_failures: Portion | None = None
    orders: Options = NO_OPTIONS
    source: Source = NOTHING_BUILT
    claim: Claim = AT_ONCE
    earlier: Run | None = None
    once_alone: Callable[[], Run | None] | None = None
    replan: Callable[[], Plan] | None = None


def execute(plan: Plan, session: Session, options: RunOptions) -> None:
    """Run ``plan`` and end the command with the report's exit code."""
    named = session.settings.report_folder
    folders = [made(named)] if named else []
    report = _run(plan, session, options)
    for bug in report.bugs:
        kept(bug)
    record(report, [session.run_folder(report.run), *folders])
    try:
        _print(report, session)
    except Unwritable as error:  # the run has ended as it has, and its report is kept
        note(str(error))
    click.get_current_context().exit(report.exit_code)


def _print(report: Report, session: Session) -> None:
    if session.settings.format == "json":
        report_display.render_end(report, console_on(sys.stderr, os.environ))
        click.echo(json.dumps(report_json(report), indent=2))
    else:
        report_display.render(report, console_on(sys.stdout, os.environ))


def _run(plan: Plan, session: Session, options: RunOptions) -> Report:
    started, clock = datetime.now(UTC), time.monotonic()
    name = options.earlier.name if options.earlier else _new_name(started)
    with session.endpoints() as endpoints:
        folder = made(session.run_folder(name))
        site = Site(os.environ, session.home, folder, session.settings.command_line)
        limits = _limits(session, options)
        job = Context(
            plan,
            session.config,
            endpoints,
            site,
            options.orders,
            connections=limits.jobs,
            commit=options.source.commit,
            modified=options.source.modified,
            claim=options.claim,
            earlier=options.earlier,
            before_build=options.source.require,
            once_alone=options.once_alone,
            replan=options.replan,
        )

        def report(result: Result, plan: Plan) -> Report:
            return Report(
                name,
                endpoints.target,
                plan,
                started,
                time.monotonic() - clock,
                result.steps,
                result.error,
                result.interrupted,
            )

        return _roll_out(job, session, limits, report)


def _new_name(started: datetime) -> str:
    """Runs sort by their names as they began, to the millisecond: what is later undoes, and
    keeps a run from being gone on with."""
    return f"{started:%Y%m%d-%H%M%S}-{started.microsecond // 1000:03}{secrets.token_hex(2)}"


def _limits(session: Session, options: RunOptions) -> Limits:
    """What the command line says, or else the configuration."""
    configured = session.config.rollout
    failures = options.max_failures
    return Limits(
        options.jobs or configured.jobs,
        configured.max_failures if failures is None else failures,
        options.orders.skip_unready,
    )


def _roll_out(
    job: Context,
    session: Session,
    limits: Limits,
    reported: Callable[[Result, Plan], Report],
) -> Report:
    settings = session.settings
    with listener(
        job.plan,
        job.endpoints.target,
        console=console_on(sys.stderr, os.environ),
        quiet=settings.quiet,
        verbose=settings.verbose,
    ) as watcher:
        crew = PlanExecutor(job, watcher)
        with closing(crew):
            result = _result(job, crew, watcher, limits)
            if not result.interrupted:
                _end_undisturbed()
            report = reported(result, crew.plan)
            _log(crew, report)
    return report


def _result(job: Context, crew: PlanExecutor, watcher: Listener, limits: Limits) -> Result:
    try:
        if job.earlier is None:  # which may need no build any more
            job.before_build()
    except FlowdeployError as error:
        return Result(tuple(not_started(job.plan)), error)
    result = run(job.plan, crew, crew.logbook, watcher, limits)
    if isinstance(result.error, LockHeld) and not any(map(has_begun, result.steps)):
        return replace(result, steps=())  # as the contract has it: this run was not to be yet
    return result


def _end_undisturbed() -> None:
    """Nothing is left to be cut short: until the command ends, a first signal changes nothing
    of how the run has ended, and a second one ends it at once."""
    click.get_current_context().with_resource(posted(lambda: None))


def _log(crew: PlanExecutor, report: Report) -> None:
    """How the run has ended is told by its report all the same."""
    try:
        crew.logbook.end(report)
    except FlowdeployError as error:
        note(f"the end of run {report.run} could not be recorded: {error.message}")
