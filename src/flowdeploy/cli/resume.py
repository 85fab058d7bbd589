"""``flowdeploy resume RUN``: continue a run that was interrupted, or failed in part."""

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import RunName, rollout_options, take_over_option
from flowdeploy.cli.session import Session, current_session
from flowdeploy.clients import git
from flowdeploy.display.text import json_text
from flowdeploy.errors import Refused
from flowdeploy.planning.plan import Build, Plan
from flowdeploy.planning.plan_json import parse_plan
from flowdeploy.records.runs import Header, Run
from flowdeploy.report import RunOutcome
from flowdeploy.steps.context import LockOptions, Permissions, Source
from flowdeploy.units import Portion


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
def command(run: str, max_failures: Portion | None, wait: float, take_over: bool) -> None:
    """Continue RUN, here or on another machine: do what is missing of its plan.

    The current state is read from App Engine, and finished steps are skipped. Refused where
    a later run has changed one of the instances. A run that has succeeded is left alone.
    """
    from flowdeploy.cli.execute import execute, new_context

    session = current_session()
    record = _require_resumable(session, run)
    if record.report and record.report["outcome"] == RunOutcome.SUCCEEDED:
        _confirm_success(record, session)
        return
    plan = _restore_plan(record, session)
    context = new_context(
        session,
        Permissions.from_json(record.header.orders),
        locking=LockOptions(wait, take_over),
        source=_find_source(record.header, plan, session),
        resumed=record,
    )
    execute(plan, context, session, max_failures, lambda: (plan, _reload(record, session)))


def _require_resumable(session: Session, name: str) -> Run:
    """Raises UsageError for a run that is not on record, Refused for one that is overtaken."""
    run = session.require_run(name)
    if later := session.history.find_later_changes(run):
        raise Refused(
            f"run {name} cannot be resumed: later runs have changed its instances",
            details=[f"{instance}: run {other}" for instance, other in sorted(later.items())],
            hint="Start a new run with run, promote or rollback.",
        )
    return run


def _reload(run: Run, session: Session) -> Run:
    """Called with the locks held; reloads the record.

    The run may have continued until its lock was released or taken over. Raises Refused where
    it is overtaken by now, or its plan has changed.
    """
    again = _require_resumable(session, run.name)
    if again.header.plan != run.header.plan:
        raise Refused(
            f"run {run.name} has continued since this command read its record",
            hint="Run the same command again.",
        )
    return again


def _confirm_success(run: Run, session: Session) -> None:
    """Say that nothing is missing; as JSON, print the report that is on record."""
    if session.options.format == "json":
        click.echo(json_text(run.report))
    else:
        click.echo(f"Run {run.name} has succeeded: nothing is left to do.")


def _restore_plan(run: Run, session: Session) -> Plan:
    """The plan as it is on record. Raises Refused where the fleet has changed."""
    fleet = session.config.fleet
    places = {each.id: (each.project, each.service) for each in fleet.instances}
    gone = [name for name, place in run.header.places.items() if places.get(name) != place]
    if gone:
        raise Refused(
            f"the configuration has changed since run {run.name}",
            details=[f"{name}: was {'/'.join(run.header.places[name])}" for name in gone],
            hint="Put the instances back into the configuration, or start a new run.",
        )
    try:
        return parse_plan(run.header.plan, fleet)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            f"the plan of run {run.name} cannot be read: {type(error).__name__}: {error}",
            hint="A later flowdeploy may have written it: use that, or start a new run.",
        ) from error


def _find_source(header: Header, plan: Plan, session: Session) -> Source:
    """The commit to build, if the plan builds: only the one that the run is of."""
    if not plan.has(Build):
        return Source()
    return Source(header.commit, header.modified, _objections(header, session))


def _objections(header: Header, session: Session) -> tuple[str, ...]:
    checkout = git.Checkout.find(session.config.build.directory)
    if checkout is None or header.commit is None:
        return ()
    if checkout.head.sha != header.commit.sha:
        return (f"the run is of {header.commit.sha[:8]}, and HEAD is {checkout.head.sha[:8]}",)
    if checkout.modified_files() and not header.modified:
        return ("tracked files differ from HEAD by now",)
    return ()
