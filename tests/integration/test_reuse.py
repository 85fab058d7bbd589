"""Build once: a release deploys what the trunk's pipeline has built of the same commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
ONE = ("run", RELEASE, "--only", "akvoflow-1")
STAMPED = 'import time; pathlib.Path("target/staging/built.txt").write_text(str(time.time_ns()))\n'


@pytest.fixture(params=["", "records: local\n", "upload: {mode: zip}\n"])
def reusing(project: Project, request: pytest.FixtureRequest) -> Project:
    """The fleet with `reuse`, and with builds of which no two are equal."""
    project.edit("config/instances.yaml", "build:\n", f"{request.param}build:\n  reuse: true\n")
    project.write("build.py", (project.root / "build.py").read_text() + STAMPED)
    project.commit()
    project.git("tag", "-f", RELEASE)
    return project


def _builds(report: Any) -> Any:
    (step,) = (step for step in report["steps"] if step["action"] == "build")
    return step


def _content(project: Project, instance: str, version: str) -> set[str]:
    """The names of the objects that a version's files were in."""
    path = f"/v1/apps/{instance}/services/default/versions/{version}?view=FULL"
    deployment = project.remote.call("GET", path)["deployment"]
    files = [*deployment.get("files", {}).values(), deployment.get("zip", {})]
    return {file["sourceUrl"].rpartition("/")[2] for file in files if file}


def _fail_to_build(project: Project) -> None:
    """From here on a build fails, in a tree that is the commit's all the same."""
    project.git("update-index", "--assume-unchanged", "build.py")
    project.write("build.py", "raise SystemExit(1)")


def test_a_tag_on_a_commit_that_the_trunk_has_built_deploys_its_files(reusing: Project) -> None:
    trunk = reusing.report("run", "master")
    _fail_to_build(reusing)
    report = reusing.report(*ONE)
    assert report["exit_code"] == 0
    assert _builds(report)["outcome"] == "unchanged"
    assert trunk["version"] in _builds(report)["notes"][0]
    assert reusing.remote.live("flow-uat1") == {RELEASE: 1}
    assert _content(reusing, "akvoflow-1", RELEASE) == _content(
        reusing, "flow-uat2", trunk["version"]
    )
    assert report["library_version"] in reusing.remote.published()


def test_the_release_is_on_record_as_itself(reusing: Project) -> None:
    reusing.report("run", "master")
    _fail_to_build(reusing)
    assert reusing.report(*ONE)["exit_code"] == 0
    assert reusing.report("deploy", RELEASE, "akvoflow-2")["exit_code"] == 0
    assert reusing.report(*ONE)["exit_code"] == 0
    assert reusing.report("promote", RELEASE, "akvoflow-1,akvoflow-2")["exit_code"] == 0


def test_a_commit_that_the_trunk_has_not_built_is_built(reusing: Project) -> None:
    reusing.report("run", "master")
    reusing.release(RELEASE, "second ")
    report = reusing.report(*ONE)
    assert (report["exit_code"], _builds(report)["outcome"]) == (0, "done")


def test_without_reuse_every_tag_is_built(project: Project) -> None:
    project.report("run", "master")
    assert _builds(project.report(*ONE))["outcome"] == "done"


def test_a_plan_says_that_nothing_would_be_built(reusing: Project) -> None:
    trunk = reusing.report("run", "master")
    ended = reusing.run("plan", RELEASE, "--verbose", "--only", "akvoflow-1")
    notes = " ".join(ended.err.split())
    assert "nothing would be built: " in notes
    assert f"releases/{trunk['version']}.json has a build of this commit" in notes
