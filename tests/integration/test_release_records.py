"""A version is built once: what a later run finds of it, deploys and refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
RECORD = f"flowdeploy/releases/{RELEASE}.json"
INSTANCES = ("flow-uat1", "flow-uat2", *(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)))
UAT1 = "staging.flow-uat1.appspot.com"
OWN = "gs://flow-records/kept"
LARGE = 200_000  # bytes
# What it builds differs every time, as builds with jars do.
UNLIKE = """
import secrets
(staging / "index.html").write_text(secrets.token_hex(100_000))
with zipfile.ZipFile("target/flow-classes.jar", "w") as jar:
    jar.writestr("Flow.class", secrets.token_hex())
"""


@pytest.fixture
def unlike(project: Project) -> Project:
    """A project whose build never makes the same twice."""
    build = (project.root / "build.py").read_text()
    project.write("build.py", build + UNLIKE)
    project.commit()
    project.git("tag", "-f", RELEASE)
    return project


def objects(project: Project, bucket: str) -> set[str]:
    answer = project.remote.call("GET", f"/storage/v1/b/{bucket}/o?maxResults=1000")
    names = {item["name"] for item in answer.get("items", [])}
    ours = ("flowdeploy/runs/", "flowdeploy/index/")
    return {name for name in names if not name.startswith(ours)}


def forget(project: Project, bucket: str, *, but: str = "flowdeploy/") -> None:
    """Delete the staged objects of a bucket, as its lifecycle rule does in time."""
    for name in objects(project, bucket):
        if not name.startswith(but):
            path = f"{project.remote.url}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
            assert requests.delete(path, timeout=10).ok


def record(project: Project, bucket: str = UAT1, name: str = RECORD) -> Any:
    path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media"
    return project.remote.call("GET", path)


def own_records(project: Project) -> None:
    project.remote.call("POST", "/storage/v1/b?project=flow", {"name": "flow-records"})
    project.edit("config/instances.yaml", "build:\n", f"records: {OWN}\nbuild:\n")
    project.commit()
    project.git("tag", "-f", RELEASE)


def staging() -> list[str]:
    return [f"staging.{name}.appspot.com" for name in INSTANCES]


def sent(project: Project) -> int:
    """Bytes of all uploads."""
    return sum(entry["received"] for entry in project.remote.requests("POST", "/upload/*"))


def archive(project: Project, instance: str) -> str:
    """The name of the object that an instance's version was made of."""
    path = f"/v1/apps/{instance}/services/default/versions/{RELEASE}?view=FULL"
    url = project.remote.call("GET", path)["deployment"]["zip"]["sourceUrl"]
    return str(url).rpartition("/")[2]


def index(project: Project, instance: str) -> str:
    """The SHA-1 of an instance's index.html."""
    path = f"/v1/apps/{instance}/services/default/versions/{RELEASE}?view=FULL"
    files = project.remote.call("GET", path)["deployment"]["files"]
    return str(files["index.html"]["sha1Sum"])


def test_a_release_is_written_down(project: Project) -> None:
    report = project.report("run", RELEASE, GITHUB_ACTOR="ada")
    found = record(project)
    sha = project.git("rev-parse", "HEAD")
    assert found["commit"] == {"sha": sha, "time": "2020-04-03T07:30:34+00:00"}
    assert (found["version"], found["modified"]) == (RELEASE, False)
    assert (found["built"]["user"], found["built"]["run"]) == ("ada", report["run"])
    assert found["app_yaml"] == (project.root / "target/staging/app.yaml").read_text()
    assert [file["path"] for file in found["files"]] == project.remote.files("akvoflow-1", RELEASE)
    assert found["configs"] == {}
    library = found["library"]
    assert (library["coordinates"], library["version"]) == (
        "org.akvo.flow:akvo-flow",
        f"{RELEASE}.{sha[:8]}",
    )
    jar, pom = library["files"]
    assert jar["path"].endswith("-classes.jar")
    assert pom["path"].endswith(".pom")
    kept = {file["sha1"] for file in (*found["files"], jar, pom)}
    assert kept <= objects(project, UAT1)


def test_the_trunk_is_written_down_and_a_feature_branch_is_not(project: Project) -> None:
    project.report("run", "my-feature")
    assert objects(project, UAT1) == set()
    version = project.report("run", "master")["version"]
    assert record(project, name=f"flowdeploy/releases/{version}.json")["version"] == version


