"""Standard streams that are closed, full, or read by somebody who leaves: a run still ends."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
RUN = f"run {RELEASE}"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of ``command``, in which ``flowdeploy`` is the program."""
    function = f'flowdeploy() {{ "{sys.executable}" -m flowdeploy "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", function + command], capture_output=True, text=True, timeout=120, check=False
    )


def _succeeded(project: Project) -> None:
    """The one run is recorded as a success, and all of it was done."""
    (run,) = project.runs
    assert json.loads((run / "report.json").read_text())["exit_code"] == 0
    assert project.remote.live("flow-uat1") == {RELEASE: 1}
    assert RELEASE in project.remote.versions("akvoflow-5")


@pytest.mark.parametrize("where", ["2>/dev/full", "2> >(read -r)"])
def test_a_closed_progress_reader_does_not_stop_a_run(project: Project, where: str) -> None:
    ended = shell(f"flowdeploy {RUN} {where}")
    assert ended.returncode == 0
    assert "Succeeded" in ended.stdout
    _succeeded(project)


@pytest.mark.parametrize("where", ["", "--format json"])
def test_a_reader_of_the_report_may_leave(project: Project, where: str) -> None:
    ended = shell(f"flowdeploy {where} {RUN} > >(exec 0<&-)")
    assert ended.returncode == 0
    assert "Broken pipe" not in ended.stderr
    _succeeded(project)


@pytest.mark.parametrize("arguments", [RUN, f"--format json {RUN}"])
def test_a_report_that_cannot_be_printed_changes_nothing(project: Project, arguments: str) -> None:
    ended = shell(f"flowdeploy {arguments} >/dev/full")
    assert ended.returncode == 0
    assert "Note: cannot write to standard output: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    _succeeded(project)


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(project: Project, closed: str) -> None:
    assert shell(f"flowdeploy {RUN} {closed}").returncode == 0
    _succeeded(project)


@pytest.mark.parametrize(
    "arguments",
    [
        "plan master",
        "status --format yaml",
        "config schema",
        "--help",
    ],
)
def test_an_answer_that_cannot_be_printed_is_an_error(project: Project, arguments: str) -> None:
    ended = shell(f"flowdeploy {arguments} >/dev/full")
    assert ended.returncode == 1
    message = "Error: cannot write to standard output: No space left on device"
    assert ended.stderr.splitlines() == [message]
    assert shell(f"flowdeploy {arguments} | true; exit ${{PIPESTATUS[0]}}").returncode == 0
    assert project.remote.changes() == []


def test_a_mistake_is_told_by_the_exit_code_alone_where_nothing_can_be_written() -> None:
    assert shell("flowdeploy run 20201399-996161 --format json >/dev/full 2>&1").returncode == 2
