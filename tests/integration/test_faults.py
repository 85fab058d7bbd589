"""Bad days of Google's: every run ends right, and nothing is made twice."""

from __future__ import annotations

from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from flowdeploy.clients import failures

if TYPE_CHECKING:
    from tests.integration.conftest import Project, Remote

RELEASE = "20200403-073034"
ONE = ["run", RELEASE, "--only", "akvoflow-1"]
VERSIONS = "/v1/apps/akvoflow-1/services/default/versions"
SERVICE = "/v1/apps/akvoflow-1/services/default"
COPIES = "*/rewriteTo/*"
REQUEST_KINDS = ["unavailable", "internal", "quota", "reset", "reset-after", "conflict"]


def _step(report: Any, instance: str, action: str = "deploy") -> Any:
    (step,) = (s for s in report["steps"] if (s["instance"], s["action"]) == (instance, action))
    return step


@pytest.mark.parametrize("kind", REQUEST_KINDS)
def test_a_create_that_is_not_answered_makes_one_version(project: Project, kind: str) -> None:
    project.remote.fault(kind, method="POST", target=VERSIONS, times=1)
    report = project.report(*ONE)
    assert report["exit_code"] == 0
    step = _step(report, "akvoflow-1")
    assert (step["state"], step["attempts"]) == ("dark", 1 if kind == "reset-after" else 2)
    assert project.remote.begun("akvoflow-1") == ["CreateVersion"]
    assert project.remote.live("akvoflow-1") == {"1": 1}


@pytest.mark.parametrize("kind", REQUEST_KINDS)
def test_a_switch_that_is_not_answered_is_made_once(project: Project, kind: str) -> None:
    project.remote.put_version("akvoflow-1", "v0")
    project.remote.fault(kind, method="PATCH", target=SERVICE, times=1)
    report = project.report("promote", "v0", "akvoflow-1")
    assert report["exit_code"] == 0
    assert project.remote.begun("akvoflow-1") == ["CreateVersion", "UpdateService"]
    assert project.remote.live("akvoflow-1") == {"v0": 1}


def test_a_lost_answer_is_waited_for_where_the_operation_goes_on(project: Project) -> None:
    """The create has taken effect on the server, which needs a while for it."""
    project.remote.settings(operation_seconds=1.2)
    project.remote.fault("reset-after", method="POST", target=VERSIONS, times=1)
    report = project.report(*ONE)
    assert report["exit_code"] == 0
    assert project.remote.begun("akvoflow-1") == ["CreateVersion"]
    assert len(project.remote.requests("POST", VERSIONS)) == 1


@pytest.mark.parametrize("kind", ["unavailable", "internal", "quota", "reset"])
def test_reads_and_uploads_are_retried(project: Project, kind: str) -> None:
    project.remote.settings(operation_seconds=0.1)
    targets = ("/v1/apps/akvoflow-1", SERVICE, "/v1/apps/*/operations/*", "/storage/*", COPIES)
    for target in targets:
        project.remote.fault(kind, project="akvoflow-1", target=target, times=1)
    project.remote.fault(kind, project="flow-uat1", target="/upload/*", times=1)
    report = project.report(*ONE)
    assert report["exit_code"] == 0
    assert project.remote.begun("akvoflow-1") == ["CreateVersion"]
    assert project.remote.call("GET", "/_sandbox/faults")["faults"] == []


def test_an_operation_that_ends_in_an_internal_error_is_begun_again(project: Project) -> None:
    project.remote.fault("operation-error", project="akvoflow-1", times=1)
    report = project.report(*ONE)
    assert (report["exit_code"], _step(report, "akvoflow-1")["attempts"]) == (0, 2)
    assert project.remote.begun("akvoflow-1") == ["CreateVersion", "CreateVersion"]


def test_a_change_that_a_quota_refuses_for_too_long_is_known_not_to_be_made(
    fleet: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "QUOTA_PATIENCE", 0.1)
    fleet.remote.fault("quota", method="PATCH", target=SERVICE)
    report = fleet.report("promote", "v2", "akvoflow-1")
    step = _step(report, "akvoflow-1", "promote")
    assert (report["exit_code"], report["outcome"]) == (1, "failed")
    assert (step["outcome"], step["state"]) == ("failed", "dark")
    assert step["error"]["code"] == "RESOURCE_EXHAUSTED"
    assert "Quota exceeded" in step["error"]["message"]
    assert len(fleet.remote.requests("PATCH", SERVICE)) == 2


@pytest.mark.slow
def test_an_operation_that_always_ends_in_an_error_is_the_instances_failure(
    project: Project,
) -> None:
    project.remote.fault("operation-error", project="akvoflow-2")
    report = project.report("run", RELEASE, "--max-failures", "1")
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    failed = _step(report, "akvoflow-2")
    assert (failed["outcome"], failed["state"]) == ("failed", None), "a look shows nothing there"
    assert failed["error"]["code"] == "INTERNAL"
    assert failed["error"]["message"] == "An internal error occurred."
    assert failed["error"]["hint"]
    for number in (1, 3, 4, 5):
        assert _step(report, f"akvoflow-{number}")["outcome"] == "done"


def _begin_somebody_elses_deploy(remote: Remote, project: str, version: str, seconds: float) -> str:
    remote.settings(operation_seconds=seconds)
    container = {"container": {"image": "gcr.io/somebody/else"}}
    body = {"id": version, "runtime": "java21", "deployment": container}
    path = f"/v1/apps/{project}/services/default/versions"
    name: str = remote.call("POST", path, body)["name"]
    remote.settings(operation_seconds=0)
    return name


