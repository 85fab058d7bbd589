"""Dry runs: the run's own checks, with one set of clients and one identity."""

from __future__ import annotations

import json
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


def test_a_dry_run_with_archives_writes_nothing(project: Project) -> None:
    assert project.run("run", "20200403-073034").code == 0  # leaves a staged folder
    project.edit("config/instances.yaml", "build:\n", "upload: {mode: zip}\nbuild:\n")
    runs = sorted((project.root / ".flowdeploy/runs").iterdir())

    ended = project.run("plan", "20200404-073034", "--commit", "HEAD", "--verbose")

    assert (ended.code, "Error" in ended.err) == (0, False)
    assert sorted((project.root / ".flowdeploy/runs").iterdir()) == runs


def test_a_dry_run_of_a_deploy_shows_the_releases_configuration(project: Project) -> None:
    assert project.run("run", "my-feature", "--allow-dirty").code == 0  # builds the staged folder
    project.write("target/staging/queue.yaml", "queue:\n- {name: mail, rate: 5/s}\n")
    command = ("run", "20200403-073034", "--prebuilt", "--only", "akvoflow-1")
    assert project.run(*command).code == 0

    ended = project.run("deploy", "20200403-073034", "akvoflow-2", "--dry-run", "--verbose")

    assert ended.code == 0
    assert "queue mail: create, 5/s" in " ".join(ended.out.split())


def test_a_dry_run_of_a_deploy_says_that_there_is_no_release_record(project: Project) -> None:
    ended = project.run("deploy", "20200403-073034", "akvoflow-2", "--dry-run", "--verbose")

    assert "the version has no release record" in " ".join(ended.err.split())


def test_a_dry_run_that_reaches_nobody_has_the_same_keys_as_json(project: Project) -> None:
    ended = project.run(
        *("promote", "v2", "all", "--dry-run", "--format", "json"),
        FLOWDEPLOY_SANDBOX="http://127.0.0.1:9",
    )

    assert ended.code == 1
    document = json.loads(ended.out)
    assert {each["error"]["code"] for each in document["fleet"]} == {"CONNECTION"}
    assert document["refusals"] == []


def test_a_verbose_plan_names_the_variables_that_the_build_does_not_get(project: Project) -> None:
    project.edit("config/instances.yaml", "  commands:", "  env: [NPM_TOKEN]\n  commands:")
    environ = {"NPM_TOKEN": "secret-1", "MY_JWT": "secret-2", "GITHUB_ENV": "/secret-3"}
    plan = project.run("plan", "master", "--verbose", "--format", "json", **environ)
    assert {"MY_JWT", "GITHUB_ENV"} <= set(plan.json["stripped_variables"])
    assert not {"NPM_TOKEN", "PATH"} & set(plan.json["stripped_variables"])

    shown = project.run("plan", "master", "--verbose", **environ)
    [line] = [line for line in shown.out.splitlines() if "MY_JWT" in line]
    assert line.startswith("  without the variables ")

    foreign = project.run("plan", "refs/pull/7/merge", "--verbose", "--format", "json", **environ)
    assert "NPM_TOKEN" in foreign.json["stripped_variables"]
    for ended in (plan, shown, foreign):
        assert "secret-" not in ended.out + ended.err

    quiet = project.run("plan", "master", "--format", "json", **environ)
    promotion = project.run("plan", "promote-20200403-073034", "--verbose", "--format", "json")
    assert "stripped_variables" not in quiet.json
    assert "stripped_variables" not in promotion.json
