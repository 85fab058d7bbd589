"""``flowdeploy resume RUN``: go on with a run that was cut off, or failed in part."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from flowdeploy.cli.checkout import Source
from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import RunName, rollout_options, take_over_option
from flowdeploy.cli.past import found, past
from flowdeploy.cli.session import Session, session
from flowdeploy.errors import Refused
from flowdeploy.planning.plan import Build, Plan
from flowdeploy.report import RunOutcome
from flowdeploy.units import Portion

if TYPE_CHECKING:
    from flowdeploy.records.runs import Header, Run
    from flowdeploy.steps.context import Options


@click.command(
    "resume",
    epilog="""\b
Examples:
  flowdeploy history
  flowdeploy resume 20200403-081502-034a1b2""",
)
@click.argument("run", type=RunName())
@take_over_option
@rollout_options
@common_options()
def command(
    run: str,
    jobs: int | None,
    max_failures: Portion | None,
    wait: float,
    take_over: bool,
) -> None:
    """Go on with RUN, here or on another machine: do what is missing of its plan.

    What is true is asked of App Engine; what is done is found done. Refused where a later
    run has changed one of the instances, for then nobody can say what is meant. Of a run
    that has succeeded nothing is missing.
    """
    here = session()
    record = _resumable(here, run)
    if record.report and record.report["outcome"] == RunOutcome.SUCCEEDED:
        _confirm(record, here)
        return
    plan = _plan(record, here)
    from flowdeploy.cli.execute import RunOptions, execute
    from flowdeploy.steps.context import Claim

    options = RunOptions(
        jobs,
        max_failures,
        _orders(record.header),
        _source(record.header, plan, here),
        Claim(wait, take_over),
        record,
        once_alone=lambda: _again(record, here),
    )
    execute(plan, here, options)


def _resumable(here: Session, name: str) -> Run:
    """Raises UsageError for a run that is not on record, Refused for one that is overtaken."""
    with past(here) as records:
        run = found(records, name)
        if later := records.changed_since(run):
            raise Refused(
                f"run {name} is overtaken: later runs have changed instances of its plan",
                details=[f"{instance}: run {other}" for instance, other in sorted(later.items())],
                hint="Say anew what is meant: run, promote or rollback.",
            )
    return run


def _again(run: Run, here: Session) -> Run:
    """The record of a run that may have gone on until its lock was free, or was taken from it.

    Raises Refused where it is overtaken by now, or its plan is another.
    """
    again = _resumable(here, run.name)
    if again.header.plan != run.header.plan:
        raise Refused(
            f"run {run.name} was not cut off, and knows more of its plan by now",
            hint="Run the same command again.",
        )
    return again


def _confirm(run: Run, here: Session) -> None:
    """Say that nothing is missing; as JSON, the report of old says it."""
    if here.settings.format == "json":
        click.echo(json.dumps(run.report, indent=2))
    else:
        click.echo(f"Run {run.name} has succeeded: nothing is left to do.")


def _plan(run: Run, here: Session) -> Plan:
    """The plan as it was made. Raises Refused where the fleet is another by now."""
    from flowdeploy.planning.plan_json import plan_of

    fleet = here.config.fleet
    places = {each.id: (each.project, each.service) for each in fleet.instances}
    gone = [name for name, place in run.header.places.items() if places.get(name) != place]
    if gone:
        raise Refused(
            f"the configuration has changed since run {run.name}",
            details=[f"{name}: was {'/'.join(run.header.places[name])}" for name in gone],
            hint="Put the instances back into the configuration, or give a command of its own.",
        )
    return plan_of(run.header.plan, fleet)


def _orders(header: Header) -> Options:
    """What was allowed then; of what a later flowdeploy has recorded, what this one knows."""
    from flowdeploy.steps.context import Options

    known = {each.name for each in fields(Options)}
    return Options(**{name: value for name, value in header.orders.items() if name in known})


def _source(header: Header, plan: Plan, here: Session) -> Source:
    """What is built, if it is not built yet: only the commit that the run was of."""
    if not plan.has(Build):
        return Source(None)
    return Source(header.commit, _objections(header, here), header.modified)


def _objections(header: Header, here: Session) -> tuple[str, ...]:
    from flowdeploy.clients import git

    checkout = git.Checkout.find(here.config.root)
    if checkout is None or header.commit is None:
        return ()
    if checkout.head.sha != header.commit.sha:
        return (f"the run is of {header.commit.sha[:8]}, and HEAD is {checkout.head.sha[:8]}",)
    if checkout.modified() and not header.modified:
        return ("tracked files differ from HEAD by now",)
    return ()
