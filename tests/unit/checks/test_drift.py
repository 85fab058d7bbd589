"""Where a version is not what was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.checks import drift
from flowdeploy.checks.drift import MASK, Difference
from flowdeploy.clients.version_settings import version_settings

_names = st.sampled_from(["envVariables", "handlers", "instanceClass", "x", "y", "z"])
_plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=10,
)
_versions = st.dictionaries(_names, _values, max_size=4)


def _scaled(**settings: Any) -> dict[str, Any]:
    return {"automaticScaling": {"standardSchedulerSettings": settings}}


def test_a_field_is_told_by_the_name_that_app_yaml_has_for_it() -> None:
    (found,) = drift.compare_settings(_scaled(maxInstances=10), _scaled(maxInstances=5))
    assert found == Difference("automatic_scaling.max_instances", 5, 10)
    assert str(found) == "automatic_scaling.max_instances: 5 instead of 10"
    assert found.is_grave


def test_what_the_server_fills_in_is_no_difference() -> None:
    filled = {**_scaled(maxInstances=10, minInstances=1), "instanceClass": "F1"}
    assert drift.compare_settings(_scaled(maxInstances=10), filled) == ()


def test_another_way_to_scale_is_a_difference_of_all_that_was_asked_for() -> None:
    found = drift.compare_settings({"basicScaling": {"maxInstances": 2}}, _scaled(maxInstances=2))
    assert found == (Difference("basic_scaling.max_instances", None, 2),)


def test_a_way_into_a_vpc_is_compared_field_by_field_and_missed_where_nobody_wants_it() -> None:
    there = {"vpcAccess": {"networkInterfaces": [{"subnet": "a", "tags": ["x", "y"]}]}}
    asked = {"vpcAccess": {"networkInterfaces": [{"subnet": "b", "tags": ["y", "x"]}]}}
    found = drift.compare_settings(asked, there)
    assert found == (Difference("vpc_access.network_interfaces.0.subnet", "a", "b"),)
    (surplus,) = drift.compare_settings({}, there)
    assert (surplus.field, surplus.wanted) == ("vpc_access.network_interfaces", None)


def test_the_environment_is_compared_as_a_whole_and_never_shown() -> None:
    asked = {"envVariables": {"camelCase": "s3cret", "MISSING": "s3cret", "SAME": "", "EMPTY": ""}}
    there = {"envVariables": {"camelCase": "0ther", "SURPLUS": "s3cret", "SAME": "", "EMPTY": "x"}}
    found = drift.compare_settings(asked, there)
    assert found == (
        Difference("env_variables.camelCase", MASK, MASK),
        Difference("env_variables.MISSING", None, MASK),
        Difference("env_variables.EMPTY", MASK, MASK),
        Difference("env_variables.SURPLUS", MASK, None),
    )
    assert drift.compare_settings({}, there) != (), "an environment that nobody wants any more"
    assert "s3cret" not in repr(found)


def test_handlers_are_compared_one_by_one_and_as_far_as_they_are_asked_for() -> None:
    asked = {"handlers": [{"urlRegex": "/a"}, {"urlRegex": "/b"}]}
    filled = {"handlers": [{"urlRegex": "/a", "login": "LOGIN_OPTIONAL"}, {"urlRegex": "/c"}]}
    (found,) = drift.compare_settings(asked, filled)
    assert found == Difference("handlers.1.url_regex", "/c", "/b")
    assert not found.is_grave
    (found,) = drift.compare_settings(asked, {"handlers": []})
    assert found.field == "handlers"


def test_the_order_of_plain_values_means_nothing() -> None:
    assert (
        drift.compare_settings({"inboundServices": ["A", "B"]}, {"inboundServices": ["B", "A"]})
        == ()
    )
    assert drift.compare_settings({"inboundServices": ["A"]}, {"inboundServices": ["A", "B"]}) != ()


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        (_scaled(minInstances=0), _scaled()),
        (_scaled(minInstances=0), {}),
        ({"automaticScaling": {"maxIdleInstances": 0}}, {}),
        ({"threadsafe": False}, {"threadsafe": False}),
    ],
)
def test_a_zero_is_what_is_absent(asked: dict[str, Any], there: dict[str, Any]) -> None:
    assert drift.compare_settings(version_settings(asked), version_settings(there)) == ()


def test_a_zero_that_was_asked_for_is_compared_and_told_but_makes_no_other_version() -> None:
    asked = {**_scaled(minInstances=0), "appEngineApis": False}
    there = {**_scaled(minInstances=3), "appEngineApis": True}
    found = drift.compare_settings(version_settings(asked), version_settings(there))
    assert {str(each): each.is_grave for each in found} == {
        "automatic_scaling.min_instances: 3 instead of 0": False,
        "app_engine_apis: True instead of False": False,
    }


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ({"instanceClass": "F1", **_scaled(maxInstances=20)}, []),
        ({"instanceClass": "B2"}, []),
        ({"instanceClass": "F4"}, ["instance_class: F4 instead of unset"]),
        ({"manualScaling": {"instances": 2}}, ["manual_scaling.instances: 2 instead of unset"]),
        ({"serviceAccount": "p@appspot.gserviceaccount.com"}, []),
    ],
)
def test_what_nobody_asks_for_any_more_and_no_server_chooses(
    there: dict[str, Any], told: list[str]
) -> None:
    found = drift.compare_settings({"runtime": "java21"}, {"runtime": "java21", **there})
    assert list(map(str, found)) == told
    assert all(each.is_grave for each in found)


def test_an_empty_command_is_nothing_to_insist_on() -> None:
    assert drift.compare_settings({"entrypoint": {"shell": ""}}, {}) == ()


@given(_versions)
def test_a_version_does_not_differ_from_itself(version: dict[str, Any]) -> None:
    assert drift.compare_settings(version, version) == ()


@given(_versions, _versions)
def test_what_is_only_on_the_server_is_the_environment_or_a_class_or_nothing(
    asked: dict[str, Any], there: dict[str, Any]
) -> None:
    for found in drift.compare_settings(asked, there):
        first = found.field.partition(".")[0]
        named = {drift.app_yaml_name([name]) for name in asked}
        assert first in {"env_variables", "instance_class", *named}


def test_manifests_differ_in_paths() -> None:
    ours, theirs = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}
    (found,) = drift.compare_files(ours, theirs)
    assert found == Difference(
        "files", {"b": "9", "c": None, "d": "4"}, {"b": "2", "c": "3", "d": None}
    )
    assert str(found) == "different files (b, c, d)"
    assert found.is_grave
    assert drift.compare_files(ours, dict(ours)) == ()


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (
            {"automaticScaling": {"minPendingLatency": "0.03s"}},
            {"automaticScaling": {"minPendingLatency": "0.030s"}},
        ),
        (
            {"handlers": [{"urlRegex": "/", "securityLevel": "SECURE_ALWAYS"}]},
            {"handlers": [{"securityLevel": 3, "urlRegex": "/"}]},
        ),
        ({"inboundServices": ["INBOUND_SERVICE_WARMUP"]}, {"inboundServices": [9]}),
        (
            _scaled(maxInstances=10, minInstances=0, targetCpuUtilization=1),
            _scaled(maxInstances="10", targetCpuUtilization=1.0),
        ),
        ({"threadsafe": False}, {"createdBy": "x", "ofTomorrow": {"a": 1}}),
        ({"defaultExpiration": "600s"}, {"defaultExpiration": "600.000s"}),
    ],
)
def test_there_is_one_way_to_write_a_value(asked: dict[str, Any], answered: dict[str, Any]) -> None:
    assert drift.compare_settings(version_settings(asked), version_settings(answered)) == ()


def test_texts_that_look_like_durations_are_texts() -> None:
    asked, answered = {"envVariables": {"A": "0.03s"}}, {"envVariables": {"A": "0.030s"}}
    assert drift.compare_settings(version_settings(asked), version_settings(answered)) != ()
