"""Dry runs: the run's own checks, with one set of clients and one identity."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.integration.conftest import Project

from flowdeploy.clients import google_api
from flowdeploy.sandbox.server import Sandbox

DRY_RUNS = [
    ["promote", "v2", "all", "--dry-run"],
    ["rollback", "all", "--dry-run"],
    ["plan", "promote-20200403-073034", "--verbose"],
    ["run", "20200403-073034", "--commit", "HEAD", "--dry-run", "--verbose"],
]


@pytest.mark.parametrize("arguments", DRY_RUNS, ids=" ".join)
def test_a_dry_run_starts_one_sandbox_and_asks_once_for_the_identity(
    project: Project, arguments: list[str]
) -> None:
    with (
        patch.object(google_api, "credentials_for", wraps=google_api.credentials_for) as identities,
        patch.object(Sandbox, "__init__", autospec=True, side_effect=Sandbox.__init__) as sandboxes,
    ):
        project.run("--sandbox", *arguments, FLOWDEPLOY_SANDBOX="")

    assert sandboxes.call_count == 1
    assert identities.call_count == 1


def test_a_dry_run_checks_each_instance_once_as_the_run_does(fleet: Project) -> None:
    def asked(*arguments: str) -> Counter[str]:
        """How often each instance's version was read, before the first change if there is one."""
        fleet.remote.forget()
        fleet.run("promote", "v2", "all", *arguments)
        log = fleet.remote.requests()
        change = next((n for n, each in enumerate(log) if each["method"] == "PATCH"), len(log))
        paths = (each["path"] for each in log[:change] if each["method"] == "GET")
        return Counter(path for path in paths if path.endswith("/versions/v2"))

    previewed, run = asked("--dry-run"), asked()

    assert previewed
    assert set(previewed.values()) == {1}
    assert previewed == run


def test_a_dry_run_changes_nothing_and_records_nothing(fleet: Project) -> None:
    fleet.run("promote", "v2", "all", "--dry-run")

    assert fleet.remote.changes() == []
    assert not (fleet.root / ".flowdeploy/runs").exists()


@pytest.mark.parametrize("records", ["records: local\n", ""])
def test_a_dry_run_without_credentials_says_so_once(
    fleet: Project, tmp_path: Path, records: str
) -> None:
    fleet.edit("config/instances.yaml", "instances:", f"{records}instances:")
    fleet.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    key = tmp_path / "key.json"
    key.write_text("{}")

    ended = fleet.run("promote", "v2", "all", "--dry-run", GOOGLE_APPLICATION_CREDENTIALS=str(key))

    assert ended.code == 1
    told = " ".join(ended.err.split())
    assert "it cannot be known what would be refused: no usable Google credentials" in told


def test_a_verbose_plan_says_what_a_release_would_be_refused_for(project: Project) -> None:
    assert project.run("run", "20200403-073034").code == 0
    project.remote.disable("akvoflow-1")

    ended = project.run("plan", "20200404-073034", "--commit", "HEAD", "--verbose")

    assert ended.code == 0
    assert "would be refused: akvoflow-1: the application is USER_DISABLED" in " ".join(
        ended.err.split()
    )
