"""What a run amounts to, and how it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from flowdeploy.errors import FlowdeployError, LockHeld, RefError, Refused, ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import (
    Build,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Skipped,
    Stage,
    StageKind,
    Step,
    Traffic,
    Verify,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.report import (
    Bug,
    Outcome,
    Report,
    RunOutcome,
    State,
    StepReport,
    initial_reports,
    planless_report,
    report_json,
    step_report_json,
)

ONE = Instance("akvoflow-1", Role.PRODUCTION, "akvoflow-1")
BUILD = Build()
DEPLOY = Deploy(ONE, "v2", Traffic.DARK)
VERIFY = Verify(ONE, Split.all_to("v2"))
PROMOTE = Promote(ONE, Split.all_to("v2"))
DENIED = ServiceError("PERMISSION_DENIED", "denied", hint="Grant it.")
STARTED = datetime(2020, 4, 3, 7, 30, 34, 5600, tzinfo=UTC)


def step(
    step: Step, outcome: str, state: State | None = None, error: FlowdeployError | None = None
) -> StepReport:
    error = error or (DENIED if outcome == "failed" else None)
    return StepReport("production", step, Outcome(outcome), state, error=error)


def report(
    *steps: StepReport, error: FlowdeployError | None = None, interrupted: bool = False
) -> Report:
    return Report("run-1", "google", None, STARTED, 1.0, steps, error, interrupted)


@pytest.mark.parametrize(
    ("steps", "outcome", "code"),
    [
        ([], "succeeded", 0),
        ([step(PROMOTE, "done"), step(PROMOTE, "unchanged")], "succeeded", 0),
        ([step(BUILD, "failed"), step(DEPLOY, "not-started")], "failed", 1),
        ([step(BUILD, "done"), step(DEPLOY, "failed")], "failed", 1),
        ([step(VERIFY, "done"), step(PROMOTE, "failed")], "failed", 1),
        ([step(PROMOTE, "unchanged"), step(PROMOTE, "failed")], "failed", 1),
        ([step(PROMOTE, "done"), step(PROMOTE, "failed")], "partial", 3),
        ([step(PROMOTE, "done"), step(PROMOTE, "skipped")], "partial", 3),
        ([step(DEPLOY, "done"), step(DEPLOY, "not-started")], "partial", 3),
        ([step(VERIFY, "failed", error=Refused("no")), step(VERIFY, "done")], "refused", 4),
        ([step(PROMOTE, "failed", error=Refused("no")), step(PROMOTE, "done")], "partial", 3),
        # What a failed step left behind may be a change.
        ([step(DEPLOY, "failed", State.UNKNOWN)], "partial", 3),
        ([step(DEPLOY, "failed", State.DEPLOYED_NOT_PROMOTED)], "partial", 3),
        ([step(DEPLOY, "failed", State.DARK)], "partial", 3),
        ([step(PROMOTE, "failed", State.UNKNOWN)], "partial", 3),
        ([step(PROMOTE, "failed", State.LIVE)], "partial", 3),
        ([step(PROMOTE, "failed", State.DARK)], "failed", 1),
        ([step(VERIFY, "failed", State.UNKNOWN)], "failed", 1),
        ([step(PROMOTE, "unchanged", State.LIVE), step(PROMOTE, "failed")], "failed", 1),
        # A bug is told as one, whatever else happened.
        ([step(PROMOTE, "failed", State.UNKNOWN, error=Bug("oops"))], "partial", 70),
        ([step(VERIFY, "failed", error=Bug("oops")), step(PROMOTE, "done")], "partial", 70),
    ],
)
def test_what_the_steps_amount_to(steps: list[StepReport], outcome: str, code: int) -> None:
    whole = report(*steps)
    assert (str(whole.outcome), whole.exit_code) == (outcome, code)


@pytest.mark.parametrize(
    ("error", "before_a_change", "after_one"),
    [
        (FlowdeployError("no"), ("failed", 1), ("partial", 3)),
        (RefError("no"), ("failed", 2), ("partial", 3)),
        (Refused("no"), ("refused", 4), ("partial", 3)),
        (LockHeld("no"), ("failed", 5), ("partial", 3)),
        (Bug("oops"), ("failed", 70), ("partial", 70)),
    ],
)
def test_what_ended_the_run_decides_until_something_was_changed(
    error: FlowdeployError, before_a_change: tuple[str, int], after_one: tuple[str, int]
) -> None:
    before, after = report(error=error), report(step(PROMOTE, "done"), error=error)
    assert (str(before.outcome), before.exit_code) == before_a_change
    assert (str(after.outcome), after.exit_code) == after_one


@pytest.mark.parametrize("steps", [(), (step(PROMOTE, "done"),), (step(PROMOTE, "failed"),)])
def test_an_interruption_is_one_whatever_was_done(steps: tuple[StepReport, ...]) -> None:
    whole = report(*steps, interrupted=True)
    assert (whole.outcome, whole.exit_code) == (RunOutcome.INTERRUPTED, 130)


def test_a_bug_keeps_its_cause() -> None:
    cause = KeyError("split")
    bug = Bug.wrap(cause)
    whole = report(step(PROMOTE, "failed", error=bug), error=Bug("oops"))

    assert bug.__cause__ is cause
    assert bug.message == "KeyError: 'split'"
    assert bug in whole.bugs
    assert len(whole.bugs) == 2


def test_before_it_runs_every_step_is_not_started() -> None:
    plan = Plan(
        None,
        PlanKind.PROMOTE,
        "v2",
        (Stage(StageKind.VERIFY, (VERIFY,)), Stage(StageKind.PRODUCTION, (PROMOTE,))),
    )

    assert list(initial_reports(plan)) == [
        StepReport("verify", VERIFY, Outcome.NOT_STARTED),
        StepReport("production", PROMOTE, Outcome.NOT_STARTED),
    ]


def report_json_of(*steps: StepReport, plan: Plan) -> dict[str, Any]:
    in_chennai = STARTED.astimezone(timezone(timedelta(hours=5, minutes=30)))
    return report_json(Report("20200403-073034-ab12", "google", plan, in_chennai, 12.34567, steps))


RELEASE = Plan(
    "refs/tags/20200403-073034",
    PlanKind.RELEASE,
    "20200403-073034",
    (Stage(StageKind.BUILD, (BUILD,)), Stage(StageKind.PRODUCTION, (DEPLOY,))),
    "20200403-073034.1a2b3c4d",
    (Skipped("akvoflow-37", "closed in 2019"),),
    ("cron.yaml",),
)


def test_a_report_says_as_json_what_was_planned() -> None:
    document = report_json_of(plan=RELEASE)

    assert (document["run"], document["target"]) == ("20200403-073034-ab12", "google")
    assert (document["ref"], document["kind"]) == ("refs/tags/20200403-073034", "release")
    assert document["version"] == "20200403-073034"
    assert document["library_version"] == "20200403-073034.1a2b3c4d"
    assert document["skipped"] == [{"instance": "akvoflow-37", "reason": "closed in 2019"}]
    assert document["configs"] == ["cron.yaml"]


def test_a_report_says_as_json_how_the_run_went() -> None:
    document = report_json_of(StepReport("build", BUILD, Outcome.DONE, attempts=1), plan=RELEASE)

    assert document["schema"] == 1
    assert (document["outcome"], document["exit_code"]) == ("succeeded", 0)
    assert document["error"] is None
    assert document["started"] == "2020-04-03T07:30:34.005+00:00"
    assert document["seconds"] == 12.346
    assert [step["action"] for step in document["steps"]] == ["build"]


def test_a_failed_step_as_json() -> None:
    failed = StepReport(
        "production",
        DEPLOY,
        Outcome.FAILED,
        State.UNKNOWN,
        attempts=2,
        seconds=2.20049,
        url="https://v2-dot-default-dot-akvoflow-1.appspot.com",
        previous=Split({"v0": 1.0}, "IP"),
        error=ServiceError("INTERNAL", "An error.", details=["first", "second"], hint="Again."),
        notes=("no warm-up",),
    )
    assert step_report_json(failed) == {
        "stage": "production",
        "action": "deploy",
        "instance": "akvoflow-1",
        "outcome": "failed",
        "state": "unknown",
        "attempts": 2,
        "seconds": 2.2,
        "url": "https://v2-dot-default-dot-akvoflow-1.appspot.com",
        "previous": {"allocations": {"v0": 1.0}, "shard_by": "IP"},
        "error": {
            "code": "INTERNAL",
            "message": "An error.",
            "details": ["first", "second"],
            "hint": "Again.",
        },
        "notes": ["no warm-up"],
    }


def test_a_step_as_json_has_null_for_what_it_does_not_have() -> None:
    document = step_report_json(StepReport("build", BUILD, Outcome.DONE, attempts=1, seconds=4))

    absent = ("instance", "state", "url", "previous", "error")
    assert {key: document[key] for key in absent} == dict.fromkeys(absent)
    assert document["notes"] == []


@pytest.mark.parametrize(("command", "kind"), [("run", None), ("promote", "promote")])
def test_a_run_without_a_plan_as_json(command: str, kind: str | None) -> None:
    whole = planless_report(command, "google", RefError("no ref", hint="Write one."), STARTED)

    document = report_json(whole)

    assert document["error"] == {
        "code": "BAD_REF",
        "message": "no ref",
        "details": [],
        "hint": "Write one.",
    }
    assert (document["ref"], document["kind"], document["version"]) == (None, kind, None)
    assert (document["outcome"], document["exit_code"], document["steps"]) == ("failed", 2, [])
