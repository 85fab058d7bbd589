"""Runs a plan for a command: progress, record, report, exit code."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable
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
from flowdeploy.errors import FlowdeployError
from flowdeploy.executors.crew import WorkCrew
from flowdeploy.executors.job import NO_ORDERS, Job, Orders, Site
from flowdeploy.plan import Plan
from flowdeploy.report import Report, not_started, report_json
from flowdeploy.rollout import Limits, Result, run
from flowdeploy.units import Portion

NOTHING_BUILT = Source(None)


@dataclass(frozen=True, slots=True)
class Options:
    """How a plan is to be run, and what it is built from, if it builds."""

    jobs: int | None = None
    max_failures: Portion | None = None
    orders: Orders = NO_ORDERS
    source: Source = NOTHING_BUILT


def execute(plan: Plan, session: Session, options: Options) -> None:
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


def _run(plan: Plan, session: Session, options: Options) -> Report:
    started, clock = datetime.now(UTC), time.monotonic()
    name = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with session.endpoints() as endpoints:
        site = Site(os.environ, session.home, made(session.run_folder(name)))
        limits = _limits(session, options)
        job = Job(
            plan,
            session.config,
            endpoints,
            site,
            options.orders,
            limits.jobs,
            options.source.commit,
            options.source.modified,
        )
        result, plan = _roll_out(job, session, options.source.require, limits)
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


def _limits(session: Session, options: Options) -> Limits:
    """What the command line says, or else the configuration."""
    configured = session.config.rollout
    failures = options.max_failures
    return Limits(
        options.jobs or configured.jobs,
        configured.max_failures if failures is None else failures,
    )


def _roll_out(
    job: Job, session: Session, before: Callable[[], None], limits: Limits
) -> tuple[Result, Plan]:
    settings = session.settings
    with listener(
        job.plan,
        job.endpoints.target,
        console=console_on(sys.stderr, os.environ),
        quiet=settings.quiet,
        verbose=settings.verbose,
    ) as watcher:
        for warning in session.config.warnings:
            watcher.said(warning)
        crew = WorkCrew(job, watcher)
        try:
            before()
            result = run(job.plan, crew, watcher, limits)
        except FlowdeployError as error:
            result = Result(tuple(not_started(job.plan)), error)
    return result, replace(job.plan, not_applied=crew.not_applied)