def test_a_second_run_of_the_same_commit_deploys_what_the_first_one_built(unlike: Project) -> None:
    unlike.report("run", RELEASE, "--only", "akvoflow-1")
    unlike.write("target/environment.json", "untouched")
    again = unlike.report("run", RELEASE)
    assert again["exit_code"] == 0
    assert unlike.outline(again)[:4] == [
        "build build: unchanged",
        "publish publish: unchanged",
        "uat flow-uat1: unchanged, live",
        "production akvoflow-1: unchanged, dark",
    ]
    (note,) = again["steps"][0]["notes"]
    assert note.startswith(f"deployed from gs://{UAT1}/{RECORD}: built by ")
    assert (unlike.root / "target/environment.json").read_text() == "untouched"
    assert index(unlike, "akvoflow-5") == index(unlike, "akvoflow-1")
    assert again["configs"] == []


def test_another_machine_needs_no_build_and_publishes_what_was_built(unlike: Project) -> None:
    """The first run got no further than the record."""
    unlike.remote.fault("internal", method="PUT", target="/repo/*")
    assert unlike.report("run", RELEASE)["exit_code"] == 1
    built = record(unlike)
    unlike.git("clean", "-qfdX")
    unlike.remote.call("DELETE", "/_sandbox/faults")
    report = unlike.report("run", RELEASE, "--prebuilt")
    assert report["exit_code"] == 0
    assert unlike.outline(report)[:2] == ["build build: unchanged", "publish publish: done"]
    assert not (unlike.root / "target").exists()
    jar = built["library"]["files"][0]["path"]
    there = requests.get(f"{unlike.remote.url}/repo/{jar}.sha1", timeout=10).text
    assert there == built["library"]["files"][0]["sha1"]
    assert record(unlike) == built


def test_another_commit_under_the_same_version_is_refused_before_the_build(
    project: Project,
) -> None:
    project.report("run", RELEASE)
    before = project.git("rev-parse", "HEAD")
    project.release(RELEASE, "second ")
    project.write("target/environment.json", "untouched")
    report = project.report("run", RELEASE)
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    details = " ".join(report["error"]["details"])
    assert before in details
    assert project.git("rev-parse", "HEAD") in details
    assert (project.root / "target/environment.json").read_text() == "untouched"


def test_replacing_replaces_the_record_too(project: Project) -> None:
    project.report("run", RELEASE)
    project.report("promote", "1", "flow-uat1")
    project.release(RELEASE, "second ")
    assert project.report("run", RELEASE, "--replace")["exit_code"] == 0
    assert record(project)["commit"]["sha"] == project.git("rev-parse", "HEAD")
    again = project.report("run", RELEASE)
    assert {step["outcome"] for step in again["steps"]} == {"unchanged"}


def test_files_that_are_gone_are_built_again_and_must_be_the_same(project: Project) -> None:
    project.report("run", RELEASE)
    for bucket in staging():
        forget(project, bucket)
    before = record(project)
    report = project.report("run", RELEASE)
    assert report["exit_code"] == 0
    assert project.outline(report)[0] == "build build: done"
    assert {file["sha1"] for file in before["files"]} <= objects(project, UAT1)
    assert record(project) == before


def test_files_that_are_gone_and_are_built_unlike_are_refused(unlike: Project) -> None:
    unlike.report("run", RELEASE)
    for bucket in staging():
        forget(unlike, bucket)
    report = unlike.report("run", RELEASE, "--only", "akvoflow-1")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")


def test_a_new_build_of_what_no_instance_has_is_refused_by_its_record(unlike: Project) -> None:
    """Its files are gone, and so are its versions; what was published under its name is not."""
    unlike.report("run", RELEASE, "--only", "akvoflow-1")
    before = record(unlike)
    for bucket in staging():
        forget(unlike, bucket)
    unlike.report("promote", "1", "flow-uat1")
    for name in ("flow-uat1", "akvoflow-1"):
        unlike.remote.call("DELETE", f"/v1/apps/{name}/services/default/versions/{RELEASE}")
    report = unlike.report("run", RELEASE)
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert "built before with different files (index.html)" in report["error"]["message"]
    assert "--replace" in " ".join(report["error"]["details"])
    assert unlike.remote.versions("akvoflow-1") == ["1"]
    assert unlike.report("run", RELEASE, "--replace")["exit_code"] == 0
    assert record(unlike)["files"] != before["files"]


def test_a_failed_build_and_a_refused_deploy_leave_no_record(project: Project) -> None:
    project.write("build.py", "raise SystemExit(1)")
    assert project.report("run", RELEASE, "--allow-dirty")["exit_code"] == 1
    project.git("checkout", "-q", "build.py")
    project.remote.disable("akvoflow-3")
    assert project.report("run", RELEASE)["exit_code"] == 4
    assert objects(project, UAT1) == set()


