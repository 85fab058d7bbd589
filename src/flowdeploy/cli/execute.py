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
from pathlib import Path

import click

from flowdeploy.cli.bugs import kept
from flowdeploy.cli.session import Session
from flowdeploy.display import report as report_display
from flowdeploy.display.progress import listener
from flowdeploy.display.summary import markdown
from flowdeploy.display.terminal import console_on
from flowdeploy.errors import FlowdeployError
from flowdeploy.executors.crew import WorkCrew
from flowdeploy.executors.job import NO_ORDERS, Job, Orders, Site
from flowdeploy.plan import Plan
from flowdeploy.report import Report, not_started, report_json
from flowdeploy.rollout import Limits, Result, run
from flowdeploy.units import Portion


@dataclass(frozen=True, slots=True)
class Options:
    """How a plan is to be run. ``before`` raises FlowdeployError where it must not begin."""

    jobs: int | None = None
    max_failures: Portion | None = None
    orders: Orders = NO_ORDERS
    report_folder: Path | None = None
    before: Callable[[], None] = lambda: None


def execute(plan: Plan, session: Session, options: Options) -> None:
    """Run ``plan`` and end the command with the report's exit code."""
    report = _run(plan, session, options)
    for bug in report.bugs:
        kept(bug)
    _keep(report, session, options.report_folder)
    if session.settings.format == "json":
        click.echo(json.dumps(report_json(report), indent=2))
    else:
        report_display.render(report, console_on(sys.stdout, os.environ))
    click.get_current_context().exit(report.exit_code)


def _run(plan: Plan, session: Session, options: Options) -> Report:
    started, clock = datetime.now(UTC), time.monotonic()
    name = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with session.endpoints() as endpoints:
        site = Site(os.environ, session.home, session.home / "runs" / name)
        site.run_folder.mkdir(parents=True, exist_ok=True)
        limits = _limits(session, options)
        job = Job(plan, session.config, endpoints, site, options.orders, limits.jobs)
        result, plan = _roll_out(job, session, options.before, limits)
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


def _keep(report: Report, session: Session, folder: Path | None) -> None:
    """Write the report where it is looked for later: the run's folder, --report, the CI's page."""
    text = json.dumps(report_json(report), indent=2) + "\n"
    for place in filter(None, (session.home / "runs" / report.run, folder)):
        place.mkdir(parents=True, exist_ok=True)
        (place / "report.json").write_text(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a") as file:
            file.write(markdown(report))
