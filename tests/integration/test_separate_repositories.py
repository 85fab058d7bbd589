"""The configuration in a repository of its own: commits and versions are the application's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.conftest import git

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
APPLICATION = ("pom.xml", "build.py", "content.txt")


@pytest.fixture
def application(project: Project) -> Path:
    """The project's application, moved out into a checkout beside that of its configuration."""
    folder = project.root.parent / "application"
    shutil.copytree(project.root, folder)
    git(folder, "rm", "-q", "-r", "config")
    git(folder, "commit", "-q", "-m", "Leave the configuration to others")
    git(folder, "tag", "-f", RELEASE)
    project.leave_git()
    for name in APPLICATION:
        (project.root / name).unlink()
    project.edit("config/instances.yaml", "build:\n", f"build:\n  directory: ../{folder.name}\n")
    project.edit("config/instances.yaml", "staging: t", f"staging: ../{folder.name}/t")
    project.edit("config/instances.yaml", "jar: t", f"jar: ../{folder.name}/t")
    project.edit("config/instances.yaml", "pom: p", f"pom: ../{folder.name}/p")
    project.git("init", "-q", "-b", "main", "--template=")
    project.git("add", ".")
    project.git("commit", "-q", "-m", "Configure")
    return folder


def _change(application: Path, text: str) -> str:
    (application / "content.txt").write_text(text)
    git(application, "commit", "-q", "-a", "-m", "Change")
    return git(application, "rev-parse", "HEAD")


def test_a_changed_application_is_another_version_and_is_built(
    project: Project, application: Path
) -> None:
    first = project.report("run", "master")
    head = _change(application, "second ")
    second = project.report("run", "master")
    assert (first["exit_code"], second["exit_code"]) == (0, 0)
    assert second["version"].endswith(head[:8])
    assert first["version"] != second["version"]
    assert second["steps"][0]["outcome"] == "done", "it is built, not recalled"
    assert project.remote.live("flow-uat2") == {second["version"]: 1}


def test_a_tag_is_looked_for_in_the_application(project: Project, application: Path) -> None:
    assert project.report("run", RELEASE, "--only", "akvoflow-1")["exit_code"] == 0
    _change(application, "third ")
    refused = project.report("run", RELEASE, "--only", "akvoflow-1")
    assert refused["exit_code"] == 4
    assert refused["error"]["details"][0].startswith(f"refs/tags/{RELEASE} is ")


def test_only_changes_of_the_application_are_refused(project: Project, application: Path) -> None:
    project.write("config/README", "not committed")
    project.edit("config/instances.yaml", "closed in 2019", "closed")
    assert project.report("run", "my-feature")["exit_code"] == 0
    (application / "content.txt").write_text("changed ")
    refused = project.report("run", "my-feature")
    assert refused["exit_code"] == 4


def test_the_record_names_both_commits(project: Project, application: Path) -> None:
    run = project.report("run", "master")["run"]
    header = project.run("history", run, "--format", "json").json["header"]
    assert header["commit"]["sha"] == git(application, "rev-parse", "HEAD")
    assert header["configuration"]["sha"] == project.git("rev-parse", "HEAD")


def test_a_run_is_resumed_from_the_same_commit_of_the_application(
    project: Project, application: Path
) -> None:
    project.remote.fault("permission", project="flow-uat2", method="PATCH")
    run = project.report("run", "master")
    assert run["exit_code"] == 3
    project.remote.heal()
    project.edit("config/instances.yaml", "closed in 2019", "closed")
    project.commit()
    assert project.report("resume", run["run"])["exit_code"] == 0
    assert application.is_dir()
