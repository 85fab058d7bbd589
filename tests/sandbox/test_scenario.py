from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.sandbox.faults import Fault, FaultKind
from flowdeploy.sandbox.scenario import (
    Scenario,
    ScenarioError,
    builtin_names,
    parse_scenario,
    read_builtin,
)
from flowdeploy.sandbox.state import App, Settings

FULL = """
settings: {latency: 0.05, operation_seconds: 2, fault_rate: 0.1, seed: 7}
apps:
  - {project: akvoflow-1, location: us-central, services: [default, api], versions: [v1, v2]}
  - {project: akvoflow-2, versions: 3, serving_status: USER_DISABLED}
faults:
  - {kind: operation-error, project: akvoflow-1, method: CreateVersion, times: 1}
"""


def test_a_scenario_has_settings_applications_and_faults() -> None:
    assert parse_scenario(FULL) == Scenario(
        Settings(latency=0.05, operation_seconds=2, fault_rate=0.1, seed=7),
        (
            App("akvoflow-1", "us-central", ("default", "api"), ("v1", "v2")),
            App("akvoflow-2", versions=("v1", "v2", "v3"), serving_status="USER_DISABLED"),
        ),
        (Fault(FaultKind.OPERATION_ERROR, "akvoflow-1", "CreateVersion", times=1),),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "a scenario must be a mapping"),
        ("colour: red", "apps, faults, settings"),
        ("a: [", "expected"),
        ("settings: {latency: -1}", "`latency` must be a number"),
        ("settings: {speed: 1}", "unknown keys: speed"),
        ("settings: {fault_rate: 2}", "from 0 to 1"),
        ("apps: [{location: us-central}]", "a mapping with a `project`"),
        ("apps: [{project: p, location: [x]}]", "unknown location"),
        ("apps: [{project: p, versions: []}]", "`versions` must be a list of strings"),
        ("apps: [{project: p, disabled_apis: 3}]", "`disabled_apis` must be a list of strings"),
        ("apps: [{project: p, services: 3}]", "`services` must be a list of strings"),
        ("faults: [{kind: gremlin}]", "`kind` must be one of"),
        ("faults: [{kind: reset, times: 0}]", "`times` must be an integer"),
        ("faults: {kind: reset}", "must be a list"),
    ],
)
def test_an_invalid_scenario_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        parse_scenario(text)


@pytest.mark.parametrize("name", builtin_names())
def test_builtin_scenarios_can_be_parsed(name: str) -> None:
    assert parse_scenario(read_builtin(name)) != Scenario()


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    assert outcome(text)


def outcome(text: str) -> Scenario | str:
    try:
        return parse_scenario(text)
    except ScenarioError as error:
        return str(error)
