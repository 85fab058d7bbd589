"""``flowdeploy deploy VERSION INSTANCE…``: a released version where it lacks, without a build."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
RECORD = f"gs://staging.flow-uat1.appspot.com/flowdeploy/releases/{RELEASE}.json"


def forget(project: Project, *instances: str) -> None:
    """Delete all staged files of instances' buckets, as their lifecycle rules do in time."""
    for name in instances:
        bucket = f"/storage/v1/b/staging.{name}.appspot.com/o"
        for item in project.remote.call("GET", f"{bucket}?maxResults=1000").get("items", []):
            if "/" not in item["name"]:
                path = f"{project.remote.url}{bucket}/{quote(item['name'], safe='')}"
                assert requests.delete(path, timeout=10).ok


def uploaded(project: Project) -> list[str]:
    """Where files were uploaded to; what is put on record is none of them."""
    uploads = project.remote.requests("POST", "/upload/*")
    return [r["path"] for r in uploads if "name=flowdeploy" not in r["query"]]


@pytest.fixture
def released(project: Project) -> Project:
    """A release that four of five instances have, on a machine without git, build and outputs."""
    project.report("run", RELEASE, "--only", "akvoflow-1,akvoflow-2,akvoflow-3,akvoflow-4")
    project.git("clean", "-qfdX", "target")
    project.leave_git()
    project.write("build.py", "raise SystemExit('the build must not run')")
    project.remote.call("DELETE", "/_sandbox/requests")
    return project


def test_a_release_is_deployed_dark_out_of_its_record(released: Project) -> None:
    report = released.report("deploy", RELEASE, "akvoflow-5")
    assert (report["exit_code"], report["kind"], report["ref"]) == (0, "deploy", None)
    assert report["version"] == RELEASE
    assert released.outline(report) == ["production akvoflow-5: done, dark"]
    assert report["steps"][0]["url"] == (
        "https://20200403-073034-dot-default-dot-akvoflow-5.ew.r.appspot.com"
    )
    assert released.remote.live("akvoflow-5") == {"1": 1}
    assert released.remote.files("akvoflow-5", RELEASE) == (
        released.remote.files("akvoflow-1", RELEASE)
    )
    assert uploaded(released) == []


def test_where_it_is_already_nothing_is_changed(released: Project) -> None:
    report = released.report("deploy", RELEASE, "akvoflow-1,akvoflow-2", "flow-uat1")
    assert released.outline(report) == [
        "uat flow-uat1: unchanged, live",
        "production akvoflow-1: unchanged, dark",
        "production akvoflow-2: unchanged, dark",
    ]
    assert released.remote.changes() == []


def test_people_read_where_it_comes_from(released: Project) -> None:
    ended = released.run("deploy", f"promote-{RELEASE}", "akvoflow-5")
    assert ended.code == 0
    assert f"Release: deployed from {RECORD}: built by " in ended.err
    assert "akvoflow-5" in ended.out


def test_a_dry_run_changes_and_asks_nothing(released: Project) -> None:
    ended = released.run("--format", "json", "deploy", RELEASE, "akvoflow-5", "--dry-run")
    assert ended.code == 0
    assert (ended.json["kind"], ended.json["ref"]) == ("deploy", None)
    assert ended.json["stages"] == [
        {
            "name": "production",
            "steps": [{"action": "deploy", "instance": "akvoflow-5", "traffic": "dark"}],
        }
    ]
    assert released.remote.requests() == []


def test_a_new_customers_first_version_is_live_on_request_alone(released: Project) -> None:
    released.edit(
        "config/instances.yaml", "{id: akvoflow-5, role", "{id: akvoflow-5, service: api, role"
    )
    report = released.report("deploy", RELEASE, "akvoflow-5")
    assert report["exit_code"] == 4
    assert "--first-live" in report["error"]["details"][0]
    report = released.report("deploy", RELEASE, "akvoflow-5", "--first-live")
    assert released.outline(report) == ["production akvoflow-5: done, live"]


def test_an_instance_gets_its_own_settings_as_always(released: Project) -> None:
    released.edit(
        "config/instances.yaml",
        "{id: akvoflow-5, role",
        "{id: akvoflow-5, settings: {instance_class: F4}, role",
    )
    assert released.report("deploy", RELEASE, "akvoflow-5")["exit_code"] == 0
    path = f"/v1/apps/akvoflow-5/services/default/versions/{RELEASE}"
    assert released.remote.call("GET", path)["instanceClass"] == "F4"


def test_a_version_that_was_never_released_is_refused(released: Project) -> None:
    report = released.report("deploy", "20200404-101500", "akvoflow-5")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert report["error"]["message"] == (
        "version 20200404-101500 has no release record: there is no"
        f" {RECORD.replace(RELEASE, '20200404-101500')}"
    )
    assert released.outline(report) == ["production akvoflow-5: not-started"]


def test_files_that_one_bucket_has_lost_come_from_another(released: Project) -> None:
    forget(released, "flow-uat1", "akvoflow-1", "akvoflow-2", "akvoflow-4")
    report = released.report("deploy", RELEASE, "akvoflow-5")
    assert report["exit_code"] == 0
    assert uploaded(released) == []


def test_an_expired_release_is_refused_and_how_to_keep_one_is_said(released: Project) -> None:
    forget(released, "flow-uat1", *(f"akvoflow-{n}" for n in (1, 2, 3, 4)))
    released.remote.call("DELETE", "/_sandbox/requests")
    report = released.report("deploy", RELEASE, "akvoflow-5")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert report["error"]["message"] == (
        f"version {RELEASE} has expired: of its 3 files, 3 are no longer stored"
    )
    assert "`records: gs://BUCKET/PREFIX`" in report["error"]["hint"]
    assert released.remote.changes() == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((RELEASE,), "INSTANCE"),
        ((RELEASE, "akvoflow-37"), "skips instances"),
        ((RELEASE, "akvoflow-6"), "no such instance: akvoflow-6"),
        ((RELEASE, "all"), "no such instance: all"),
        ((RELEASE, ","), "names no instance"),
        (("Not_A_Version", "akvoflow-1"), "not a version id of App Engine"),
    ],
)
def test_what_cannot_be_meant(released: Project, arguments: tuple[str, ...], why: str) -> None:
    report = released.report("deploy", *arguments)
    assert (report["exit_code"], report["kind"], report["steps"]) == (2, "deploy", [])
    assert why in report["error"]["message"]
    assert released.remote.requests() == []
