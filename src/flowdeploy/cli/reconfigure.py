"""``flowdeploy reconfigure all|INSTANCE…``: today's settings, without a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowdeploy.checks.findings import Finding, group_findings
from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.parameters import instances_argument, promotion_options, rollout_options
from flowdeploy.cli.planning import scope_of
from flowdeploy.cli.promote import preview_promotion
from flowdeploy.cli.session import current_session
from flowdeploy.display.plan import difference_texts
from flowdeploy.display.status import drift_row
from flowdeploy.errors import Refused, UsageError
from flowdeploy.planning.pipelines import Scope, plan_reconfiguration, select_instances
from flowdeploy.planning.plan import Plan, Skipped
from flowdeploy.steps.context import LockOptions, Permissions
from flowdeploy.units import Portion

if TYPE_CHECKING:
    from flowdeploy.display.tables import Row
    from flowdeploy.steps.revisions import RevisionSearch


@click.command(
    "reconfigure",
    epilog="""\b
Examples:
  flowdeploy reconfigure akvoflow-23 --dry-run
  flowdeploy reconfigure akvoflow-23
  flowdeploy reconfigure all
  flowdeploy rollback akvoflow-23""",
)
@instances_argument("all|INSTANCE...")
@promotion_options
@rollout_options
@common_options()
def command(
    instances: tuple[str, ...],
    dry_run: bool,
    max_failures: Portion | None,
    wait: float,
    take_over: bool,
    **permissions: Any,
) -> None:
    """Roll out changed settings and descriptors, without a build.

    Each instance whose live version VERSION differs from what its descriptor and the
    configuration say today gets a revision of it, VERSION-r1, VERSION-r2 and so on: the
    files of its release record with today's settings. Revisions are deployed dark, then
    pass the checks of `promote`, then get the traffic. The others are left as they are.
    `rollback` restores what was served before.
    """
    from flowdeploy.cli.execute import execute, new_context
    from flowdeploy.steps.deploy.descriptors import require_folder
    from flowdeploy.steps.revisions import RevisionFinder

    session = current_session()
    scope = scope_of(session.config)
    chosen, left_out = select_instances(instances, scope)
    if not chosen:
        raise UsageError("there is no instance to reconfigure")
    allowed = Permissions(**permissions)
    context = new_context(session, allowed, locking=LockOptions(wait, take_over))
    require_folder(session.config.descriptors)
    session.clients.authenticate()
    finder = RevisionFinder.of(context)

    def search() -> tuple[RevisionSearch, Plan]:
        found = finder.search(chosen)
        _require_possible(found, strict="all" not in instances, allowed=allowed)
        return found, _plan(found, scope, left_out)

    found, plan = search()
    differences = _rows(found)
    if dry_run:
        code = preview_promotion(plan, context, session, differences)
        click.get_current_context().exit(code)
    if not session.options.quiet:
        for text in difference_texts(differences):
            print_note(text)
    execute(plan, context, session, max_failures, lambda: (search()[1], None))


def _require_possible(found: RevisionSearch, *, strict: bool, allowed: Permissions) -> None:
    """Raises Refused where not all can be compared, or none; ``strict``: where one can have
    no revision."""
    impossible = [Finding(each.instance, each.reason) for each in found.impossible]
    objections = [*found.findings, *(impossible if strict else ())]
    if objections and not allowed.skip_unready:
        raise Refused(
            "instances cannot be reconfigured, and no instance was changed",
            details=group_findings(objections),
            hint="--skip-unready leaves such instances out.",
        )
    if not (found.needed or found.unchanged):
        raise Refused(
            "there is no instance that can be reconfigured",
            details=group_findings([*found.findings, *impossible]),
            hint="A revision is made of a version with a release record that has all the traffic.",
        )


def _plan(found: RevisionSearch, scope: Scope, left_out: tuple[Skipped, ...]) -> Plan:
    unread = tuple(Skipped(each.instance, each.message) for each in found.findings)
    skipped = (*left_out, *found.unchanged, *found.impossible, *unread)
    return plan_reconfiguration([each.revision for each in found.needed], scope, skipped)


def _rows(found: RevisionSearch) -> list[Row]:
    return [
        drift_row(need.revision.instance, each.version, each.difference, each.source)
        for need in found.needed
        for each in need.drifts
    ]
