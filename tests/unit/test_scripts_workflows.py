"""The workflows: minimal permissions, pinned actions, and credentials in one job only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ON = True  # YAML 1.1 parses the key `on` as a boolean


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def steps(workflow: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            yield name, step


def mentions(name: str, text: str) -> bool:
    return text in yaml.safe_dump(read("deploy.yml")["jobs"][name])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit(path: Path) -> None:
    used = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert used
    for line in used:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_default_permissions_are_read_only(path: Path) -> None:
    workflow = read(path.name)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "pull_request_target" not in workflow[ON]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_checkouts_do_not_persist_credentials(path: Path) -> None:
    checkouts = [
        step for _, step in steps(read(path.name)) if "actions/checkout" in step.get("uses", "")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_shell_scripts_contain_no_expression(path: Path) -> None:
    assert not [step for _, step in steps(read(path.name)) if "${{" in step.get("run", "")]


def test_the_build_job_has_no_credential() -> None:
    build = read("deploy.yml")["jobs"]["build"]
    assert build["permissions"] == {"contents": "read"}
    assert "environment" not in build
    assert not mentions("build", "secrets.")
    assert mentions("deploy", "secrets.CLOJARS_PASSWORD")


def test_a_pull_request_is_never_deployed() -> None:
    deploy = read("deploy.yml")["jobs"]["deploy"]
    assert "github.event_name == 'push'" in deploy["if"]
    assert deploy["needs"] == "build"
    assert deploy["permissions"] == {"contents": "read", "id-token": "write"}


def test_nothing_is_installed_after_authentication() -> None:
    order = [
        step.get("uses", step.get("run", "")).split("@")[0]
        for name, step in steps(read("deploy.yml"))
        if name == "deploy"
    ]
    authentication = order.index("google-github-actions/auth")
    assert not [step for step in order[authentication:] if "install" in step]


def test_deployments_are_never_cancelled() -> None:
    assert read("deploy.yml")["concurrency"]["cancel-in-progress"] is False


def test_the_deploy_job_downloads_the_build_of_the_same_commit() -> None:
    artifacts = [
        step["with"]["name"]
        for _, step in steps(read("deploy.yml"))
        if re.search("(up|down)load-artifact", step.get("uses", ""))
    ]
    assert artifacts[:2] == ["build-${{ github.sha }}"] * 2


def test_each_job_runs_its_part_of_the_pipeline() -> None:
    assert mentions("build", 'flowdeploy build "$GITHUB_REF"')
    assert mentions("deploy", 'flowdeploy run "$GITHUB_REF" --prebuilt')
