"""``upload: {mode: zip}``: the fleet shares most of an archive, and every instance has its own."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
PRODUCTION = [f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)]
COMPOSED = "*/compose"
RUNS = ("run", RELEASE, "--only", "akvoflow-1,akvoflow-2")


@pytest.fixture
def zipped(project: Project) -> Project:
    project.write("config/instances.yaml", _config(project) + "upload: {mode: zip}\n")
    project.commit()
    project.git("tag", "-f", RELEASE)
    return project


def _config(project: Project) -> str:
    return (project.root / "config/instances.yaml").read_text()


def _archive(project: Project, instance: str) -> zipfile.ZipFile:
    """What App Engine was given for the release."""
    path = f"/v1/apps/{instance}/services/default/versions/{RELEASE}?view=FULL"
    given = project.remote.call("GET", path)["deployment"]["zip"]
    bucket, name = given["sourceUrl"].split("/")[3:]
    assert bucket == f"staging.{instance}.appspot.com"
    url = f"{project.remote.url}/storage/v1/b/{bucket}/o/{name}?alt=media"
    found = zipfile.ZipFile(io.BytesIO(requests.get(url, timeout=10).content))
    assert len(found.namelist()) == given["filesCount"]
    return found


def _describe(project: Project, instance: str, text: str) -> None:
    project.write(
        f"descriptors/{instance}/appengine-web.xml",
        '<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">'
        f"<system-properties><property name='name' value='{text}'/></system-properties>"
        "</appengine-web-app>",
    )


def _describe_all(project: Project) -> None:
    project.write("config/instances.yaml", _config(project) + "descriptors: descriptors\n")
    for instance in ("flow-uat1", "flow-uat2", *PRODUCTION):
        _describe(project, instance, instance)
    project.git("add", "descriptors")
    project.commit()
    project.git("tag", "-f", RELEASE)


def test_every_instance_gets_one_archive_of_the_application(zipped: Project) -> None:
    report = zipped.report("run", RELEASE)
    assert report["exit_code"] == 0
    for name in PRODUCTION:
        with _archive(zipped, name) as found:
            assert found.testzip() is None
            assert found.read("index.html") == b"first index.html"
            assert len(found.namelist()) == 4


def test_the_shared_pieces_are_sent_once(zipped: Project) -> None:
    zipped.report("run", RELEASE)
    heads = zipped.remote.requests("POST", "*.head/rewriteTo/*")
    assert len(heads) == len(PRODUCTION)
    assert zipped.remote.requests("POST", "/upload/storage/v1/b/staging.akvoflow-*") == []


def test_an_instances_own_file_is_in_its_archive_alone(zipped: Project) -> None:
    _describe_all(zipped)
    assert zipped.report("run", RELEASE)["exit_code"] == 0
    for name in PRODUCTION:
        with _archive(zipped, name) as found:
            assert found.testzip() is None
            own = found.read("WEB-INF/appengine-web.xml").decode()
            assert [other for other in PRODUCTION if f"'{other}'" in own] == [name]


def test_the_same_archive_is_unchanged_and_costs_reads_only(zipped: Project) -> None:
    zipped.report(*RUNS)
    zipped.remote.call("DELETE", "/_sandbox/requests")
    again = zipped.report(*RUNS)
    assert again["exit_code"] == 0
    states = {s["outcome"] for s in again["steps"] if s["stage"] == "production"}
    assert states == {"unchanged"}
    assert [c for c in zipped.remote.changes() if "akvoflow-" in c] == []


def test_other_content_under_the_same_version_is_refused(zipped: Project) -> None:
    _describe_all(zipped)
    zipped.report(*RUNS)
    _describe(zipped, "akvoflow-2", "changed")
    report = zipped.report(*RUNS, "--allow-dirty")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    (finding,) = report["error"]["details"]
    assert finding.startswith(f"akvoflow-2: version {RELEASE} exists with different files")


def test_an_archive_that_is_there_is_not_composed_again(zipped: Project) -> None:
    zipped.report(*RUNS)
    zipped.remote.call("DELETE", f"/v1/apps/akvoflow-1/services/default/versions/{RELEASE}")
    zipped.remote.call("DELETE", "/_sandbox/requests")
    assert zipped.report(*RUNS)["exit_code"] == 0
    assert zipped.remote.requests("POST", COMPOSED) == []
    assert RELEASE in zipped.remote.versions("akvoflow-1")


def test_drift_of_an_archive_is_told_by_its_name(zipped: Project) -> None:
    assert zipped.run(*RUNS).code == 0
    status = ("status", RELEASE, "--drift", "--format", "json")
    assert zipped.run(*status).json == []
    zipped.write("target/staging/index.html", "something else")
    ended = zipped.run(*status)
    assert ended.code == 4
    assert {row["field"] for row in ended.json} == {"files"}
    assert all(
        [*row["is"]] == ["the archive"] and row["is"] != row["should_be"] for row in ended.json
    )


def test_files_that_cannot_be_compared_are_named(zipped: Project) -> None:
    assert zipped.run(*RUNS).code == 0
    assert zipped.report("promote", RELEASE, "akvoflow-1")["exit_code"] == 0
    ended = zipped.run("status", "--drift")
    assert f"which files version {RELEASE} has cannot be known on" in ended.err
