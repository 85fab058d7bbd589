"""App Engine's limits on files are found before the publish and before the first byte."""

from __future__ import annotations

import pytest
from tests.integration.conftest import Project

RELEASE = "20200403-073034"
LARGEST = 32 * 1024 * 1024
BIG = f"""
with open("target/staging/WEB-INF/big.bin", "wb") as big:
    big.truncate({LARGEST} + 1)
"""
MANY = """
for n in range(10_000):
    folder = staging / f"many{n // 1000}"
    folder.mkdir(exist_ok=True)
    (folder / str(n)).touch()
"""


def _build_also(project: Project, lines: str) -> None:
    project.write("build.py", (project.root / "build.py").read_text() + lines)
    project.commit()
    project.git("tag", "-f", RELEASE)


def _refusal(project: Project, words: str) -> str:
    """The finding of a run that is refused before it has published or sent anything."""
    report = project.report("run", RELEASE)
    assert (report["exit_code"], report["error"]["code"]) == (4, "REFUSED")
    [finding] = [each for each in report["error"]["details"] if words in each]
    assert "flow-uat1" in finding
    assert "akvoflow-5" in finding
    assert project.remote.published() == []
    assert project.remote.changes() == []
    buckets = [r["path"].split("/")[5] for r in project.remote.requests("POST", "/upload/*")]
    assert set(buckets) <= {"staging.flow-uat1.appspot.com"}  # of the records
    return str(finding)


@pytest.mark.parametrize("mode", ["files", "zip"])
def test_a_large_file_is_refused_before_anything_is_sent(project: Project, mode: str) -> None:
    project.edit("config/instances.yaml", "rollout:", f"upload: {{mode: {mode}}}\nrollout:")
    _build_also(project, BIG)
    words = f"WEB-INF/big.bin has {LARGEST + 1} bytes, more than the {LARGEST}"
    finding = _refusal(project, words)

    ended = project.run("plan", RELEASE, "--verbose")
    assert f"would be refused: {finding}" in " ".join(ended.err.split())
    refusals = project.run("plan", RELEASE, "--verbose", "--format", "json").json["refusals"]
    assert all(words in each["message"] for each in refusals)
    assert len(refusals) == 6


@pytest.mark.slow
def test_too_many_files_are_refused_before_anything_is_sent(project: Project) -> None:
    _build_also(project, MANY)
    _refusal(project, "10004 files are more than the 10000 of a version; most: many0 (1000)")
