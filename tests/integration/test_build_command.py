"""`flowdeploy build REF`: the build alone, for a job that has no credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"


@pytest.mark.parametrize("ref", [RELEASE, "master", "my-feature", "refs/pull/7/merge"])
def test_a_build_asks_nobody_for_anything(project: Project, ref: str) -> None:
    report = project.report("build", ref)
    assert report["exit_code"] == 0
    assert project.outline(report) == ["build build: done"]
    assert project.remote.requests() == []
    assert (project.root / "target/staging/app.yaml").is_file()


def test_a_build_needs_no_identity(project: Project) -> None:
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    ended = project.run("build", RELEASE, GOOGLE_APPLICATION_CREDENTIALS="/nowhere.json")
    assert ended.code == 0
    assert "20200403-073034" in json.dumps(project.environment)


def test_the_outputs_are_what_a_later_job_deploys(project: Project) -> None:
    assert project.report("build", RELEASE)["exit_code"] == 0
    project.write("build.py", "raise SystemExit(1)")
    options = ("--prebuilt", "--allow-dirty", "--only", "akvoflow-1")
    report = project.report("run", RELEASE, *options)
    assert report["exit_code"] == 0
    assert RELEASE in project.remote.versions("akvoflow-1")


def test_outputs_that_cannot_be_deployed_fail_the_build(project: Project) -> None:
    project.edit("build.py", "runtime: java21\\n", "runtime: [java21\\n")
    refused = project.report("build", RELEASE, "--allow-dirty")
    assert refused["exit_code"] == 4
    assert "app.yaml" in refused["steps"][0]["error"]["message"]


def test_a_tree_that_is_not_the_refs_is_not_built(project: Project) -> None:
    project.write("content.txt", "changed ")
    assert project.report("build", RELEASE)["exit_code"] == 4
    assert not (project.root / "target").exists()


def test_a_promotion_has_nothing_to_build(project: Project) -> None:
    ended = project.run("build", f"promote-{RELEASE}")
    assert ended.code == 2
    assert "nothing to build" in ended.err
