"""The real gcloud and flowdeploy take turns on one fleet, and agree about all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowdeploy.sandbox.exports import gcloud_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Project

    Gcloud = Callable[..., str]

pytestmark = pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")

RELEASE = "20200403-073034"
OLDER = "20200402-101500"
PRODUCTION = [f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)]

UPLOADS = "/upload/*"


@pytest.fixture
def gcloud(project: Project, tmp_path: Path) -> Gcloud:
    """Run gcloud in the staged application, on the fleet's sandbox."""
    environment = {
        **os.environ,
        **gcloud_environment(project.remote.url),
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }

    def run(*arguments: str, on: str) -> str:
        done = subprocess.run(
            ["gcloud", "app", *arguments, f"--project={on}"],
            env=environment,
            cwd=project.root / "target/staging",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def agreed(project: Project, gcloud: Gcloud, instance: str) -> dict[str, str]:
    """Portion of the traffic by version: what gcloud prints, and flowdeploy to the letter."""
    printed = gcloud("versions", "list", on=instance)
    assert project.run("versions", "--project", instance).out == printed
    _, *rows = (line.split() for line in printed.splitlines())
    return {version: split for _, version, split, *_ in rows}


def test_both_see_what_the_other_did(project: Project, gcloud: Gcloud) -> None:
    assert project.run("run", RELEASE).code == 0
    assert agreed(project, gcloud, "akvoflow-1") == {"1": "1.00", RELEASE: "0.00"}

    # By hand, one customer gets the release, and another half of its traffic on a version.
    gcloud("services", "set-traffic", "default", f"--splits={RELEASE}=1", on="akvoflow-1")
    gcloud("deploy", "app.yaml", "--version=by-hand", "--no-promote", on="akvoflow-2")
    gcloud("services", "set-traffic", "default", "--splits=1=0.5,by-hand=0.5", on="akvoflow-2")
    found = {"1": "0.50", RELEASE: "0.00", "by-hand": "0.50"}
    assert agreed(project, gcloud, "akvoflow-2") == found

    steps = {step["instance"]: step for step in project.report("promote", RELEASE, "all")["steps"]}
    assert steps["akvoflow-1"]["outcome"] == "unchanged"
    assert steps["akvoflow-2"]["previous"]["allocations"] == {"1": 0.5, "by-hand": 0.5}
    for name in PRODUCTION:
        assert agreed(project, gcloud, name)[RELEASE] == "1.00"

    gcloud("versions", "delete", "by-hand", "--service=default", on="akvoflow-2")
    assert agreed(project, gcloud, "akvoflow-2") == {"1": "0.00", RELEASE: "1.00"}
    assert project.run("promote", "by-hand", "akvoflow-2").code == 4


def test_a_version_by_gcloud_is_the_one_that_flowdeploy_would_make(
    project: Project, gcloud: Gcloud
) -> None:
    only = ("--only", "akvoflow-1")
    assert project.run("run", OLDER, *only).code == 0
    sent = project.remote.requests("POST", UPLOADS)
    assert sent
    gcloud("deploy", "app.yaml", f"--version={RELEASE}", "--no-promote", on="akvoflow-1")
    assert project.remote.requests("POST", UPLOADS) == sent
    *_, step = project.report("run", RELEASE, *only)["steps"]
    assert (step["instance"], step["outcome"]) == ("akvoflow-1", "unchanged")
