"""A plan that was written down is the same plan when it is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.errors import UsageError
from flowdeploy.planning.configure_steps import add_configuration_steps
from flowdeploy.planning.fleet import Fleet, Instance, Role, Wave
from flowdeploy.planning.pipelines import (
    Restoration,
    Revision,
    Scope,
    choose_versions,
    plan_promotion,
    plan_reconfiguration,
    plan_ref,
    plan_rollback,
)
from flowdeploy.planning.plan import Gradual, Phase, Plan, PlanKind
from flowdeploy.planning.plan_json import parse_plan, plan_json
from flowdeploy.planning.refs import Commit, parse_ref
from flowdeploy.planning.traffic import Split
from flowdeploy.units import Portion

COMMIT = Commit("1a2b3c4d" * 5, datetime(2020, 4, 3, 7, 30, 34, tzinfo=UTC))
FLEET = Fleet(
    (
        Instance("uat1", Role.UAT1, "flow-uat1"),
        Instance("uat2", Role.UAT2, "flow-uat2"),
        Instance("one", Role.PRODUCTION, "flow-1", wave="internal"),
        Instance("two", Role.PRODUCTION, "flow-2", service="web"),
        Instance("closed", Role.PRODUCTION, "flow-3", skip="closed in 2019"),
    )
)
WAVES = (Wave("internal", Portion(10, percent=True), 600.0),)
SCOPE = Scope(FLEET, waves=WAVES, publishes=True, library="org:flow")
SPLITS = st.sampled_from(
    [Split.all_to("v1"), Split({"v1": 0.25, "v2": 0.75}, "COOKIE"), Split({"v2": 1.0}, "IP")]
)
GRADUAL = st.none() | st.builds(
    Gradual,
    st.sampled_from([(10.0, 50.0, 100.0), (0.5,)]),
    st.sampled_from(["COOKIE", "IP"]),
    st.sampled_from([0.0, 300.0]),
)
CONFIGURED = st.dictionaries(
    st.sampled_from([Phase.BEFORE_TRAFFIC, Phase.AFTER_TRAFFIC]), st.just(("r", "s"))
)
UNDOS = st.lists(
    st.builds(
        Restoration,
        st.sampled_from(FLEET.instances),
        SPLITS,
        st.lists(SPLITS).map(tuple),
        st.just("r"),
        CONFIGURED,
    ),
    min_size=1,
    unique_by=lambda undo: undo.instance.id,
)
REVISIONS = st.lists(
    st.builds(
        Revision,
        st.sampled_from(FLEET.instances),
        st.just("v1"),
        st.sampled_from(["v1-r1", "v1-r2", "v2-r1"]),
    ),
    unique_by=lambda revision: revision.instance.id,
)
PLANS = st.one_of(
    st.sampled_from(["a-branch", "master", "20200403-073034", "promote-20200403-073034"]).map(
        lambda ref: plan_ref(parse_ref(ref, "master"), COMMIT, SCOPE)
    ),
    GRADUAL.map(lambda gradual: plan_promotion("v1", ["all"], SCOPE, gradual)),
    GRADUAL.map(
        lambda gradual: choose_versions(
            plan_promotion("v1", ["all"], SCOPE, gradual), {"two": "v1-r2"}
        )
    ),
    REVISIONS.map(lambda revisions: plan_reconfiguration(revisions, SCOPE)),
    UNDOS.map(plan_rollback),
)


@given(PLANS, st.sampled_from([None, (), ("queue.yaml", "cron.yaml")]))
def test_a_plan_comes_back_as_it_was(plan: Plan, files: tuple[str, ...] | None) -> None:
    if files is not None and plan.kind is not PlanKind.RECONFIGURE:  # it has no configuration
        plan = add_configuration_steps(plan, files)
    document = json.loads(json.dumps(plan_json(plan, "google")))
    assert parse_plan(document, FLEET) == plan


def test_an_instance_that_is_gone_is_named() -> None:
    plan = plan_promotion("v1", ["two"], SCOPE)
    document = plan_json(plan, "google")
    with pytest.raises(UsageError, match="two"):
        parse_plan(document, Fleet(FLEET.instances[:3]))


def test_a_plan_of_old_does_not_know_its_configuration_yet() -> None:
    document = plan_json(plan_promotion("v2", ["all"], SCOPE), "google")
    del document["configs"]
    assert parse_plan(document, FLEET).configs is None
