"""What a run amounts to, and how it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

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


def test_a_report_as_json() -> None:
    plan = Plan(
        "refs/tags/20200403-073034",
        PlanKind.RELEASE,
        "20200403-073034",
        (Stage(StageKind.BUILD, (BUILD,)), Stage(StageKind.PRODUCTION, (DEPLOY,))),
        "20200403-073034.1a2b3c4d",
        (Skipped("akvoflow-37", "closed in 2019"),),
        ("cron.yaml",),
    )
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
    in_chennai = STARTED.astimezone(timezone(timedelta(hours=5, minutes=30)))
    whole = Report(
        "20200403-073034-ab12",
        "google",
        plan,
        in_chennai,
        12.34567,
        (StepReport("build", BUILD, Outcome.DONE, attempts=1, seconds=4), failed),
    )

    assert report_json(whole) == {
        "schema": 1,
        "run": "20200403-073034-ab12",
        "target": "google",
        "ref": "refs/tags/20200403-073034",
        "kind": "release",
        "version": "20200403-073034",
        "library_version": "20200403-073034.1a2b3c4d",
        "outcome": "partial",
        "exit_code": 3,
        "started": "2020-04-03T07:30:34.005+00:00",
        "seconds": 12.346,
        "steps": [
            {
                "stage": "build",
                "action": "build",
                "instance": None,
                "outcome": "done",
                "state": None,
                "attempts": 1,
                "seconds": 4,
                "url": None,
                "previous": None,
                "error": None,
                "notes": [],
            },
            {
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
            },
        ],
        "skipped": [{"instance": "akvoflow-37", "reason": "closed in 2019"}],
        "configs": ["cron.yaml"],
        "error": None,
    }


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
