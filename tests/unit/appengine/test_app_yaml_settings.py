"""An instance's own settings over app.yaml's."""

from __future__ import annotations

from typing import Any

import pytest

from flowdeploy.appengine.app_yaml import AppYaml, parse, with_settings
from flowdeploy.errors import Refused

APP = parse(
    """
runtime: java21
instance_class: F1
automatic_scaling: {max_instances: 5}
env_variables: {A: a, B: b}
zones: [a]
""",
    "app.yaml",
)


def settled(**settings: Any) -> AppYaml:
    return with_settings(APP, settings, "akvoflow-1")


def test_a_scaling_block_replaces_the_block_of_whatever_kind() -> None:
    fields = settled(basic_scaling={"max_instances": 2}).fields
    assert "automaticScaling" not in fields
    assert fields["basicScaling"] == {"maxInstances": 2}
    assert settled(automatic_scaling={"min_instances": 1}).fields["automaticScaling"] == {
        "standardSchedulerSettings": {"minInstances": 1}
    }


def test_environment_variables_are_merged_by_name() -> None:
    found = settled(env_variables={"B": True, "C": "c"})
    assert found.fields["envVariables"] == {"A": "a", "B": "True", "C": "c"}


def test_any_other_key_replaces_and_an_empty_one_removes() -> None:
    assert settled(instance_class="F4").fields["instanceClass"] == "F4"
    assert "instanceClass" not in settled(instance_class=None).fields
    assert settled(inbound_services=["warmup"]).fields["instanceClass"] == "F1"


def test_every_setting_knows_where_it_came_from() -> None:
    found = settled(instance_class="F4", env_variables={"B": "x"})
    assert found.origins == {
        "runtime": "app.yaml",
        "instance_class": "akvoflow-1",
        "automatic_scaling": "app.yaml",
        "env_variables.A": "app.yaml",
        "env_variables.B": "akvoflow-1",
        "zones": "app.yaml",
    }
    assert found.warnings == APP.warnings


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"service": "x"}, "akvoflow-1: service cannot be set here"),
        ({"skip_files": "x"}, "akvoflow-1: skip_files cannot be set here"),
        ({"runtime": "java17"}, "akvoflow-1: runtime cannot differ from app.yaml"),
        ({"threadsafe": True}, "akvoflow-1: threadsafe has no meaning with java21"),
        ({"instance_clas": "F1"}, "akvoflow-1: instance_clas is no key of app.yaml"),
        (
            {"automatic_scaling": {"max_instances": "x"}},
            "akvoflow-1: automatic_scaling.max_instances cannot be 'x'",
        ),
        ({"env_variables": 5}, "akvoflow-1: env_variables cannot be 5"),
        (
            {"basic_scaling": {"max_instances": 1}, "manual_scaling": {"instances": 1}},
            "akvoflow-1: manual_scaling stands beside basic_scaling",
        ),
    ],
)
def test_settings_are_judged_like_app_yaml(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(Refused) as refused:
        settled(**settings)
    assert any(detail.startswith(found) for detail in refused.value.details)


def test_no_settings_change_nothing() -> None:
    assert settled() == APP
