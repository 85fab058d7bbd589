"""What speaks against a deploy or a promotion."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks.deploy import (
    VERSIONS_PER_APP,
    BeforeDeploy,
    WantedVersion,
    deploy_objections,
    is_deployed,
    is_older,
)
from flowdeploy.checks.findings import Finding, group_findings
from flowdeploy.planning.plan import Traffic
from flowdeploy.planning.traffic import Split

TAG = "20200403-073034"
OLDER, NEWER = "20200402-191702-1a2b3c4d", "20200404-101500"
FILES = {"app.yaml": "aa", "WEB-INF/web.xml": "bb"}
OTHER_FILES = {"app.yaml": "aa", "WEB-INF/web.xml": "cc", "new.txt": "dd"}

APP = App("akvoflow-1.ew.r.appspot.com", "staging.akvoflow-1.appspot.com")
DARK = WantedVersion(TAG, Traffic.DARK, FILES)
LIVE = WantedVersion(TAG, Traffic.LIVE, FILES)
READY = BeforeDeploy(APP, Split.all_to(OLDER), version_count=3)


@pytest.mark.parametrize("wanted", [DARK, LIVE])
def test_nothing_speaks_against_an_ordinary_deploy(wanted: WantedVersion) -> None:
    assert deploy_objections(wanted, READY) == ()


def test_a_project_without_an_application() -> None:
    nothing = BeforeDeploy(None)
    assert "no App Engine application" in deploy_objections(DARK, nothing)[0]


@pytest.mark.parametrize("status", ["USER_DISABLED", "SYSTEM_DISABLED"])
def test_a_disabled_application(status: str) -> None:
    disabled = replace(READY, app=replace(APP, serving_status=status))
    [objection] = deploy_objections(DARK, disabled)
    assert status in objection


def test_no_room_for_another_version() -> None:
    full = replace(READY, version_count=VERSIONS_PER_APP)
    [objection] = deploy_objections(DARK, full)
    assert str(VERSIONS_PER_APP) in objection
    assert deploy_objections(DARK, replace(READY, version_count=VERSIONS_PER_APP - 1)) == ()
    there = replace(full, deployed=DeployedVersion(files=FILES))
    assert deploy_objections(DARK, there) == (), "a version that is there needs no room"


def test_a_dark_version_with_other_content_is_replaced_only_on_demand() -> None:
    other = replace(READY, deployed=DeployedVersion(files=OTHER_FILES))
    [objection] = deploy_objections(DARK, other)
    assert "WEB-INF/web.xml, new.txt" in objection
    assert "--replace" in objection
    assert deploy_objections(replace(DARK, replace=True), other) == ()


def test_a_version_with_traffic_and_other_content_is_never_replaced() -> None:
    serving = BeforeDeploy(
        APP, Split({TAG: 0.1, OLDER: 0.9}), 3, DeployedVersion(files=OTHER_FILES)
    )
    for wanted in (DARK, LIVE, replace(DARK, replace=True), replace(LIVE, replace=True)):
        [objection] = deploy_objections(wanted, serving)
        assert "is live" in objection
        assert "--replace" not in objection


def test_many_differences_are_counted() -> None:
    files = {f"{n}.txt": "aa" for n in range(10)}
    [objection] = deploy_objections(DARK, replace(READY, deployed=DeployedVersion(files=files)))
    assert "(0.txt, 1.txt, 2.txt and 9 more)" in objection


@pytest.mark.parametrize("split", [Split.all_to(OLDER), Split.all_to(TAG)])
@pytest.mark.parametrize("files", [FILES, None])
def test_the_same_content_or_content_that_is_not_told_is_no_objection(
    split: Split, files: dict[str, str] | None
) -> None:
    assert deploy_objections(DARK, BeforeDeploy(APP, split, 3, DeployedVersion(files=files))) == ()


def test_a_version_is_deployed_if_it_has_just_these_files() -> None:
    assert is_deployed(DARK, replace(READY, deployed=DeployedVersion(files=dict(FILES))))
    assert not is_deployed(DARK, READY)
    assert not is_deployed(DARK, replace(READY, deployed=DeployedVersion(files=OTHER_FILES)))
    assert not is_deployed(DARK, replace(READY, deployed=DeployedVersion(files=None)))


def test_the_first_version_of_a_service_would_be_live() -> None:
    empty = BeforeDeploy(APP)
    [objection] = deploy_objections(DARK, empty)
    assert "--first-live" in objection
    assert deploy_objections(replace(DARK, first_live=True), empty) == ()
    assert deploy_objections(LIVE, empty) == (), "it is to be live anyway"


def test_going_back_is_done_on_demand() -> None:
    newer = replace(READY, split=Split({NEWER: 0.5, OLDER: 0.5}))
    [objection] = deploy_objections(LIVE, newer)
    assert NEWER in objection
    assert "--allow-older" in objection
    assert deploy_objections(replace(LIVE, allow_older=True), newer) == ()
    assert deploy_objections(DARK, newer) == (), "a dark version is behind nobody"


def test_all_objections_are_made_at_once() -> None:
    seen = BeforeDeploy(
        replace(APP, serving_status="USER_DISABLED"),
        Split.all_to(NEWER),
        VERSIONS_PER_APP,
    )
    assert len(deploy_objections(LIVE, seen)) == 3


@pytest.mark.parametrize(
    ("version", "other", "older"),
    [
        (OLDER, TAG, True),
        (TAG, NEWER, True),
        (NEWER, TAG, False),
        (TAG, TAG, False),
        (TAG, f"{TAG}-1a2b3c4d", False),
        (TAG, f"{TAG}-r1", True),
        (f"{TAG}-r9", f"{TAG}-r10", True),
        (f"{TAG}-r10", f"{TAG}-r9", False),
        (f"{TAG}-r1", f"{TAG}-1a2b3c4d", False),
        (f"{TAG}-r1", NEWER, True),
        (f"{OLDER}-r7", TAG, True),
        ("v1-r1", "v1", False),
        ("v1", "v1-r1", True),
        ("1", TAG, False),
        (TAG, "zzz", False),
        ("20200403-0730340", NEWER, False),  # no time: a digit too many
    ],
)
def test_which_version_is_older(version: str, other: str, older: bool) -> None:
    assert is_older(version, other) is older


@given(st.datetimes(), st.datetimes())
def test_the_older_of_two_versions_is_the_one_of_the_earlier_second(
    one: object, other: object
) -> None:
    first, second = (f"{moment:%Y%m%d-%H%M%S}".zfill(15) for moment in (one, other))
    assert is_older(first, second) == (first < second)


def test_equal_findings_share_a_line() -> None:
    assert group_findings(
        [
            Finding("akvoflow-1", "not deployed"),
            Finding("akvoflow-2", "STOPPED"),
            Finding("akvoflow-3", "not deployed"),
        ]
    ) == ("akvoflow-1, akvoflow-3: not deployed", "akvoflow-2: STOPPED")
