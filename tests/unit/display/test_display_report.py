"""Reports as people and CI pages show them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from flowdeploy.display.report import render
from flowdeploy.errors import FlowdeployError, Refused, ServiceError, ToolError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import (
    Build,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Publish,
    Skipped,
    Stage,
    StageKind,
    Traffic,
    Verify,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Outcome, Report, State, StepReport, initial_reports

VERSION = "20200403-073034"
URL = "https://20200403-073034-dot-default-dot-{}.ew.r.appspot.com"
DENIED = ServiceError(
    "PERMISSION_DENIED", "The caller | may not\n<b>do</b> this", hint="Grant a role."
)


def instance(name: str) -> Instance:
    return Instance(name, Role.PRODUCTION, name)


def release(*, production: int) -> Plan:
    dark = tuple(
        Deploy(instance(f"akvoflow-{n}"), VERSION, Traffic.DARK) for n in range(1, production + 1)
    )
    return Plan(
        f"refs/tags/{VERSION}",
        PlanKind.RELEASE,
        VERSION,
        (
            Stage(StageKind.BUILD, (Build(),)),
            Stage(StageKind.PUBLISH, (Publish("org.akvo.flow:akvo-flow", "1"),)),
            Stage(StageKind.UAT, (Deploy(instance("akvoflow-uat1"), VERSION, Traffic.LIVE),)),
            Stage(StageKind.PRODUCTION, dark),
        ),
        skipped=(Skipped("akvoflow-37", "closed in 2019"),),
        configs=("queue.yaml",),
    )


def done(report: StepReport) -> StepReport:
    """The step as it ends where all goes well."""
    match report.step:
        case Deploy(where, _, traffic):
            state, url = State(traffic), URL.format(where.id)
        case Promote(where, _):
            state, url = State.LIVE, URL.format(where.id)
        case _:
            return replace(report, outcome=Outcome.DONE, attempts=1, seconds=2.2)
    return replace(report, outcome=Outcome.DONE, state=state, url=url, attempts=1, seconds=2.2)


def report_of(plan: Plan, steps: list[StepReport], error: FlowdeployError | None = None) -> Report:
    started = datetime(2020, 4, 3, tzinfo=UTC)
    return Report("20200403-080000-1f2e", "google", plan, started, 12.04, tuple(steps), error)


def shown(report: Report, width: int | None = None) -> str:
    """What is printed in a pipe, or on a terminal of ``width`` columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=width is not None, color_system=None)
    render(report, console)
    return stream.getvalue()


def test_a_release_that_succeeded() -> None:
    plan = release(production=4)
    text = shown(report_of(plan, [done(step) for step in initial_reports(plan)]))
    assert (
        text
        == """\
STAGE       INSTANCE       RESULT          SECONDS  URL
build                      built               2.2
publish                    published           2.2
uat         akvoflow-uat1  deployed, live      2.2  {}
production  akvoflow-1     deployed, dark      2.2  {}
production  akvoflow-2     deployed, dark      2.2  {}
production  akvoflow-3     deployed, dark      2.2  {}
production  akvoflow-4     deployed, dark      2.2  {}

Skipped: akvoflow-37: closed in 2019

Succeeded in 12.0s: 20200403-073034 is live on akvoflow-uat1 and dark on 4 instances
Run: 20200403-080000-1f2e
Target: google
""".format(*(URL.format(f"akvoflow-{name}") for name in ("uat1", 1, 2, 3, 4)))
    )


def test_a_narrow_terminal_gets_urls_on_their_own_lines() -> None:
    plan = release(production=1)
    lines = shown(report_of(plan, [done(step) for step in initial_reports(plan)]), 80).splitlines()
    assert lines[:5] == [
        "STAGE       INSTANCE       RESULT          SECONDS",
        "build                      built               2.2",
        "publish                    published           2.2",
        "uat         akvoflow-uat1  deployed, live      2.2",
        "    " + URL.format("akvoflow-uat1"),
    ]


