"""The log of a job of GitHub Actions: no text from elsewhere is a command there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.fault_proxy import answer_instead
from tests.integration.test_streams import shell
from tests.unit.cli.test_workflow_commands import commands

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
EVIL = [
    "::error::from the build",
    "  \u2003::add-mask::a",
    "\t::stop-commands::x",
    "progress\r::warning::overwritten",
    "text ##[error]and more",
    "##[add-path]/tmp/evil",
]


@pytest.fixture(autouse=True)
def in_actions(project: Project) -> None:
    project.monkeypatch.setenv("GITHUB_ACTIONS", "true")


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_builds_lines_are_no_commands(project: Project, form: str) -> None:
    lines = "".join(f"print({line!r}, flush=True)\n" for line in EVIL)
    project.write("build.py", f"{lines}raise SystemExit('::error::the last')\n")
    project.commit("::error::a commit")
    ended = shell(f"flowdeploy --format {form} run master")
    assert ended.returncode == 1
    assert "error::from the build" in ended.stderr
    assert "[add-path]/tmp/evil" in ended.stderr
    assert commands(ended.stdout) == commands(ended.stderr) == []
    if form == "json":  # whose strings are what they were
        details = json.loads(ended.stdout)["steps"][0]["error"]["details"]
        assert "##[add-path]/tmp/evil" in details
        assert "::error::the last" in details


@pytest.mark.parametrize("form", ["table", "json", "yaml", "csv"])
def test_a_services_words_are_no_commands(project: Project, proxy: FaultProxy, form: str) -> None:
    words = "no\n::error::of the service\n ##[error]too"
    body = json.dumps({"error": {"code": 403, "message": words, "status": "PERMISSION_DENIED"}})
    proxy.arm(answer_instead(403, body.encode()), "GET", "/v1/apps/akvoflow-1*")
    for command in (f"status --format {form}", "versions --project akvoflow-1"):
        ended = shell(f"flowdeploy {command}")
        assert "of the service" in ended.stdout + ended.stderr
        assert commands(ended.stdout) == commands(ended.stderr) == []


def test_names_of_files_and_of_refs_are_no_commands(project: Project) -> None:
    project.write("config/::error::x.yaml", "##[error]: 1\n'\\n::error::y': 2\n")
    for command in (
        "--config 'config/::error::x.yaml' config check",
        "--config $'config/\\n::error::x.yaml' config check",
        "run $'refs/heads/a\\n::error::b'",
        "run '##[error]'",
        "promote '##[error]' $'\\n::error::c'",
    ):
        ended = shell(f"flowdeploy {command}")
        assert ended.returncode == 2
        assert "error" in ended.stderr
        assert commands(ended.stdout) == commands(ended.stderr) == []


def test_a_log_elsewhere_has_every_line_as_it_was(project: Project) -> None:
    project.monkeypatch.delenv("GITHUB_ACTIONS")
    project.write("build.py", "print('::error::from the build')\nprint('a ##[b]')\n")
    project.commit()
    ended = shell("flowdeploy run master")
    assert "\n::error::from the build\na ##[b]\n" in ended.stderr
