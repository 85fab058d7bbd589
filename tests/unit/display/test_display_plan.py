"""Plans as people read them."""

from __future__ import annotations

import io

from rich.console import Console

from flowdeploy.display.plan import render
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

VERSION = "20200403-073034"


def production(count: int) -> list[Instance]:
    return [Instance(f"akvoflow-{n}", Role.PRODUCTION, f"akvoflow-{n}") for n in range(count)]


def shown(plan: Plan, width: int = 80) -> str:
    stream = io.StringIO()
    render(plan, "google", Console(file=stream, width=width))
    return stream.getvalue()


def test_a_release() -> None:
    uat = Instance("akvoflow-uat1", Role.UAT1, "akvoflow-uat1")
    plan = Plan(
        f"refs/tags/{VERSION}",
        PlanKind.RELEASE,
        VERSION,
        (
            Stage(StageKind.BUILD, (Build(),)),
            Stage(StageKind.PUBLISH, (Publish("org.akvo.flow:akvo-flow", None),)),
            Stage(StageKind.UAT, (Deploy(uat, VERSION, Traffic.LIVE),)),
            Stage(
                StageKind.PRODUCTION, tuple(Deploy(i, VERSION, Traffic.DARK) for i in production(6))
            ),
        ),
        skipped=(
            Skipped("akvoflow-37", "closed in 2019"),
            Skipped("akvoflow-40", "[moved]\x1b[31m"),
            Skipped("akvoflow-41", "closed in 2019"),
        ),
        configs=("queue.yaml", "cron.yaml"),
    )
    assert (
        shown(plan)
        == """\
Target: google
Plan: release 20200403-073034, from refs/tags/20200403-073034

STAGE       ACTION   DETAIL
build       build    the configured commands
publish     publish  org.akvo.flow:akvo-flow, version known after build
uat         deploy   live on akvoflow-uat1
production  deploy   dark on 6 instances: akvoflow-0, akvoflow-1, akvoflow-2,
                       akvoflow-3, akvoflow-4, akvoflow-5

Skipped: akvoflow-37, akvoflow-41: closed in 2019
Skipped: akvoflow-40: [moved]
"""
    )


def test_a_promotion() -> None:
    steps = production(2)
    plan = Plan(
        None,
        PlanKind.PROMOTE,
        VERSION,
        (
            Stage(StageKind.VERIFY, tuple(Verify(i, Split.all_to(VERSION)) for i in steps)),
            Stage(StageKind.PRODUCTION, (Promote(steps[0], Split.all_to(VERSION)),), "internal"),
            Stage(StageKind.PRODUCTION, (Promote(steps[1], Split.all_to(VERSION)),)),
        ),
    )
    assert (
        shown(plan)
        == """\
Target: google
Plan: promote 20200403-073034

STAGE                ACTION   DETAIL
verify               verify   deployed and serving on 2 instances: akvoflow-0,
                                akvoflow-1
production:internal  promote  all traffic to 20200403-073034 on akvoflow-0
production           promote  all traffic to 20200403-073034 on akvoflow-1
"""
    )


def test_every_instance_of_a_large_fleet_is_named_within_the_width() -> None:
    fleet = production(1000)
    plan = Plan(
        None,
        PlanKind.DEPLOY,
        None,
        (Stage(StageKind.PRODUCTION, tuple(Promote(i, Split.all_to(VERSION)) for i in fleet)),),
    )
    text = shown(plan, width=120)
    assert max(map(len, text.splitlines())) <= 120
    assert {i.id for i in fleet} <= set(text.replace(",", " ").split())
    assert "Plan: deploy known after build" in text
