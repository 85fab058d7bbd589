from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.sandbox.rehearsal import Fault, Kind
from flowdeploy.sandbox.scenario import Scenario, ScenarioError, load, names, packaged
from flowdeploy.sandbox.state import App, Settings

FULL = """
settings: {latency: 0.05, operation_seconds: 2, fault_rate: 0.1, seed: 7}
apps:
  - {project: akvoflow-1, location: us-central, services: [default, api], versions: [v1, v2]}
  - {project: akvoflow-2, versions: 3, serving_status: USER_DISABLED}
faults:
  - {kind: operation-error, project: akvoflow-1, method: CreateVersion, times: 1}
"""


def test_a_scenario_says_what_exists_how_it_behaves_and_what_goes_wrong() -> None:
    assert load(FULL) == Scenario(
        Settings(latency=0.05, operation_seconds=2, fault_rate=0.1, seed=7),
        (
            App("akvoflow-1", "us-central", ("default", "api"), ("v1", "v2")),
            App("akvoflow-2", versions=("v1", "v2", "v3"), serving_status="USER_DISABLED"),
        ),
        (Fault(Kind.OPERATION_ERROR, "akvoflow-1", "CreateVersion", times=1),),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "a scenario is a mapping"),
        ("colour: red", "apps, faults, settings"),
        ("a: [", "expected"),
        ("settings: {latency: -1}", "`latency` is a number"),
        ("settings: {speed: 1}", "unknown: speed"),
        ("settings: {fault_rate: 2}", "from 0 to 1"),
        ("apps: [{location: us-central}]", "a mapping with a `project`"),
        ("apps: [{project: p, location: [x]}]", "unknown location"),
        ("apps: [{project: p, versions: []}]", "`versions` is a list of texts"),
        ("apps: [{project: p, disabled_apis: 3}]", "`disabled_apis` is a list of texts"),
        ("apps: [{project: p, services: 3}]", "`services` is a list of texts"),
        ("faults: [{kind: gremlin}]", "`kind` is one of"),
        ("faults: [{kind: reset, times: 0}]", "`times` is a whole number"),
        ("faults: {kind: reset}", "a list is needed"),
    ],
)
def test_what_is_no_scenario_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        load(text)


@pytest.mark.parametrize("name", names())
def test_the_scenarios_that_come_along_can_be_loaded(name: str) -> None:
    assert load(packaged(name)) != Scenario()


@given(st.text(max_size=40))
def test_any_text_is_a_scenario_or_is_refused(text: str) -> None:
    assert outcome(text)


def outcome(text: str) -> Scenario | str:
    try:
        return load(text)
    except ScenarioError as error:
        return str(error)