def test_a_partial_release_says_each_error_once_and_what_to_do() -> None:
    plan = release(production=4)
    build, publish, uat, *dark = initial_reports(plan)
    steps = [
        *map(done, (build, publish, uat)),
        replace(done(dark[0]), outcome=Outcome.UNCHANGED, notes=("no manifest came back",)),
        replace(dark[1], outcome=Outcome.FAILED, attempts=3, seconds=0.4, error=DENIED),
        replace(dark[2], outcome=Outcome.FAILED, attempts=1, seconds=70, error=DENIED),
        dark[3],
    ]
    text = shown(report_of(plan, steps))
    assert (
        text.partition("production  ")[2]
        == """\
akvoflow-1     already dark            2.2  {}
production  akvoflow-2     failed, 3 attempts      0.4
production  akvoflow-3     failed                 70.0

production: not started: akvoflow-4
akvoflow-1: no manifest came back
Skipped: akvoflow-37: closed in 2019

PERMISSION_DENIED on akvoflow-2, akvoflow-3
  The caller | may not
  <b>do</b> this
  Hint: Grant a role.

Partial after 12.0s: 20200403-073034 is live on akvoflow-uat1 and dark on akvoflow-1; \
failed on akvoflow-2 and akvoflow-3; not started on akvoflow-4
Next: fix the cause; finished steps are skipped: flowdeploy resume 20200403-080000-1f2e
Run: 20200403-080000-1f2e
Target: google
""".format(URL.format("akvoflow-1"))
    )


def promotion(*names: str) -> Plan:
    return Plan(
        None,
        PlanKind.PROMOTE,
        VERSION,
        (
            Stage(
                StageKind.VERIFY,
                tuple(Verify(instance(name), Split.all_to(VERSION)) for name in names),
            ),
            Stage(
                StageKind.PRODUCTION,
                tuple(Promote(instance(name), Split.all_to(VERSION)) for name in names),
            ),
        ),
    )


def test_a_refused_promotion() -> None:
    plan = promotion("a", "b")
    (ready, missing), moves = (
        list(initial_reports(plan))[:2],
        list(initial_reports(plan))[2:],
    )
    refusal = Refused("20200403-073034 is not deployed")
    steps = [done(ready), replace(missing, outcome=Outcome.FAILED, error=refusal), *moves]
    assert (
        shown(report_of(plan, steps))
        == """\
STAGE   INSTANCE  RESULT  SECONDS  URL
verify  b         failed      0.0

verify: ready: a
production: not started: a, b

REFUSED on b
  20200403-073034 is not deployed

Refused after 12.0s: no instance was changed
Run: 20200403-080000-1f2e
Target: google
"""
    )


def test_an_instance_left_in_between_is_named() -> None:
    plan = promotion("a", "b")
    *ready, first, second = (done(step) for step in initial_reports(plan))
    lost = replace(
        second, outcome=Outcome.FAILED, state=State.UNKNOWN, error=ServiceError("LOST", "?")
    )
    text = shown(report_of(plan, [*ready, first, lost]))
    assert "production  b         failed, state unknown" in text
    assert f"{VERSION} is live on a; in an unknown state on b\n" in text


def test_an_interrupted_run_says_how_to_go_on() -> None:
    plan = promotion("a", "b")
    first, second, *moves = initial_reports(plan)
    report = report_of(plan, [done(first), done(second), done(moves[0]), moves[1]])
    assert shown(replace(report, interrupted=True)).endswith(f"""
Interrupted after 12.0s: {VERSION} is live on a; not started on b
Next: continue it; finished steps are skipped: flowdeploy resume 20200403-080000-1f2e
Run: 20200403-080000-1f2e
Target: google
""")


def test_a_run_without_instances_says_what_it_did() -> None:
    plan = Plan(
        "refs/pull/7/merge", PlanKind.PULL_REQUEST, None, (Stage(StageKind.BUILD, (Build(),)),)
    )
    assert "Succeeded in 12.0s: built\n" in shown(
        report_of(plan, list(map(done, initial_reports(plan))))
    )


def test_a_failed_build() -> None:
    plan = release(production=2)
    build, *others = initial_reports(plan)
    error = ToolError("`npm run build` ended with status 1", details=["no such module"])
    report = report_of(plan, [replace(build, outcome=Outcome.FAILED, error=error), *others])
    assert shown(report).startswith("""\
STAGE  INSTANCE  RESULT  SECONDS  URL
build            failed      0.0

publish: not started
uat: not started: akvoflow-uat1
production: not started: akvoflow-1, akvoflow-2
Skipped: akvoflow-37: closed in 2019

TOOL_FAILED on build
  `npm run build` ended with status 1
  no such module

Failed after 12.0s: no instance was changed
""")


def test_a_run_that_ended_before_its_plan() -> None:
    error = Refused("the tree is not the ref's", hint="Commit first.")
    report = replace(report_of(release(production=1), [], error), plan=None)
    assert (
        shown(report)
        == """\
Error: the tree is not the ref's
Hint: Commit first.

Refused after 12.0s: no instance was changed
Run: 20200403-080000-1f2e
Target: google
"""
    )
