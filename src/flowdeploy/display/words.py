"""Steps and their outcomes in words."""

from typing import assert_never

from flowdeploy.display.text import group_values
from flowdeploy.planning.plan import (
    Build,
    Configure,
    Deploy,
    Gradual,
    Phase,
    Plan,
    Promote,
    Publish,
    Step,
    Verify,
    instance_of,
)
from flowdeploy.planning.revisions import revision_number
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Outcome, State, StepReport

UNKNOWN_YET = "known after build"

_DUE = {
    Phase.ADD: "new indexes and queues",
    Phase.BEFORE_TRAFFIC: "queues",
    Phase.AFTER_TRAFFIC: "cron jobs and dispatch rules",
}
_FAILED = {
    None: "failed",
    State.LIVE: "failed, live",
    State.DARK: "failed, dark",
    State.DEPLOYED_NOT_PROMOTED: "deployed, not promoted",
    State.UNKNOWN: "failed, state unknown",
}


def target_line(target: str) -> str:
    """``target`` is ``google``, a sandbox's URL, or ``sandbox`` for one that is not running."""
    if target in {"google", "sandbox"}:
        return f"Target: {target}"
    return f"Target: sandbox at {target}"


def instance_name(step: Step) -> str:
    """The id of the step's instance; empty if it has none."""
    instance = instance_of(step)
    return instance.id if instance else ""


def where(report: StepReport) -> str:
    """The step's instance, or its stage if it has none."""
    return instance_name(report.step) or report.stage


def detail(step: Step) -> str:
    """The details of a step, beside its action and its instance."""
    match step:
        case Build():
            return "the configured commands"
        case Publish(library, version):
            return f"{library or UNKNOWN_YET}, version {version or UNKNOWN_YET}"
        case Deploy(_, version, traffic):
            is_revision = version is not None and revision_number(version)
            return f"{version}, {traffic}" if is_revision else str(traffic)
        case Configure(_, phase, _, undoes):
            return f"{_DUE[phase]}, as before {undoes[0]}" if undoes else _DUE[phase]
        case Verify():
            return "deployed and serving"
        case Promote(_, to, gradual, undoes):
            return _traffic(to, gradual) + (f", as before run {undoes}" if undoes else "")
        case _:
            assert_never(step)


def _traffic(to: Split, gradual: Gradual | None) -> str:
    """``all traffic``, ``10, 50, 100 % of the traffic, by cookie``, or the versions' shares."""
    if gradual:
        shares = ", ".join(f"{percent:g}" for percent in gradual.percents)
        return f"{shares} % of the traffic, by {gradual.shard_by.lower()}"
    return f"all traffic to {to}" if to.only else f"traffic to {to}"


def result(report: StepReport) -> str:
    """The outcome of a step, such as ``deployed, dark``."""
    match report.outcome:
        case Outcome.DONE | Outcome.UNCHANGED:
            text = _success_text(report)
        case Outcome.FAILED:
            text = _FAILED[report.state]
        case Outcome.SKIPPED | Outcome.NOT_STARTED:
            return str(report.outcome).replace("-", " ")
        case _:
            assert_never(report.outcome)
    return f"{text}, {report.attempts} attempts" if report.attempts > 1 else text


def _success_text(report: StepReport) -> str:
    unchanged = report.outcome is Outcome.UNCHANGED
    already = "already " if unchanged else ""
    match report.step:
        case Build():
            return f"{already}built"
        case Publish():
            return f"{already}published"
        case Deploy(_, _, traffic):
            return f"{already or 'deployed, '}{report.state or traffic}"
        case Configure(_, phase, _, undoes):
            done = "as before" if undoes else "configured"
            return f"{_DUE[phase]} {'already up to date' if unchanged else done}"
        case Verify():
            return "ready"
        case Promote(undoes=str()):
            return f"{already}rolled back"
        case Promote():
            return "already live" if unchanged else "promoted"
        case _:
            assert_never(report.step)


def skip_lines(plan: Plan) -> list[str]:
    """Lines for the skipped instances, one for each reason."""
    reasons = group_values((skipped.reason, skipped.instance) for skipped in plan.skipped)
    return [f"Skipped: {', '.join(ids)}: {reason}" for reason, ids in reasons.items()]
