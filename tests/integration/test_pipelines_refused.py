"""What is looked at before the first change: where a check says no, nothing is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
EARLIER = "20200402-101500"


def _findings(report: Any) -> list[str]:
    """The details of a refusal."""
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert report["error"]["code"] == "REFUSED"
    found: list[str] = report["error"]["details"]
    return found


def _nothing_was_changed(project: Project) -> None:
    assert project.remote.changes() == []


def _from_now(project: Project) -> None:
    """Let the sandbox forget what was asked of it until here."""
    project.remote.call("DELETE", "/_sandbox/requests")


def test_a_version_that_is_missing_on_one_instance_is_promoted_on_none(project: Project) -> None:
    project.report("run", RELEASE, "--only", "akvoflow-1,akvoflow-2,akvoflow-3,akvoflow-4")
    _from_now(project)
    report = project.report("promote", RELEASE, "all")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert project.outline(report)[:5] == [
        *(f"verify akvoflow-{n}: done, dark" for n in (1, 2, 3, 4)),
        "verify akvoflow-5: failed",
    ]
    assert {s["outcome"] for s in report["steps"] if s["action"] == "promote"} == {"not-started"}
    (error,) = (s["error"] for s in report["steps"] if s["error"])
    assert error["message"] == f"version {RELEASE} is not deployed"
    assert "flowdeploy versions --project" in error["hint"]
    _nothing_was_changed(project)


def test_every_instance_on_which_a_version_is_missing_is_named(project: Project) -> None:
    ended = project.run("run", f"promote-{RELEASE}")
    assert ended.code == 4
    for number in (1, 2, 3, 4, 5):
        assert f"akvoflow-{number}" in ended.out
    assert f"version {RELEASE} is not deployed" in ended.out
    _nothing_was_changed(project)


def test_a_version_that_does_not_serve_is_not_promoted(project: Project) -> None:
    fields: dict[str, Any] = {"manualScaling": {"instances": 1}, "servingStatus": "STOPPED"}
    project.remote.put_version("akvoflow-1", "v0", **fields)
    report = project.report("promote", "v0", "akvoflow-1")
    assert report["exit_code"] == 4
    (error,) = (s["error"] for s in report["steps"] if s["error"])
    assert error["message"] == "version v0 is STOPPED, not SERVING"
    assert project.remote.live("akvoflow-1") == {"1": 1}


def test_all_findings_come_at_once(project: Project) -> None:
    """The project of akvoflow-5 has no application, akvoflow-3 is disabled, akvoflow-2 is full."""
    project.edit(
        "config/instances.yaml", "{id: akvoflow-5, role", "{id: akvoflow-5, project: nobody, role"
    )
    project.commit()
    project.git("tag", "20200404-101500")
    project.remote.disable("akvoflow-3")
    for number in range(209):
        project.remote.put_version("akvoflow-2", f"v{number}")
    _from_now(project)
    report = project.report("run", "20200404-101500")
    assert _findings(report) == [
        "akvoflow-2: there are 210 versions, and App Engine allows 210: delete some that no"
        " rollback needs",
        "akvoflow-3: the application is USER_DISABLED: App Engine refuses deployments to it",
        "akvoflow-5: the project has no App Engine application, or may not be seen",
    ]
    assert project.remote.published() == []
    _nothing_was_changed(project)


def test_a_version_with_traffic_and_other_content_is_never_replaced(project: Project) -> None:
    project.report("run", RELEASE)
    project.report("promote", RELEASE, "akvoflow-3")
    project.release(RELEASE, "second ")
    _from_now(project)
    report = project.report("run", RELEASE, "--replace")
    findings = _findings(report)
    assert len(findings) == 1
    assert findings[0].startswith(
        f"akvoflow-3, flow-uat1: version {RELEASE} is live, with different files"
        " (WEB-INF/copy.xml, WEB-INF/web.xml, index.html)"
    )
    _nothing_was_changed(project)


def test_a_dark_version_with_other_content_is_replaced_on_request(project: Project) -> None:
    project.report("run", RELEASE)
    project.report("promote", "1", "flow-uat1")
    project.release(RELEASE, "second ")
    _from_now(project)
    assert "--replace replaces it" in _findings(project.report("run", RELEASE))[0]
    _nothing_was_changed(project)
    report = project.report("run", RELEASE, "--replace")
    assert report["exit_code"] == 0
    assert project.remote.begun("akvoflow-1") == ["CreateVersion", "CreateVersion"]
    assert project.remote.live("akvoflow-1") == {"1": 1}
    assert project.remote.live("flow-uat1") == {RELEASE: 1}


def test_a_services_first_version_would_be_live(project: Project) -> None:
    project.edit(
        "config/instances.yaml", "{id: akvoflow-5, role", "{id: akvoflow-5, service: api, role"
    )
    project.commit()
    project.git("tag", "20200404-101500")
    (finding,) = _findings(project.report("run", "20200404-101500"))
    assert finding.startswith("akvoflow-5: the service has no version yet")
    assert "--first-live" in finding
    _nothing_was_changed(project)
    report = project.report("run", "20200404-101500", "--first-live")
    assert report["exit_code"] == 0
    assert project.outline(report)[-1] == "production akvoflow-5: done, live"
    assert project.remote.live("akvoflow-5", "api") == {"20200404-101500": 1}


def test_an_older_version_goes_live_only_on_request(project: Project) -> None:
    project.report("run", RELEASE)
    _from_now(project)
    (finding,) = _findings(project.report("run", EARLIER))
    assert finding == (
        f"flow-uat1: version {RELEASE} is live and newer than {EARLIER}; --allow-older allows that"
    )
    _nothing_was_changed(project)
    report = project.report("run", EARLIER, "--allow-older")
    assert report["exit_code"] == 0
    assert project.remote.live("flow-uat1") == {EARLIER: 1}


def test_a_promotion_goes_back_without_being_asked_twice_and_says_so(project: Project) -> None:
    project.report("run", EARLIER)
    project.report("run", RELEASE)
    project.report("promote", RELEASE, "akvoflow-3")
    ended = project.run("promote", EARLIER, "akvoflow-3")
    assert ended.code == 0
    assert project.remote.live("akvoflow-3") == {EARLIER: 1}
    assert f"akvoflow-3: goes back from {RELEASE}" in ended.out


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("<groupId>org.akvo.flow</groupId>", "", "groupId"),
        ("<licenses><license><name>AGPL-3.0</name></license></licenses>", "", "license"),
    ],
)
def test_a_library_that_clojars_would_refuse_ends_the_run_before_any_change(
    project: Project, old: str, new: str, finding: str
) -> None:
    project.edit("pom.xml", old, new)
    report = project.report("run", RELEASE, "--allow-dirty")
    assert finding in " ".join(_findings(report))
    assert project.outline(report)[:2] == ["build build: done", "publish publish: not-started"]
    _nothing_was_changed(project)


def test_a_disabled_application_is_not_promoted(project: Project) -> None:
    project.report("run", RELEASE)
    project.remote.disable("akvoflow-4")
    report = project.report("promote", RELEASE, "all")
    assert report["exit_code"] == 4
    assert project.remote.live("akvoflow-1") == {"1": 1}