def _end_it_once_it_is_looked_at(remote: Remote, name: str) -> None:
    for _ in range(600):
        if remote.requests("GET", f"/v1/{name}"):
            break
        sleep(0.05)
    remote.call("POST", "/_sandbox/clock", {"advance": 600})


def test_somebody_elses_operation_is_waited_for(project: Project) -> None:
    """A deploy of the very version that is promoted has been begun over it."""
    project.remote.put_version("akvoflow-1", "v0")
    name = _begin_somebody_elses_deploy(project.remote, "akvoflow-1", "v0", seconds=600)
    ending = Thread(target=_end_it_once_it_is_looked_at, args=(project.remote, name))
    ending.start()
    report = project.report("promote", "v0", "akvoflow-1")
    ending.join()
    assert report["exit_code"] == 0
    assert project.remote.live("akvoflow-1") == {"v0": 1}
    assert project.remote.requests("GET", f"/v1/{name}")
    statuses = [r["status"] for r in project.remote.requests("PATCH", SERVICE)]
    assert statuses == [409, 200]


def test_a_failing_instance_does_not_stop_the_others(project: Project) -> None:
    project.remote.fault("permission", project="akvoflow-3", method="POST", target="/v1/*")
    report = project.report("run", RELEASE, "--max-failures", "1")
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    failed = _step(report, "akvoflow-3")
    assert (failed["outcome"], failed["state"]) == ("failed", None)
    assert failed["error"]["code"] == "PERMISSION_DENIED"
    assert failed["error"]["message"] == "The caller does not have permission"
    assert "roles/appengine.deployer" in failed["error"]["hint"]
    done = [s["instance"] for s in report["steps"] if s["outcome"] == "done" and s["instance"]]
    assert done == ["flow-uat1", "akvoflow-1", "akvoflow-2", "akvoflow-4", "akvoflow-5"]


def test_after_too_many_failures_nothing_more_is_begun(project: Project) -> None:
    """Where they fail at their last look, before any waits and lets another one begin."""
    target = "/v1/apps/akvoflow-[12]/services/default"
    project.remote.fault("permission", method="GET", target=target)
    report = project.report("run", RELEASE, "--max-failures", "20%", "--jobs", "1")
    assert report["exit_code"] == 3
    assert project.outline(report)[3:] == [
        "production akvoflow-1: failed",
        "production akvoflow-2: failed",
        *(f"production akvoflow-{n}: not-started" for n in (3, 4, 5)),
    ]


def test_a_failure_in_a_wave_keeps_the_next_waves_as_they_are(project: Project) -> None:
    project.report("run", RELEASE)
    project.remote.fault("permission", project="akvoflow-1", method="PATCH")
    report = project.report("promote", RELEASE, "all")
    assert (report["exit_code"], report["outcome"]) == (1, "failed")
    assert _step(report, "akvoflow-1", "promote")["state"] == "dark"
    assert _step(report, "akvoflow-2", "promote")["outcome"] == "not-started"
    assert project.remote.live("akvoflow-2") == {"1": 1}
    tolerant = project.report("promote", RELEASE, "all", "--max-failures", "1")
    assert (tolerant["exit_code"], tolerant["outcome"]) == (3, "partial")
    assert project.remote.live("akvoflow-5") == {RELEASE: 1}


def test_the_same_command_repairs_a_failed_run(project: Project) -> None:
    project.remote.fault("permission", project="akvoflow-3", method="POST", target="/v1/*")
    assert project.report("run", RELEASE, "--max-failures", "1")["exit_code"] == 3
    project.remote.call("DELETE", "/_sandbox/faults")
    report = project.report("run", RELEASE)
    assert report["exit_code"] == 0
    outcomes = {s["instance"]: s["outcome"] for s in report["steps"] if s["instance"]}
    assert [name for name, outcome in outcomes.items() if outcome == "done"] == ["akvoflow-3"]


def test_a_uat_that_is_deployed_and_not_promoted_keeps_production_as_it_is(
    project: Project,
) -> None:
    project.remote.fault("permission", project="flow-uat1", method="PATCH")
    report = project.report("run", RELEASE)
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    assert _step(report, "flow-uat1")["state"] == "deployed-not-promoted"
    assert project.remote.live("flow-uat1") == {"1": 1}
    assert _step(report, "akvoflow-1")["outcome"] == "not-started"


def test_a_limit_that_only_the_server_knows_is_told_in_its_words(project: Project) -> None:
    project.remote.fault("version-limit", project="akvoflow-1")
    report = project.report(*ONE)
    error = _step(report, "akvoflow-1")["error"]
    assert error["message"].startswith("Your app may not have more than 210 versions.")
    assert "gcloud app versions delete" in error["hint"]


def test_a_check_that_cannot_be_made_refuses_the_run(project: Project) -> None:
    project.remote.fault("permission", project="akvoflow-4", method="GET")
    report = project.report("run", RELEASE)
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    (finding,) = report["error"]["details"]
    assert finding.startswith("akvoflow-4: The caller does not have permission.")
    assert project.remote.begun("flow-uat1") == []


def test_a_staging_bucket_that_may_not_be_written_is_told(project: Project) -> None:
    for target in (COPIES, "/upload/*"):
        project.remote.fault("permission", project="akvoflow-1", method="POST", target=target)
    report = project.report(*ONE)
    assert (report["exit_code"], _step(report, "akvoflow-1")["outcome"]) == (3, "failed")
    assert project.remote.begun("akvoflow-1") == []
