"""A version with other settings is another version, and one that nobody knows is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks.deploy import (
    BeforeDeploy,
    WantedVersion,
    deploy_objections,
    differences,
    is_deployed,
)
from flowdeploy.planning.plan import Traffic
from flowdeploy.planning.traffic import Split

FILES = {"index.html": "aa"}
WANTED = WantedVersion("2", Traffic.DARK, FILES, {"instanceClass": "F4", "runtime": "java21"})
APP = App("p.ew.r.appspot.com", "staging.p.appspot.com")


def _seen(live: str, **deployed: Any) -> BeforeDeploy:
    there = DeployedVersion("SERVING", FILES, WANTED.settings)
    return BeforeDeploy(APP, Split.all_to(live), 2, replace(there, **deployed))


def test_the_same_files_and_settings_are_the_same_version() -> None:
    assert is_deployed(WANTED, _seen("1"))
    assert deploy_objections(WANTED, _seen("2")) == ()


@pytest.mark.parametrize(
    ("live", "said"), [("1", "--replace replaces it"), ("2", "would replace it under its users")]
)
def test_other_settings_are_another_version(live: str, said: str) -> None:
    seen = _seen(live, settings={"instanceClass": "F1", "runtime": "java21"})
    assert not is_deployed(WANTED, seen)
    (objection,) = deploy_objections(WANTED, seen)
    assert "with instance_class: F1 instead of F4" in objection
    assert said in objection


def test_other_files_and_settings_are_told_in_one_sentence() -> None:
    seen = _seen("1", files={}, settings={"instanceClass": "F1"})
    (objection,) = deploy_objections(WANTED, seen)
    assert "different files (index.html) and instance_class: F1 instead of F4" in objection


def test_what_is_not_grave_makes_no_other_version() -> None:
    seen = _seen("2", settings={"instanceClass": "F4", "runtime": "java17"})
    assert is_deployed(WANTED, seen)
    assert deploy_objections(WANTED, seen) == ()


def test_settings_that_the_server_does_not_tell_are_no_difference() -> None:
    assert differences(WANTED, DeployedVersion("SERVING", FILES, None)) == ()


def test_a_version_with_traffic_whose_files_nobody_knows_is_not_created_again() -> None:
    assert is_deployed(WANTED, _seen("2", files=None))
    assert not is_deployed(WANTED, _seen("1", files=None)), "a dark one may be"
