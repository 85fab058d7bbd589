"""Plans: what is printed is what would run, and printing it asks nobody and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
REFS = [
    "master",
    RELEASE,
    f"refs/tags/{RELEASE}",
    f"promote-{RELEASE}",
    "my-feature",
    "refs/pull/7/merge",
    "7/head",
]


def _deploy(instance: str, traffic: str) -> dict[str, Any]:
    return {"action": "deploy", "instance": instance, "traffic": traffic}


def test_the_plan_of_a_release_is_the_contracts(project: Project) -> None:
    library_version = f"{RELEASE}.{project.git('rev-parse', 'HEAD')[:8]}"
    assert project.run("plan", RELEASE, "--format", "json").json == {
        "schema": 1,
        "target": project.remote.url,
        "ref": f"refs/tags/{RELEASE}",
        "kind": "release",
        "version": RELEASE,
        "library_version": library_version,
        "stages": [
            {"name": "build", "steps": [{"action": "build"}]},
            {
                "name": "publish",
                "steps": [
                    {
                        "action": "publish",
                        "library": "org.akvo.flow:akvo-flow",
                        "version": library_version,
                    }
                ],
            },
            {"name": "uat", "steps": [_deploy("flow-uat1", "live")]},
            {
                "name": "production",
                "steps": [_deploy(f"akvoflow-{n}", "dark") for n in (1, 2, 3, 4, 5)],
            },
        ],
        "skipped": [{"instance": "akvoflow-37", "reason": "closed in 2019"}],
        "configs": None,
        "settings": None,
    }


def test_a_promotions_stages_are_verify_and_production_by_waves(project: Project) -> None:
    plan = project.run("plan", f"promote-{RELEASE}", "--format", "json").json
    assert {stage["name"]: [s["instance"] for s in stage["steps"]] for stage in plan["stages"]} == {
        "verify": [f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)],
        "production:internal": ["akvoflow-1"],
        "production:small": ["akvoflow-2"],
        "production": ["akvoflow-3", "akvoflow-4", "akvoflow-5"],
    }
    actions = {s["action"] for stage in plan["stages"][1:] for s in stage["steps"]}
    assert actions == {"promote"}


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("ref", REFS)
def test_a_dry_run_is_the_plan(project: Project, ref: str, form: str) -> None:
    plan = project.run("plan", ref, "--format", form)
    assert plan.code == 0
    assert project.run("run", ref, "--dry-run", "--format", form) == plan


def test_planning_sends_no_request_and_writes_no_file(project: Project) -> None:
    for ref in REFS:
        assert project.run("plan", ref).code == 0
    assert project.remote.requests() == []
    assert not (project.root / ".flowdeploy").exists()


def test_the_report_has_the_steps_of_the_plan(project: Project) -> None:
    plan = project.run("plan", RELEASE, "--format", "json").json
    report = project.report("run", RELEASE)
    assert [
        (stage["name"], step["action"], step.get("instance"))
        for stage in plan["stages"]
        for step in stage["steps"]
    ] == [(step["stage"], step["action"], step["instance"]) for step in report["steps"]]


def test_what_a_build_will_generate_is_known_after_it(project: Project) -> None:
    (project.root / "pom.xml").unlink()
    plan = project.run("plan", "my-feature", "--format", "json").json
    assert plan["stages"][1]["steps"][0]["library"] is None
    ended = project.run("plan", "my-feature")
    assert "known after build" in ended.out
    assert "tracked files differ from HEAD: pom.xml" in ended.err


def test_a_plan_has_steps_for_the_configuration_files_of_an_earlier_build(
    project: Project,
) -> None:
    for path in ("queue.yaml", "WEB-INF/appengine-generated/cron.yaml"):
        project.write(f"target/staging/{path}", "")
    plan = project.run("plan", RELEASE, "--format", "json").json
    assert plan["configs"] == ["queue.yaml", "WEB-INF/appengine-generated/cron.yaml"]
    uat = next(stage for stage in plan["stages"] if stage["name"] == "uat")
    assert [step["action"] for step in uat["steps"]] == ["configure", "deploy", "configure"]
    assert [step.get("phase") for step in uat["steps"]] == ["add", None, "after-traffic"]


def test_a_folder_that_is_left_over_says_nothing_of_a_run(project: Project) -> None:
    project.write("target/staging/queue.yaml", "")
    assert project.run("plan", "my-feature", "--format", "json").json["configs"] == []
    assert project.report("run", "my-feature", "--allow-dirty")["configs"] == []
    project.edit("config/instances.yaml", "[python3 build.py]", '["false"]')
    report = project.report("run", RELEASE, "--allow-dirty")
    assert (report["exit_code"], report["configs"]) == (1, [])


def test_a_promotion_can_be_planned_by_version(project: Project) -> None:
    plan = project.run("promote", RELEASE, "all", "--dry-run", "--format", "json").json
    assert (plan["ref"], plan["kind"], plan["version"]) == (None, "promote", RELEASE)
    assert plan["stages"][0]["name"] == "verify"
    assert project.remote.changes() == []
    assert not (project.root / ".flowdeploy").exists()


@pytest.mark.parametrize(
    ("environ", "options", "target"),
    [
        ({}, [], "google"),
        ({}, ["--sandbox"], "sandbox"),
        ({"FLOWDEPLOY_SANDBOX": "http://127.0.0.1:9"}, [], "http://127.0.0.1:9"),
        ({"FLOWDEPLOY_SANDBOX": "http://127.0.0.1:9"}, ["--sandbox"], "http://127.0.0.1:9"),
    ],
)
def test_a_plan_says_where_it_would_run(
    project: Project, environ: dict[str, str], options: list[str], target: str
) -> None:
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    ended = project.run(*options, "plan", "master", "--format", "json", **environ)
    assert ended.json["target"] == target


def test_a_commit_is_named_where_there_is_no_git_checkout(project: Project) -> None:
    project.leave_git()
    unnamed = project.run("plan", "master", "--format", "json").json
    assert (unnamed["version"], unnamed["library_version"]) == (None, None)
    commit = ["--commit", "1a2b3c4d5e6f", "--commit-time", "2020-04-03T09:30:34+02:00"]
    named = project.run("plan", "master", "--format", "json", *commit).json
    assert named["version"] == "20200403-073034-1a2b3c4d"
    assert named["library_version"] == "20200403-073034.1a2b3c4d"
    tagged = project.run("plan", "20200402-101500", "--format", "json", *commit).json
    assert tagged["version"] == "20200402-101500"
    assert tagged["library_version"] == "20200402-101500.1a2b3c4d"


def test_the_dry_run_of_a_promotion_reads_the_fleet_and_changes_nothing(project: Project) -> None:
    ended = project.run("promote", "1", "akvoflow-1", "akvoflow-2", "--dry-run", "--format", "json")
    assert ended.code == 0
    assert [(row["instance"], row["state"]) for row in ended.json["fleet"]] == [
        ("akvoflow-1", "live"),
        ("akvoflow-2", "live"),
    ]
    assert project.remote.changes() == []


def test_the_dry_run_of_a_promotion_that_would_be_refused_says_where(project: Project) -> None:
    project.remote.put_version("akvoflow-1", "v0")
    ended = project.run("promote", "v0", "akvoflow-1", "akvoflow-2", "--dry-run")
    assert ended.code == 4
    assert [line.split()[0] for line in ended.out.splitlines() if "missing" in line] == [
        "akvoflow-2"
    ]
