"""One ref of each kind, carried out as far as its pipeline goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
PRODUCTION = [f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)]
HOST = "https://20200403-073034-dot-default-dot-{}.ew.r.appspot.com"


def _url(report: Any, instance: str) -> Any:
    (url,) = {step["url"] for step in report["steps"] if step["instance"] == instance}
    return url


def test_a_release_goes_live_on_uat1_and_dark_on_production(project: Project) -> None:
    report = project.report("run", RELEASE)
    sha8 = project.git("rev-parse", "HEAD")[:8]
    assert {**report, "run": "", "started": "", "seconds": 0, "steps": []} == {
        "schema": 1,
        "run": "",
        "target": project.remote.url,
        "ref": f"refs/tags/{RELEASE}",
        "kind": "release",
        "version": RELEASE,
        "library_version": f"{RELEASE}.{sha8}",
        "outcome": "succeeded",
        "exit_code": 0,
        "started": "",
        "seconds": 0,
        "steps": [],
        "skipped": [{"instance": "akvoflow-37", "reason": "closed in 2019"}],
        "configs": [],
        "remarks": [],
        "error": None,
    }
    assert project.outline(report) == [
        "build build: done",
        "publish publish: done",
        "uat flow-uat1: done, live",
        *(f"production {name}: done, dark" for name in PRODUCTION),
    ]
    assert project.remote.live("flow-uat1") == {RELEASE: 1}
    for name in PRODUCTION:
        assert project.remote.live(name) == {"1": 1}
        assert RELEASE in project.remote.versions(name)
    for name in ("akvoflow-37", "flow-uat2"):
        assert project.remote.versions(name) == ["1"]
    assert project.remote.published() == [f"{RELEASE}.{sha8}"]


def test_every_instance_of_a_release_has_its_url_in_the_report(project: Project) -> None:
    report = project.report("run", f"refs/tags/{RELEASE}")
    assert _url(report, "flow-uat1") == "https://uat1.example.org"
    for name in PRODUCTION:
        assert _url(report, name) == HOST.format(name)


def test_a_step_in_the_report_has_all_that_the_contract_names(project: Project) -> None:
    report = project.report("run", RELEASE)
    (step,) = (s for s in report["steps"] if s["instance"] == "flow-uat1")
    assert isinstance(step.pop("seconds"), float)
    assert step == {
        "stage": "uat",
        "action": "deploy",
        "instance": "flow-uat1",
        "outcome": "done",
        "state": "live",
        "attempts": 1,
        "url": "https://uat1.example.org",
        "previous": {"allocations": {"1": 1}, "shard_by": "UNSPECIFIED"},
        "error": None,
        "notes": [],
    }


def test_what_is_so_already_is_left_as_it_is(project: Project) -> None:
    project.report("run", RELEASE)
    project.remote.call("DELETE", "/_sandbox/requests")
    again = project.report("run", RELEASE)
    assert again["exit_code"] == 0
    assert project.outline(again) == [
        "build build: unchanged",
        "publish publish: unchanged",
        "uat flow-uat1: unchanged, live",
        *(f"production {name}: unchanged, dark" for name in PRODUCTION),
    ]
    assert project.remote.changes() == []


def test_equal_files_are_sent_once_and_copied_to_every_other_app(project: Project) -> None:
    project.report("run", RELEASE)
    copies = "*/rewriteTo/b/staging.akvoflow-1.appspot.com/*"
    assert len(project.remote.requests("POST", copies)) == 3  # of four files two are equal
    project.release("20200404-101500", "second ")
    project.report("run", "20200404-101500")
    assert len(project.remote.requests("POST", copies)) == 5
    assert project.remote.requests("POST", "/upload/storage/v1/b/staging.akvoflow-*") == []


def test_the_trunk_goes_live_on_uat2(project: Project) -> None:
    report = project.report("run", "master")
    sha8 = project.git("rev-parse", "HEAD")[:8]
    version = f"20200403-073034-{sha8}"
    assert (report["kind"], report["version"]) == ("trunk", version)
    assert project.outline(report) == [
        "build build: done",
        "publish publish: done",
        "uat flow-uat2: done, live",
    ]
    assert project.remote.live("flow-uat2") == {version: 1}
    assert project.remote.published() == [f"20200403-073034.{sha8}"]
    assert project.remote.requests(path="/v1/apps/akvoflow-*") == []
    assert project.remote.requests(path="/v1/apps/flow-uat1*") == []


def test_a_branch_is_built_and_published_and_google_is_not_asked(project: Project) -> None:
    report = project.report("run", "my-feature")
    assert (report["ref"], report["kind"]) == ("refs/heads/my-feature", "feature")
    assert project.outline(report) == ["build build: done", "publish publish: done"]
    assert project.remote.requests(path="/v1/*") == []
    assert len(project.remote.published()) == 1


def test_a_branch_with_the_name_of_a_tag_is_a_branch(project: Project) -> None:
    report = project.report("run", f"refs/heads/{RELEASE}")
    assert report["kind"] == "feature"
    assert report["version"] != RELEASE


@pytest.mark.parametrize("ref", ["refs/pull/7/merge", "refs/pull/7/head", "7/merge", "7/head"])
def test_a_pull_request_is_built_and_nobody_is_asked(project: Project, ref: str) -> None:
    report = project.report("run", ref)
    assert report["kind"] == "pull-request"
    assert project.outline(report) == ["build build: done"]
    assert project.remote.requests() == []


@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_EVENT_NAME": "pull_request"},
        {"GITHUB_EVENT_NAME": "pull_request_target"},
        {"SEMAPHORE_GIT_REF_TYPE": "pull-request"},
    ],
)
def test_a_pull_request_of_the_ci_is_one_whatever_its_ref_says(
    project: Project, environ: dict[str, str]
) -> None:
    project.edit("config/instances.yaml", "target/staging", "target/staging\n  env: [CLOJARS_KEY]")
    report = project.report(
        "run", RELEASE, "--allow-dirty", CLOJARS_KEY="k", CLOJARS_PASSWORD="p", **environ
    )
    assert report["kind"] == "pull-request"
    assert project.outline(report) == ["build build: done"]
    assert project.remote.requests() == []
    assert not {"CLOJARS_KEY", "CLOJARS_PASSWORD"} & project.environment.keys()


def test_a_promote_tag_moves_production_and_nothing_else(project: Project) -> None:
    project.report("run", RELEASE)
    report = project.report("run", f"promote-{RELEASE}")
    assert (report["kind"], report["ref"]) == ("promote", f"refs/tags/promote-{RELEASE}")
    assert project.outline(report) == [
        *(f"verify {name}: done, dark" for name in PRODUCTION),
        "production:internal akvoflow-1: done, live",
        "production:small akvoflow-2: done, live",
        *(f"production {name}: done, live" for name in PRODUCTION[2:]),
    ]
    for name in PRODUCTION:
        assert project.remote.live(name) == {RELEASE: 1}
    assert project.remote.live("akvoflow-37") == {"1": 1}
    assert project.remote.begun("flow-uat1") == ["CreateVersion", "UpdateService"]


def test_waves_move_one_after_the_other(project: Project) -> None:
    project.report("run", RELEASE)
    project.report("promote", RELEASE, "all")
    moved = [r["path"].split("/")[3] for r in project.remote.requests("PATCH", "/v1/*akvoflow*")]
    assert moved[:2] == ["akvoflow-1", "akvoflow-2"]
    assert sorted(moved[2:]) == PRODUCTION[2:]


def test_promoting_goes_forward_and_back(project: Project) -> None:
    project.report("run", RELEASE)
    forward = project.report("promote", RELEASE, "all")
    assert (forward["ref"], forward["kind"]) == (None, "promote")
    back = project.report("promote", "1", "all")
    assert back["exit_code"] == 0
    for name in PRODUCTION:
        assert project.remote.live(name) == {"1": 1}
    previous = [s["previous"] for s in back["steps"] if s["action"] == "promote"]
    assert previous == [{"allocations": {RELEASE: 1}, "shard_by": "UNSPECIFIED"}] * 5


def test_promoting_what_is_live_changes_nothing(project: Project) -> None:
    project.report("run", RELEASE)
    project.report("promote", RELEASE, "all")
    project.remote.call("DELETE", "/_sandbox/requests")
    again = project.report("promote", f"promote-{RELEASE}", "all")
    outcomes = {s["outcome"] for s in again["steps"] if s["action"] == "promote"}
    assert (outcomes, again["exit_code"]) == ({"unchanged"}, 0)
    assert project.remote.changes() == []


def test_a_split_over_two_versions_is_replaced_and_reported(project: Project) -> None:
    project.remote.put_version("akvoflow-1", "v0")
    project.remote.split("akvoflow-1", {"1": 0.9, "v0": 0.1})
    report = project.report("promote", "v0", "akvoflow-1")
    assert project.remote.live("akvoflow-1") == {"v0": 1}
    (step,) = (s for s in report["steps"] if s["action"] == "promote")
    assert step["previous"] == {"allocations": {"1": 0.9, "v0": 0.1}, "shard_by": "IP"}


def test_instances_can_be_named_a_uat_among_them(project: Project) -> None:
    project.report("run", RELEASE)
    report = project.report("promote", "1", "flow-uat1,akvoflow-2", "akvoflow-1")
    assert project.outline(report) == [
        "verify flow-uat1: done, dark",
        "verify akvoflow-1: done, live",
        "verify akvoflow-2: done, live",
        "uat flow-uat1: done, live",
        "production:internal akvoflow-1: unchanged, live",
        "production:small akvoflow-2: unchanged, live",
    ]
    assert project.remote.live("flow-uat1") == {"1": 1}


def test_only_narrows_production(project: Project) -> None:
    report = project.report("run", RELEASE, "--only", "akvoflow-5,akvoflow-2", "--only=akvoflow-3")
    deployed = [s["instance"] for s in report["steps"] if s["stage"] == "production"]
    assert deployed == ["akvoflow-2", "akvoflow-3", "akvoflow-5"]
    assert project.remote.live("flow-uat1") == {RELEASE: 1}
    assert project.remote.versions("akvoflow-1") == ["1"]
    assert {"instance": "akvoflow-1", "reason": "not in --only"} in report["skipped"]


def test_only_narrows_a_promote_tag_too(project: Project) -> None:
    project.report("run", RELEASE, "--only", "akvoflow-5")
    report = project.report("run", f"promote-{RELEASE}", "--only", "akvoflow-5")
    assert project.outline(report) == [
        "verify akvoflow-5: done, dark",
        "production akvoflow-5: done, live",
    ]


def test_a_fleet_without_a_library_publishes_nothing(project: Project) -> None:
    project.write("config/instances.yaml", _without_library(project))
    project.commit()
    assert project.outline(project.report("run", "my-feature")) == ["build build: done"]


def _without_library(project: Project) -> str:
    lines = (project.root / "config/instances.yaml").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("library"))


def test_two_services_of_one_project_are_two_instances(project: Project) -> None:
    project.edit(
        "config/instances.yaml",
        "{id: akvoflow-5, role",
        "{id: akvoflow-5, project: akvoflow-4, service: api, role",
    )
    project.commit()
    project.git("tag", "20200404-101500")
    project.remote.put_version("akvoflow-4", "1", service="api")
    report = project.report("run", "20200404-101500")
    assert report["exit_code"] == 0
    assert _url(report, "akvoflow-5") == (
        "https://20200404-101500-dot-api-dot-akvoflow-4.ew.r.appspot.com"
    )
    project.report("promote", "20200404-101500", "akvoflow-5")
    assert project.remote.live("akvoflow-4", "api") == {"20200404-101500": 1}
    assert project.remote.live("akvoflow-4") == {"1": 1}


def test_an_instance_gets_its_own_settings(project: Project) -> None:
    project.edit(
        "config/instances.yaml",
        "{id: akvoflow-3, role",
        "{id: akvoflow-3, settings: {instance_class: F4}, role",
    )
    project.commit()
    project.git("tag", "20200404-101500")
    project.report("run", "20200404-101500")
    path = "/v1/apps/{}/services/default/versions/20200404-101500"
    classes = [
        project.remote.call("GET", path.format(name)).get("instanceClass")
        for name in ("akvoflow-2", "akvoflow-3")
    ]
    assert classes == [None, "F4"]


def test_prebuilt_takes_what_an_earlier_job_has_built(project: Project) -> None:
    project.report("run", "my-feature")
    project.write("build.py", "raise SystemExit('the build must not run')")
    report = project.report("run", RELEASE, "--prebuilt", "--allow-dirty")
    assert report["exit_code"] == 0
    assert project.outline(report)[:2] == ["build build: unchanged", "publish publish: unchanged"]
    assert project.remote.live("flow-uat1") == {RELEASE: 1}
