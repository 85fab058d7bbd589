"""What speaks against giving an instance its traffic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks.promotion import (
    BeforePromotion,
    find_expectation,
    promotion_objections,
    promotion_remarks,
)
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Verify
from flowdeploy.planning.traffic import Split

NEW, OLD = "20200403-073034", "20200402-191702"
APP = App("akvoflow-1.ew.r.appspot.com", "staging.akvoflow-1.appspot.com")
ONE = Instance("akvoflow-1", Role.PRODUCTION, "akvoflow-1")
OWN = "WEB-INF/appengine-web.xml"
FILES = {"app.yaml": "aa", "index.html": "bb", OWN: "of one"}
PROMOTION = Verify(ONE, Split.all_to(NEW))
CANARY = Split({OLD: 0.9, NEW: 0.1}, "COOKIE")
ROLLBACK = Verify(ONE, Split.all_to(OLD), (Split.all_to(NEW), CANARY))


def prospect(files: dict[str, str] | None = FILES, **changed: Any) -> BeforePromotion:
    ready = BeforePromotion(APP, Split.all_to(OLD), {NEW: DeployedVersion(files=files)})
    return replace(ready, **changed)


def found(
    step: Verify, seen: BeforePromotion, *others: BeforePromotion, force: bool = False
) -> tuple[str, ...]:
    return promotion_objections(step, seen, find_expectation((seen, *others), {OWN}, force=force))


def test_nothing_speaks_against_what_is_the_same_everywhere() -> None:
    others = [prospect({**FILES, OWN: f"of {number}"}) for number in range(3)]
    assert found(PROMOTION, prospect(), *others) == ()


def test_a_project_without_an_application() -> None:
    [objection] = found(PROMOTION, BeforePromotion(None))
    assert "no App Engine application" in objection


def test_a_disabled_application_without_the_version() -> None:
    app = replace(APP, serving_status="USER_DISABLED")
    disabled, missing = found(PROMOTION, prospect(app=app, versions={NEW: None}))
    assert "USER_DISABLED" in disabled
    assert missing == f"version {NEW} is not deployed"


def test_a_version_that_does_not_serve() -> None:
    stopped = prospect(versions={NEW: DeployedVersion("STOPPED")})
    assert found(PROMOTION, stopped) == (f"version {NEW} is STOPPED, not SERVING",)


def test_other_files_than_most_instances_have_are_named() -> None:
    odd = prospect({**FILES, "index.html": "cc", "more.html": "dd"})
    [objection] = found(PROMOTION, odd, prospect(), prospect())
    assert "index.html, more.html" in objection
    assert found(PROMOTION, prospect(), odd, prospect()) == ()


def test_the_revisions_of_a_version_have_its_files() -> None:
    odd = prospect({**FILES, "index.html": "cc"})
    same, other = (
        replace(each, versions={f"{NEW}-r1": each.versions[NEW]}) for each in (prospect(), odd)
    )
    revision = Verify(ONE, Split.all_to(f"{NEW}-r1"))
    assert found(revision, same, prospect(), prospect()) == ()
    [objection] = found(revision, other, prospect(), prospect())
    assert objection.startswith(f"version {NEW}-r1 has different files (index.html)")


def test_what_the_server_does_not_say_is_told_and_not_refused() -> None:
    untold = prospect(None)
    assert found(PROMOTION, untold, prospect()) == ()
    nothing_known = find_expectation((untold,), {OWN}, force=False)
    [remark] = promotion_remarks(PROMOTION, untold, nothing_known)
    assert "does not say" in remark
    assert promotion_remarks(PROMOTION, prospect(), nothing_known) == ()


@pytest.mark.parametrize("split", [*ROLLBACK.expected, ROLLBACK.to])
def test_a_rollback_finds_what_the_run_left_or_what_is_back_already(split: Split) -> None:
    seen = prospect(split=split, versions={OLD: DeployedVersion(files=FILES)})
    assert found(ROLLBACK, seen) == ()


def test_what_somebody_else_has_moved_is_given_back_only_by_force() -> None:
    seen = prospect(split=Split.all_to("other"), versions={OLD: DeployedVersion(files=FILES)})
    [objection] = found(ROLLBACK, seen)
    assert "traffic is other, expected " in objection
    assert "--force" in objection
    assert found(ROLLBACK, seen, force=True) == ()


def test_every_version_of_a_split_must_be_there() -> None:
    back = Verify(ONE, CANARY)
    seen = prospect(versions={OLD: None, NEW: DeployedVersion(files=FILES)})
    assert found(back, seen) == (f"version {OLD} is not deployed",)


def test_an_instance_gets_back_what_it_served_whatever_others_serve() -> None:
    odd = prospect(versions={OLD: DeployedVersion(files={**FILES, "index.html": "cc"})})
    most = [prospect(versions={OLD: DeployedVersion(files=FILES)}) for _ in range(2)]
    seen = replace(odd, split=Split.all_to(NEW))
    wanted = find_expectation((seen, *most), {OWN}, force=False)
    assert promotion_objections(ROLLBACK, seen, wanted) == ()
    [remark] = promotion_remarks(ROLLBACK, seen, wanted)
    assert "index.html" in remark
