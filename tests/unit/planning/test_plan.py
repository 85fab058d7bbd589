"""Planning as equality on data: the whole plan, and the whole document, for every kind of ref."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowdeploy.errors import UsageError
from flowdeploy.planning.configure_steps import add_configuration_steps
from flowdeploy.planning.fleet import Fleet, Instance, Role, Wave
from flowdeploy.planning.pipelines import (
    Restoration,
    Revision,
    Scope,
    choose_versions,
    plan_deploy,
    plan_promotion,
    plan_reconfiguration,
    plan_ref,
    plan_rollback,
)
from flowdeploy.planning.plan import (
    Build,
    Configure,
    Deploy,
    Phase,
    Plan,
    PlanKind,
    Promote,
    Publish,
    Skipped,
    Stage,
    StageKind,
    Traffic,
    Verify,
    action,
)
from flowdeploy.planning.plan_json import plan_json
from flowdeploy.planning.refs import Commit, Ref, parse_ref
from flowdeploy.planning.traffic import Split

UAT1 = Instance("akvoflow-uat1", Role.UAT1, "akvoflow-uat1")
UAT2 = Instance("akvoflow-uat2", Role.UAT2, "akvoflow-uat2")
ONE = Instance("akvoflow-1", Role.PRODUCTION, "akvoflow-1", wave="internal")
TWO = Instance("akvoflow-2", Role.PRODUCTION, "akvoflow-2")
THREE = Instance("akvoflow-3", Role.PRODUCTION, "akvoflow-3", wave="small")
CLOSED = Instance("akvoflow-37", Role.PRODUCTION, "akvoflow-37", skip="closed in 2019")
FLEET = Fleet((UAT1, UAT2, ONE, TWO, THREE, CLOSED))

LIBRARY = "org.akvo.flow:akvo-flow"
SCOPE = Scope(FLEET, publishes=True, library=LIBRARY)
NO_LIBRARY = Scope(FLEET)
COMMIT = Commit("1a2b3c4d5e6f7890", datetime(2020, 4, 2, 19, 17, 2, tzinfo=UTC))
TAG = "20200403-073034"
BUILT = "20200402-191702-1a2b3c4d"
BUILT_LIBRARY = "20200402-191702.1a2b3c4d"
TAGGED_LIBRARY = "20200403-073034.1a2b3c4d"

BUILD = Stage(StageKind.BUILD, (Build(),))
LEFT_OUT = (Skipped("akvoflow-37", "closed in 2019"),)


def publish(version: str | None, library: str | None = LIBRARY) -> Stage:
    return Stage(StageKind.PUBLISH, (Publish(library, version),))


def live(instance: Instance, version: str | None) -> Stage:
    return Stage(StageKind.UAT, (Deploy(instance, version, Traffic.LIVE),))


def dark(*instances: Instance, version: str = TAG) -> Stage:
    return Stage(StageKind.PRODUCTION, tuple(Deploy(i, version, Traffic.DARK) for i in instances))


def verify(*instances: Instance) -> Stage:
    return Stage(StageKind.VERIFY, tuple(Verify(i, Split.all_to(TAG)) for i in instances))


def promote(
    *instances: Instance, kind: StageKind = StageKind.PRODUCTION, wave: str | None = None
) -> Stage:
    return Stage(kind, tuple(Promote(i, Split.all_to(TAG)) for i in instances), wave)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        (
            "master",
            Plan(
                "refs/heads/master",
                PlanKind.TRUNK,
                BUILT,
                (BUILD, publish(BUILT_LIBRARY), live(UAT2, BUILT)),
                BUILT_LIBRARY,
                configs=None,
            ),
        ),
        (
            "issue/1234",
            Plan(
                "refs/heads/issue/1234",
                PlanKind.FEATURE,
                BUILT,
                (BUILD, publish(BUILT_LIBRARY)),
                BUILT_LIBRARY,
            ),
        ),
        (
            "7/merge",
            Plan(
                "refs/pull/7/merge",
                PlanKind.PULL_REQUEST,
                BUILT,
                (BUILD,),
                BUILT_LIBRARY,
            ),
        ),
        (
            TAG,
            Plan(
                f"refs/tags/{TAG}",
                PlanKind.RELEASE,
                TAG,
                (BUILD, publish(TAGGED_LIBRARY), live(UAT1, TAG), dark(ONE, TWO, THREE)),
                TAGGED_LIBRARY,
                LEFT_OUT,
                configs=None,
            ),
        ),
        (
            f"promote-{TAG}",
            Plan(
                f"refs/tags/promote-{TAG}",
                PlanKind.PROMOTE,
                TAG,
                (verify(ONE, TWO, THREE), promote(ONE, TWO, THREE)),
                skipped=LEFT_OUT,
                configs=None,
            ),
        ),
    ],
)
def test_each_kind_of_ref_has_its_pipeline(text: str, plan: Plan) -> None:
    assert plan_ref(parse_ref(text), COMMIT, SCOPE) == plan


def test_without_a_commit_a_build_has_no_version_yet() -> None:
    assert plan_ref(parse_ref("master"), None, SCOPE) == Plan(
        "refs/heads/master",
        PlanKind.TRUNK,
        None,
        (BUILD, publish(None), live(UAT2, None)),
        configs=None,
    )


def test_without_a_commit_a_release_has_its_tags_version() -> None:
    plan = plan_ref(parse_ref(TAG), None, SCOPE)

    assert (plan.version, plan.library_version) == (TAG, None)
    assert plan.stages == (BUILD, publish(None), live(UAT1, TAG), dark(ONE, TWO, THREE))


def test_without_a_library_nothing_is_published() -> None:
    assert plan_ref(parse_ref("master"), COMMIT, NO_LIBRARY).stages == (BUILD, live(UAT2, BUILT))
    assert plan_ref(parse_ref("a"), COMMIT, NO_LIBRARY).stages == (BUILD,)


def test_a_library_whose_name_the_build_makes_is_published_all_the_same() -> None:
    scope = Scope(FLEET, publishes=True)
    assert plan_ref(parse_ref("a"), COMMIT, scope).stages == (BUILD, publish(BUILT_LIBRARY, None))


def test_a_pull_request_by_the_environments_word_is_only_built() -> None:
    ref = Ref(PlanKind.PULL_REQUEST, "refs/heads/master")
    assert plan_ref(ref, COMMIT, SCOPE).stages == (BUILD,)


def test_a_skipped_uat_is_left_out_with_its_reason() -> None:
    uat = Instance("akvoflow-uat2", Role.UAT2, "akvoflow-uat2", skip="being moved")
    plan = plan_ref(parse_ref("master"), COMMIT, Scope(Fleet((UAT1, uat, ONE))))

    assert plan.stages == (BUILD,)
    assert plan.skipped == (Skipped("akvoflow-uat2", "being moved"),)


def test_a_fleet_without_production_has_no_production_stage() -> None:
    plan = plan_ref(parse_ref(TAG), COMMIT, Scope(Fleet((UAT1, UAT2))))
    assert plan.stages == (BUILD, live(UAT1, TAG))


def test_only_narrows_production_and_names_what_it_leaves_out() -> None:
    scope = Scope(FLEET, only=("akvoflow-3", "akvoflow-1"))
    left_out = (Skipped("akvoflow-2", "not in --only"), *LEFT_OUT)

    release = plan_ref(parse_ref(TAG), COMMIT, scope)
    assert release.stages == (BUILD, live(UAT1, TAG), dark(ONE, THREE))
    assert release.skipped == left_out

    promotion = plan_ref(parse_ref(f"promote-{TAG}"), None, scope)
    assert promotion.stages == (verify(ONE, THREE), promote(ONE, THREE))
    assert promotion.skipped == left_out


@pytest.mark.parametrize("ref", [TAG, f"promote-{TAG}"])
@pytest.mark.parametrize(
    ("only", "why"),
    [
        ("akvoflow-99", "no such instance: akvoflow-99"),
        ("akvoflow-uat1", "instances, not akvoflow-uat1"),
        ("akvoflow-37", "akvoflow-37: closed in 2019"),
    ],
)
def test_only_names_instances_of_production_to_work_on(ref: str, only: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan_ref(parse_ref(ref), COMMIT, Scope(FLEET, only=("akvoflow-1", only)))
    assert why in str(refused.value)


def test_a_version_that_no_host_name_could_carry_is_refused_beforehand() -> None:
    far = Instance("far", Role.PRODUCTION, "a-project", service="a-service-with-a-long-name-indeed")
    with pytest.raises(UsageError, match="DNS allows 63"):
        plan_ref(parse_ref(TAG), COMMIT, Scope(Fleet((UAT1, far))))


def test_promoting_all_leaves_out_what_is_skipped() -> None:
    assert plan_promotion(TAG, ["all"], SCOPE) == Plan(
        None,
        PlanKind.PROMOTE,
        TAG,
        (verify(ONE, TWO, THREE), promote(ONE, TWO, THREE)),
        skipped=LEFT_OUT,
        configs=None,
    )


def test_promoting_some_is_in_the_fleets_order_each_once() -> None:
    names = ["akvoflow-3", "akvoflow-1", "akvoflow-3"]
    assert plan_promotion(TAG, names, SCOPE) == Plan(
        None, PlanKind.PROMOTE, TAG, (verify(ONE, THREE), promote(ONE, THREE)), configs=None
    )


def test_uat_is_promoted_before_production() -> None:
    plan = plan_promotion(TAG, ["akvoflow-2", "akvoflow-uat1"], SCOPE)
    assert plan.stages == (verify(UAT1, TWO), promote(UAT1, kind=StageKind.UAT), promote(TWO))


def test_uat_can_be_promoted_alone() -> None:
    plan = plan_promotion(TAG, ["akvoflow-uat2"], SCOPE)
    assert plan.stages == (verify(UAT2), promote(UAT2, kind=StageKind.UAT))


def test_waves_follow_one_another_and_the_rest_comes_last() -> None:
    waves = (Wave("small"), Wave("empty"), Wave("internal"))
    stages = (
        verify(ONE, TWO, THREE),
        promote(THREE, wave="small"),
        promote(ONE, wave="internal"),
        promote(TWO),
    )
    scope = Scope(FLEET, waves=waves)

    assert plan_promotion(TAG, ["all"], scope).stages == stages
    assert plan_ref(parse_ref(f"promote-{TAG}"), None, scope).stages == stages


def test_a_release_is_deployed_dark_in_no_waves() -> None:
    plan = plan_ref(parse_ref(TAG), COMMIT, Scope(FLEET, waves=(Wave("small"),)))
    assert plan.stages[-1] == dark(ONE, TWO, THREE)


@pytest.mark.parametrize(
    ("stage", "changes"),
    [
        (BUILD, False),
        (publish(None), False),
        (verify(ONE), False),
        (live(UAT1, TAG), True),
        (dark(ONE), True),
        (promote(ONE), True),
    ],
)
def test_which_stages_change_instances(stage: Stage, changes: bool) -> None:
    assert stage.changes_instances is changes


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        (BUILD, "build"),
        (promote(ONE, kind=StageKind.UAT), "uat"),
        (promote(ONE), "production"),
        (promote(ONE, wave="small"), "production:small"),
    ],
)
def test_a_stages_name_is_its_kind_and_its_wave(stage: Stage, name: str) -> None:
    assert stage.name == name


def test_a_plans_steps_and_instances_in_order() -> None:
    plan = plan_promotion(TAG, ["akvoflow-2", "akvoflow-1"], SCOPE)

    assert plan.steps == (*verify(ONE, TWO).steps, *promote(ONE, TWO).steps)
    assert list(plan.steps_of(Verify)) == list(verify(ONE, TWO).steps)
    assert plan.has(Verify)
    assert not plan.has(Build)
    assert plan.instances == (ONE, TWO)


@pytest.mark.parametrize(
    ("names", "fleet", "why"),
    [
        (["all", "akvoflow-1"], FLEET, "`all` cannot be combined"),
        (["akvoflow-9", "akvoflow-8"], FLEET, "no such instance: akvoflow-8, akvoflow-9"),
        (["akvoflow-37"], FLEET, "akvoflow-37: closed in 2019"),
        ([], FLEET, "there is no instance to promote"),
        (["all"], Fleet((UAT1, UAT2, CLOSED)), "there is no instance to promote"),
    ],
)
def test_a_promotion_of_nothing_or_of_the_unknown(names: list[str], fleet: Fleet, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan_promotion(TAG, names, Scope(fleet))
    assert why in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_deploy_is_dark_wherever_and_nothing_else() -> None:
    assert plan_deploy(TAG, ["akvoflow-2", "akvoflow-1"], SCOPE) == Plan(
        None, PlanKind.DEPLOY, TAG, (dark(ONE, TWO),), configs=None
    )
    on_uat = Stage(StageKind.UAT, (Deploy(UAT1, TAG, Traffic.DARK),))
    assert plan_deploy(TAG, ["akvoflow-uat1"], SCOPE).stages == (on_uat,)
    assert plan_deploy(TAG, ["akvoflow-1", "akvoflow-uat1"], SCOPE).stages == (on_uat, dark(ONE))


def revise(instance: Instance, number: int, live: str = TAG) -> tuple[Deploy, Verify, Promote]:
    """The steps of an instance that serves ``live`` and gets a revision of the tag."""
    to = Split.all_to(f"{TAG}-r{number}")
    verify = Verify(instance, to, (Split.all_to(live),))
    return Deploy(instance, to.only, Traffic.DARK), verify, Promote(instance, to)


def test_a_reconfiguration_is_dark_everywhere_then_verified_then_promoted_by_waves() -> None:
    uat, one, two = revise(UAT1, 1), revise(ONE, 1), revise(TWO, 3, f"{TAG}-r2")
    revisions = [
        Revision(UAT1, TAG, f"{TAG}-r1"),
        Revision(ONE, TAG, f"{TAG}-r1"),
        Revision(TWO, f"{TAG}-r2", f"{TAG}-r3"),
    ]
    scope = Scope(FLEET, waves=(Wave("small"), Wave("internal")))
    assert plan_reconfiguration(revisions, scope, LEFT_OUT) == Plan(
        None,
        PlanKind.RECONFIGURE,
        TAG,
        (
            Stage(StageKind.UAT, (uat[0],)),
            Stage(StageKind.PRODUCTION, (one[0], two[0])),
            Stage(StageKind.VERIFY, (uat[1], one[1], two[1])),
            Stage(StageKind.UAT, (uat[2],)),
            Stage(StageKind.PRODUCTION, (one[2],), "internal"),
            Stage(StageKind.PRODUCTION, (two[2],)),
        ),
        skipped=LEFT_OUT,
    )


def test_a_reconfiguration_of_several_versions_is_of_none_of_them() -> None:
    revisions = [Revision(ONE, TAG, f"{TAG}-r1"), Revision(TWO, "v1", "v1-r1")]
    plan = plan_reconfiguration(revisions, SCOPE)
    assert (plan.version, plan.configs) == (None, ())
    assert plan_json(plan, "google")["stages"][0]["steps"] == [
        {"action": "deploy", "instance": "akvoflow-1", "version": f"{TAG}-r1", "traffic": "dark"},
        {"action": "deploy", "instance": "akvoflow-2", "version": "v1-r1", "traffic": "dark"},
    ]
    with pytest.raises(UsageError, match="DNS allows 63"):
        plan_reconfiguration([Revision(ONE, "a" * 52, f"{'a' * 52}-r1")], SCOPE)


def test_a_reconfiguration_that_nothing_needs_has_no_stages() -> None:
    plan = plan_reconfiguration([], SCOPE, LEFT_OUT)
    assert (plan.stages, plan.version, plan.skipped) == ((), None, LEFT_OUT)


def test_a_promotion_takes_the_versions_that_are_chosen_for_instances() -> None:
    plan = plan_promotion(TAG, ["akvoflow-1", "akvoflow-2"], SCOPE)
    _, _, moved = revise(TWO, 2)
    chosen = choose_versions(plan, {TWO.id: f"{TAG}-r2"})
    assert chosen.version == TAG
    assert chosen.stages[0].steps == (verify(ONE).steps[0], Verify(TWO, moved.to))
    assert chosen.stages[1].steps == (promote(ONE).steps[0], moved)
    assert choose_versions(plan, {}) == plan


@pytest.mark.parametrize(
    ("names", "version", "why"),
    [
        (["all"], TAG, "no such instance: all"),
        (["akvoflow-37"], TAG, "akvoflow-37: closed in 2019"),
        (["akvoflow-1"], "a" * 63, "63"),
    ],
)
def test_a_deploy_to_the_unknown_the_skipped_or_the_unreachable(
    names: list[str], version: str, why: str
) -> None:
    with pytest.raises(UsageError) as refused:
        plan_deploy(version, names, SCOPE)
    assert why in str(refused.value)


def test_a_release_as_json() -> None:
    plan = plan_ref(parse_ref(TAG), COMMIT, SCOPE)

    assert plan_json(plan, "google") == {
        "schema": 1,
        "target": "google",
        "ref": "refs/tags/20200403-073034",
        "kind": "release",
        "version": "20200403-073034",
        "library_version": "20200403-073034.1a2b3c4d",
        "stages": [
            {"name": "build", "steps": [{"action": "build"}]},
            {
                "name": "publish",
                "steps": [
                    {
                        "action": "publish",
                        "library": "org.akvo.flow:akvo-flow",
                        "version": "20200403-073034.1a2b3c4d",
                    }
                ],
            },
            {
                "name": "uat",
                "steps": [{"action": "deploy", "instance": "akvoflow-uat1", "traffic": "live"}],
            },
            {
                "name": "production",
                "steps": [
                    {"action": "deploy", "instance": "akvoflow-1", "traffic": "dark"},
                    {"action": "deploy", "instance": "akvoflow-2", "traffic": "dark"},
                    {"action": "deploy", "instance": "akvoflow-3", "traffic": "dark"},
                ],
            },
        ],
        "skipped": [{"instance": "akvoflow-37", "reason": "closed in 2019"}],
        "configs": None,
    }


def test_a_promotion_as_json() -> None:
    plan = plan_promotion(TAG, ["akvoflow-1"], SCOPE)

    assert plan_json(plan, "http://127.0.0.1:8080") == {
        "schema": 1,
        "target": "http://127.0.0.1:8080",
        "ref": None,
        "kind": "promote",
        "version": "20200403-073034",
        "library_version": None,
        "stages": [
            {"name": "verify", "steps": [{"action": "verify", "instance": "akvoflow-1"}]},
            {"name": "production", "steps": [{"action": "promote", "instance": "akvoflow-1"}]},
        ],
        "skipped": [],
        "configs": None,
    }


def test_what_is_known_after_the_build_is_null() -> None:
    document = plan_json(plan_ref(parse_ref("a"), None, Scope(FLEET, publishes=True)), "google")

    assert (document["version"], document["library_version"]) == (None, None)
    assert document["stages"][1]["steps"] == [
        {"action": "publish", "library": None, "version": None}
    ]


def test_configuration_files_bring_steps_around_deploys_and_promotions() -> None:
    files = ("queue.yaml", "WEB-INF/appengine-generated/cron.yaml")
    release = plan_ref(parse_ref(TAG), COMMIT, SCOPE)
    uat, production = add_configuration_steps(release, files).stages[-2:]
    assert uat.steps == (
        Configure(UAT1, Phase.ADD, TAG),
        Deploy(UAT1, TAG, Traffic.LIVE),
        Configure(UAT1, Phase.AFTER_TRAFFIC, TAG),
    )
    assert production.steps[:2] == (
        Configure(ONE, Phase.ADD, TAG),
        Deploy(ONE, TAG, Traffic.DARK),
    )
    promotion = add_configuration_steps(plan_promotion(TAG, ["akvoflow-1"], SCOPE), files)
    assert promotion.stages[1].steps == (
        Configure(ONE, Phase.BEFORE_TRAFFIC, TAG),
        Promote(ONE, Split.all_to(TAG)),
        Configure(ONE, Phase.AFTER_TRAFFIC, TAG),
    )


@pytest.mark.parametrize(
    ("files", "actions"),
    [
        ((), ["deploy"]),
        (("index.yaml",), ["configure", "deploy"]),
        (("dispatch.yaml",), ["deploy"]),
    ],
)
def test_only_what_is_due_has_a_step(files: tuple[str, ...], actions: list[str]) -> None:
    dark_only = plan_deploy(TAG, ["akvoflow-1"], SCOPE)
    [stage] = add_configuration_steps(dark_only, files).stages
    assert [action(step) for step in stage.steps] == actions


def test_what_an_earlier_build_had_is_planned_anew() -> None:
    plan = plan_ref(parse_ref(TAG), COMMIT, SCOPE)
    stale = add_configuration_steps(plan, ("queue.yaml", "index.yaml"))
    assert add_configuration_steps(stale, ()) == replace(plan, configs=())
    assert add_configuration_steps(stale, ("cron.yaml",)) == add_configuration_steps(
        plan, ("cron.yaml",)
    )


def test_a_rollback_takes_the_configuration_back_around_the_traffic() -> None:
    phases = {Phase.BEFORE_TRAFFIC: ("r1",), Phase.AFTER_TRAFFIC: ("r1", "r2")}
    back = Split.all_to("v1")
    plan = plan_rollback([Restoration(ONE, back, (Split.all_to(TAG),), "r1", phases)])
    assert plan.stages[1].steps == (
        Configure(ONE, Phase.BEFORE_TRAFFIC, undoes=("r1",)),
        Promote(ONE, back, undoes="r1"),
        Configure(ONE, Phase.AFTER_TRAFFIC, undoes=("r1", "r2")),
    )
    assert add_configuration_steps(plan, ("queue.yaml",)) == plan
