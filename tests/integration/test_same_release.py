"""Jobs that run one release at the same time, each with a build of its own, deploy one build."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
RECORD = f"flowdeploy/releases/{RELEASE}.json"
JOBS = ("first", "second", "third")
INSTANCES = ("flow-uat1", *(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)))
# Every build differs, and none ends before all have begun: no job finds another's record before.
UNLIKE = """
import secrets, time
(staging / "index.html").write_text(secrets.token_hex())
with zipfile.ZipFile("target/flow-classes.jar", "w") as jar:
    jar.writestr("Flow.class", secrets.token_hex())
builds = pathlib.Path(BUILDS)
(builds / secrets.token_hex()).touch()
while len(list(builds.iterdir())) < JOBS:
    time.sleep(0.05)
"""


def prepare(project: Project, tmp_path: Path, jobs: int = len(JOBS), config: str = "") -> None:
    """Let the builds wait for each other; ``config`` is added to the configuration."""
    builds = tmp_path / "builds"
    builds.mkdir()
    build = (project.root / "build.py").read_text()
    unlike = UNLIKE.replace("BUILDS", repr(str(builds))).replace("JOBS", str(jobs))
    project.write("build.py", build + unlike)
    project.edit("config/instances.yaml", "build:\n", f"{config}build:\n")
    project.commit()
    project.git("tag", "-f", RELEASE)


def checkout(project: Project, tmp_path: Path, name: str) -> Path:
    """A machine of its own: another checkout, with its own home."""
    folder = tmp_path / name / "flow"
    shutil.copytree(project.root, folder)
    return folder


def run_side_by_side(folders: list[Path], *options: str) -> list[Any]:
    """The reports of a run of the release in each folder, all at the same time."""
    command = [sys.executable, "-m", "flowdeploy", "--format", "json", "run", RELEASE]
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, "--wait", "1m", *options],
                    cwd=folder,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            for folder in folders
        ]
        return [json.loads(each.communicate(timeout=120)[0]) for each in running]


def deployed(project: Project, instance: str) -> str:
    """The name of the content of the release on an instance: of index.html, or of the archive."""
    path = f"/v1/apps/{instance}/services/default/versions/{RELEASE}?view=FULL"
    deployment = project.remote.call("GET", path)["deployment"]
    if "zip" in deployment:
        return str(deployment["zip"]["sourceUrl"]).rpartition("/")[2]
    return str(deployment["files"]["index.html"]["sha1Sum"])


def require_one_build(project: Project, reports: list[Any]) -> None:
    """All ended well, and what is deployed is of one build, and was deployed once."""
    assert [(r["exit_code"], r["error"]) for r in reports] == [(0, None)] * len(reports)
    assert len({deployed(project, name) for name in INSTANCES}) == 1
    assert [project.remote.begun(name) for name in INSTANCES[1:]] == [["CreateVersion"]] * 5


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--prebuilt",)], ids=["built", "prebuilt"])
def test_jobs_on_several_machines_end_well_with_one_build(
    project: Project, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """And the library is published once, as it is on record."""
    prepare(project, tmp_path, jobs=1 if options else len(JOBS))
    folders = [checkout(project, tmp_path, name) for name in JOBS]
    for folder in folders if options else ():
        subprocess.run([sys.executable, "build.py"], cwd=folder, check=True, capture_output=True)
    reports = run_side_by_side(folders, *options)
    require_one_build(project, reports)
    theirs = {" ".join(r["remarks"]).partition("built by ")[2] for r in reports}
    assert len(theirs) == 2, "one build's origin, for those that have not built it"
    published = [s for r in reports for s in r["steps"] if s["action"] == "publish"]
    assert sorted(s["outcome"] for s in published) == ["done", "unchanged", "unchanged"]
    assert [s["notes"] for s in published] == [[], [], []], "nobody's files differ"
    path = f"/storage/v1/b/staging.flow-uat1.appspot.com/o/{quote(RECORD, safe='')}?alt=media"
    jar = project.remote.call("GET", path)["library"]["files"][0]
    there = requests.get(f"{project.remote.url}/repo/{jar['path']}.sha1", timeout=10).text
    assert there == jar["sha1"]


@pytest.mark.slow
@pytest.mark.parametrize("config", ["records: local\n", "upload: {mode: zip}\n"])
def test_jobs_on_one_machine_end_well_with_one_build(
    project: Project, tmp_path: Path, config: str
) -> None:
    prepare(project, tmp_path, 2, config)
    project.monkeypatch.setenv("FLOWDEPLOY_HOME", str(tmp_path / "home"))
    reports = run_side_by_side([checkout(project, tmp_path, name) for name in JOBS[:2]])
    require_one_build(project, reports)


@pytest.mark.slow
def test_a_job_that_publishes_nothing_uses_the_record_that_it_finds_after_its_wait(
    project: Project, tmp_path: Path
) -> None:
    """Such a job first looks for the record when it has the lock."""
    library = "library: {jar: target/flow-classes.jar, pom: pom.xml, classifier: classes}\n"
    project.edit("config/instances.yaml", library, "")
    prepare(project, tmp_path, 2)
    reports = run_side_by_side([checkout(project, tmp_path, name) for name in JOBS[:2]])
    require_one_build(project, reports)


@pytest.mark.slow
def test_a_job_of_another_commit_is_refused_as_soon_as_the_first_is_on_record(
    project: Project, tmp_path: Path
) -> None:
    prepare(project, tmp_path, 2)
    first = checkout(project, tmp_path, "first")
    project.release(RELEASE, "second ")
    reports = run_side_by_side([first, checkout(project, tmp_path, "second")])
    refused, done = sorted(reports, key=lambda report: int(report["exit_code"]), reverse=True)
    assert (done["exit_code"], refused["exit_code"]) == (0, 4)
    assert f"version {RELEASE} was built from another commit" in refused["error"]["message"]
    assert {project.remote.begun(name)[-1] for name in INSTANCES[1:]} == {"CreateVersion"}
