"""Who may read what flowdeploy writes: this user alone, and git does not see it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import Project

RELEASE = "20200403-073034"


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Everybody may read everything, if nobody asks for less."""
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _readable_by_others(folder: Path) -> list[str]:
    """The files and folders that other users have any right to."""
    found = (folder, *folder.rglob("*"))
    return [str(path.relative_to(folder)) for path in found if _mode(path) & 0o077]


@pytest.mark.parametrize("records", ["", "records: local\n"])
@pytest.mark.parametrize("mode", ["files", "zip"])
def test_all_of_a_run_is_for_this_user_alone(project: Project, records: str, mode: str) -> None:
    more = f"{records}upload: {{mode: {mode}}}\nrollout:"
    project.edit("config/instances.yaml", "rollout:", more)
    project.commit()
    project.git("tag", "-f", RELEASE)
    home = project.root / ".flowdeploy"
    assert project.run("run", RELEASE).code == 0
    assert project.run("promote", RELEASE, "all").code == 0
    assert project.run("deploy", RELEASE, "akvoflow-1").code == 0
    build, *_ = project.runs
    assert (build / "build.log").read_text()
    assert (build / "report.json").read_text()
    assert _readable_by_others(home) == []


def test_the_embedded_sandboxs_state_is_for_this_user_alone(project: Project) -> None:
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    project.git("tag", "-f", RELEASE)
    assert project.run("--sandbox", "run", RELEASE, "--only", "akvoflow-1").code == 0
    assert _readable_by_others(project.root / ".flowdeploy") == []


def test_an_old_runs_files_become_private_when_it_is_resumed(project: Project) -> None:
    project.write("build.py", "raise SystemExit(1)")
    project.commit()
    assert project.run("run", "master").code == 1
    [run] = project.runs
    for name in ("build.log", "report.json"):
        (run / name).chmod(0o644)
    project.run("resume", run.name)
    assert _mode(run / "report.json") == 0o600


def test_a_report_of_the_users_own_has_the_mode_of_the_users_files(
    project: Project, tmp_path: Path
) -> None:
    project.run("run", "master", "--report", str(tmp_path / "out"))
    assert _mode(tmp_path / "out") == 0o777
    assert _mode(tmp_path / "out/report.json") == 0o666


@pytest.mark.parametrize("exists", [True, False])
def test_git_does_not_see_the_folder_of_runs(project: Project, exists: bool) -> None:
    project.write(".gitignore", "target/\n")
    project.commit()
    if exists:
        project.write(".flowdeploy/runs/old/report.json", "{}")
    project.run("run", "master")
    assert (project.root / ".flowdeploy/.gitignore").read_text() == "*\n"
    assert project.git("status", "--porcelain") == ""


def test_a_users_own_ignore_file_and_folder_stay_as_they_are(
    project: Project, tmp_path: Path
) -> None:
    project.write(".flowdeploy/.gitignore", "# mine\n")
    project.run("run", "master")
    assert (project.root / ".flowdeploy/.gitignore").read_text() == "# mine\n"

    own, made = tmp_path / "own", tmp_path / "made"
    own.mkdir(0o755)
    for home in (own, made):
        project.run("run", "master", FLOWDEPLOY_HOME=str(home))
    assert not (own / ".gitignore").exists()
    assert (_mode(own), _mode(own / "runs")) == (0o755, 0o700)
    assert (made / ".gitignore").read_text() == "*\n"
    assert _mode(made) == 0o700