def test_modified_files_are_built_every_time(project: Project) -> None:
    project.write("content.txt", "modified ")
    project.report("run", RELEASE, "--allow-dirty")
    assert record(project)["modified"] is True
    report = project.report("run", RELEASE, "--allow-dirty")
    assert project.outline(report)[0] == "build build: done"
    project.write("content.txt", "modified again ")
    report = project.report("run", RELEASE, "--allow-dirty")
    assert report["exit_code"] == 4


def test_records_of_ones_own_keep_files_that_staging_buckets_forget(unlike: Project) -> None:
    own_records(unlike)
    unlike.report("run", RELEASE)
    kept = record(unlike, "flow-records", f"kept/releases/{RELEASE}.json")
    names = {f"kept/objects/{file['sha1']}" for file in kept["files"]}
    assert names <= objects(unlike, "flow-records")
    for bucket in staging():
        forget(unlike, bucket)
    again = unlike.report("run", RELEASE)
    assert unlike.outline(again)[0] == "build build: unchanged"
    assert again["exit_code"] == 0


def test_the_bucket_of_the_records_is_listed_once(project: Project) -> None:
    assert project.run("run", RELEASE).code == 0
    listings = project.remote.requests("GET", f"/storage/v1/b/{UAT1}/o")
    files = [r for r in listings if "flowdeploy" not in r["query"]]  # the others are of records
    assert len(files) == 1


def test_what_is_kept_travels_once(project: Project) -> None:
    """From where it is kept it is copied into staging buckets at Google."""
    project.report("run", "master")
    assert project.remote.requests("POST", "/upload/*flow-uat2*") == []
    own_records(project)
    project.release(RELEASE, "second ")
    project.remote.call("DELETE", "/_sandbox/requests")
    assert project.report("run", RELEASE)["exit_code"] == 0
    assert project.remote.requests("POST", "/upload/*staging*") == []


@pytest.mark.parametrize("own", [False, True])
def test_archives_are_kept_as_they_are_sent(unlike: Project, own: bool) -> None:
    """What all archives begin with travels once, and the files come out of it again."""
    unlike.edit("config/instances.yaml", "build:\n", "upload: {mode: zip}\nbuild:\n")
    unlike.commit()
    unlike.git("tag", "-f", RELEASE)
    if own:
        own_records(unlike)
    assert unlike.report("run", RELEASE, "--only", "akvoflow-1")["exit_code"] == 0
    first = sent(unlike)
    assert LARGE < first < 1.2 * LARGE
    unlike.git("clean", "-qfdX", "target")
    again = unlike.report("run", RELEASE)
    assert unlike.outline(again)[0] == "build build: unchanged"
    assert again["exit_code"] == 0
    assert sent(unlike) - first < 0.2 * LARGE
    assert archive(unlike, "akvoflow-5") == archive(unlike, "akvoflow-1")


def test_what_was_kept_as_an_archive_can_be_deployed_as_files(unlike: Project) -> None:
    unlike.edit("config/instances.yaml", "build:\n", "upload: {mode: zip}\nbuild:\n")
    unlike.report("run", RELEASE, "--allow-dirty", "--only", "akvoflow-1")
    unlike.git("checkout", "-q", "config")
    assert unlike.report("deploy", RELEASE, "akvoflow-5")["exit_code"] == 0
    built = {file["path"]: file["sha1"] for file in record(unlike)["files"]}
    assert index(unlike, "akvoflow-5") == built["index.html"]


def test_local_records_keep_files_on_this_machine(unlike: Project) -> None:
    unlike.edit("config/instances.yaml", "build:\n", "records: local\nbuild:\n")
    unlike.commit()
    unlike.git("tag", "-f", RELEASE)
    unlike.report("run", RELEASE, "--only", "akvoflow-1")
    records = unlike.root / ".flowdeploy/records"
    found = json.loads((records / f"releases/{RELEASE}.json").read_text())
    assert {file["sha1"] for file in found["files"]} <= {
        path.name for path in (records / "objects").iterdir()
    }
    for bucket in staging():
        forget(unlike, bucket)
    unlike.git("clean", "-qfdX", "target")
    again = unlike.report("run", RELEASE)
    assert again["exit_code"] == 0
    assert index(unlike, "akvoflow-5") == index(unlike, "akvoflow-1")


def test_a_record_that_cannot_be_read_ends_the_run_before_the_build(project: Project) -> None:
    path = f"/upload/storage/v1/b/{UAT1}/o?uploadType=media&name={quote(RECORD, safe='')}"
    assert requests.post(project.remote.url + path, data=b"{}", timeout=10).ok
    report = project.report("run", RELEASE)
    assert report["exit_code"] == 4
    assert f"gs://{UAT1}/{RECORD} cannot be read" in report["error"]["message"]
    assert {step["outcome"] for step in report["steps"]} == {"not-started"}
