"""The tree must be the ref's: what is shipped is what its name says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"


def _refused(project: Project, *arguments: str) -> str:
    """The one finding of a run that is refused before its build."""
    report = project.report("run", *arguments)
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert {step["outcome"] for step in report["steps"]} == {"not-started"}
    assert not (project.root / "target").exists()
    assert project.remote.requests() == []
    (finding,) = report["error"]["details"]
    assert isinstance(finding, str)
    return finding


def test_a_tag_that_is_not_checked_out_is_refused(project: Project) -> None:
    project.write("content.txt", "second ")
    project.commit()
    finding = _refused(project, RELEASE)
    assert finding.startswith(f"refs/tags/{RELEASE} is ")
    assert finding.endswith(": check it out")


def test_a_branch_that_is_not_checked_out_is_refused(project: Project) -> None:
    project.git("branch", "my-feature")
    project.write("content.txt", "second ")
    project.commit()
    assert _refused(project, "my-feature").startswith("refs/heads/my-feature is ")


def test_a_tag_that_git_does_not_know_is_refused(project: Project) -> None:
    finding = _refused(project, "20200403-073035")
    assert "git does not know refs/tags/20200403-073035" in finding
    report = project.report("run", "20200403-073035", "--commit", "HEAD", "--only", "akvoflow-1")
    assert (report["exit_code"], report["version"]) == (0, "20200403-073035")


def test_a_tree_with_changes_is_refused_and_can_be_allowed(project: Project) -> None:
    project.write("content.txt", "changed ")
    assert _refused(project, "my-feature").startswith("tracked files differ from HEAD: content.txt")
    assert project.report("run", "my-feature", "--allow-dirty")["exit_code"] == 0


def test_files_that_git_does_not_track_are_no_change(project: Project) -> None:
    project.write("notes.txt", "")
    assert project.report("run", "my-feature")["exit_code"] == 0


def test_a_promotion_ignores_the_working_tree(project: Project) -> None:
    project.report("run", RELEASE)
    project.write("content.txt", "second ")
    project.commit()
    project.write("content.txt", "third ")
    assert project.report("run", f"promote-{RELEASE}")["exit_code"] == 0


def test_an_annotated_tag_is_its_commit(project: Project) -> None:
    project.git("tag", "-a", "-m", "a release", "20200404-101500")
    assert project.run("plan", "20200404-101500").err == ""


def test_in_a_checkout_a_commit_must_be_head(project: Project) -> None:
    project.write("content.txt", "second ")
    project.commit()
    report = project.report("run", "master", "--commit", "HEAD~1")
    assert report["exit_code"] == 2
    assert "--commit HEAD~1 is not HEAD" in report["error"]["message"]
    head = project.git("rev-parse", "HEAD")
    assert project.run("plan", "master", "--commit", head[:10]).code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--commit", "1a2b3c4d"], "--commit and --commit-time go together"),
        (["--commit-time", "2020-04-03T07:30:34Z"], "--commit and --commit-time go together"),
        (["--commit", "HEAD", "--commit-time", "2020-04-03T07:30:34Z"], "at least 8 hex digits"),
        (["--commit", "1a2b3c4d", "--commit-time", "yesterday"], "no RFC 3339 time"),
        (["--commit", "1a2b3c4d", "--commit-time", "2020-04-03T07:30:34"], "no RFC 3339 time"),
        (["--commit", "1a2b3c4d", "--commit-time", ""], "no RFC 3339 time"),
        (["--commit", "", "--commit-time", "2020-04-03T07:30:34Z"], "at least 8 hex digits"),
    ],
)
def test_without_a_checkout_half_a_commit_or_none_is_refused(
    project: Project, options: list[str], message: str
) -> None:
    project.leave_git()
    report = project.report("run", "master", *options)
    assert report["exit_code"] == 2
    assert message in report["error"]["message"]


def test_a_run_without_a_checkout_says_what_to_give_it(project: Project) -> None:
    project.leave_git()
    report = project.report("run", RELEASE, "--only", "akvoflow-1")
    assert (report["exit_code"], report["steps"]) == (2, [])
    assert "--commit SHA --commit-time" in report["error"]["hint"]


def test_a_run_without_a_checkout_builds_the_commit_that_is_named(project: Project) -> None:
    project.leave_git()
    commit = ["--commit", "1a2b3c4d" * 5, "--commit-time", "2020-04-03T07:30:34Z"]
    report = project.report("run", "master", *commit)
    assert report["exit_code"] == 0
    assert project.remote.live("flow-uat2") == {"20200403-073034-1a2b3c4d": 1}


def test_without_the_program_git_there_is_no_checkout(project: Project, tmp_path: Path) -> None:
    """A PATH with python3 alone, as in a small container."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(Path(sys.executable).resolve())
    path = str(tmp_path / "bin")
    report = project.report("run", "master", PATH=path)
    assert (report["exit_code"], report["error"]["code"]) == (2, "USAGE")
    assert project.run("plan", "master", PATH=path).code == 0
    commit = ["--commit", "1a2b3c4d", "--commit-time", "2020-04-03T07:30:34Z"]
    assert project.report("run", "my-feature", *commit, PATH=path)["exit_code"] == 0


def test_a_checkout_without_a_commit_is_refused(project: Project) -> None:
    project.leave_git()
    project.git("init", "-q", "-b", "master")
    report = project.report("run", "master")
    assert report["exit_code"] == 4
    assert "has no commit" in report["error"]["message"]


def test_a_checkout_of_another_user_is_refused_with_what_to_do(project: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (project.root, project.root / ".git"):
        os.chown(path, 12345, 12345)
    report = project.report("run", "master")
    assert report["exit_code"] == 4
    assert "safe.directory" in report["error"]["hint"]
