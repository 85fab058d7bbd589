"""``flowdeploy versions``: what gcloud lists, in gcloud's form."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.integration.conftest import Project

GCLOUD = shutil.which("gcloud")
LIST = ["versions", "--project", "akvoflow-1"]


@pytest.fixture
def listed(project: Project) -> Project:
    """A project with two services and a split, in an order that sorting must mend."""
    remote = project.remote
    for version in ("20200403-073034", "v10", "v2"):
        remote.put_version("akvoflow-1", version)
    remote.split("akvoflow-1", {"1": 0.25, "v10": 0.75})
    for service in ("default-api", "api"):
        remote.put_version("akvoflow-1", "v1", service=service)
    stopped = {"manualScaling": {"instances": 1}, "servingStatus": "STOPPED"}
    remote.put_version("akvoflow-1", "stopped", service="api", **stopped)
    return project


def test_a_table_has_gclouds_columns_and_order(listed: Project) -> None:
    ended = listed.run(*LIST, TZ="UTC")
    header, *rows = (line.split() for line in ended.out.splitlines())
    assert header == ["SERVICE", "VERSION.ID", "TRAFFIC_SPLIT", "LAST_DEPLOYED", "SERVING_STATUS"]
    assert [[row[0], row[1], row[2], row[4]] for row in rows] == [
        ["api", "stopped", "0.00", "STOPPED"],
        ["api", "v1", "1.00", "SERVING"],
        ["default-api", "v1", "1.00", "SERVING"],
        ["default", "1", "0.25", "SERVING"],
        ["default", "20200403-073034", "0.00", "SERVING"],
        ["default", "v10", "0.75", "SERVING"],
        ["default", "v2", "0.00", "SERVING"],
    ]
    assert ended.err == ""


def test_one_service_can_be_chosen(listed: Project) -> None:
    rows = listed.run(*LIST, "--service", "api", "--format", "json").json
    assert {row["service"] for row in rows} == {"api"}
    assert len(rows) == 2


def test_json_is_a_list_of_objects_with_gclouds_keys(listed: Project) -> None:
    rows = listed.run(*LIST, "--service", "api", "--format", "json").json
    row = rows[1]
    assert {"service", "id", "traffic_split", "last_deployed_time", "version"} <= row.keys()
    assert (row["service"], row["id"], row["traffic_split"]) == ("api", "v1", 1.0)
    path = "/v1/apps/akvoflow-1/services/api/versions/v1"
    assert row["version"] == listed.remote.call("GET", path)


def test_yaml_says_the_same_as_json(listed: Project) -> None:
    ended = listed.run(*LIST, "--format", "yaml")
    assert yaml.safe_load(ended.out) == listed.run(*LIST, "--format", "json").json


def test_csv_has_the_tables_columns(listed: Project) -> None:
    ended = listed.run(*LIST, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert list(rows[0]) == [
        "service",
        "version.id",
        "traffic_split",
        "last_deployed",
        "serving_status",
    ]
    assert [row["version.id"] for row in rows if row["service"] == "api"] == ["stopped", "v1"]


def test_every_page_is_followed(project: Project) -> None:
    for number in range(209):
        project.remote.put_version("akvoflow-2", f"v{number:03}")
    rows = project.run("versions", "--project", "akvoflow-2", "--format", "json").json
    assert len({row["id"] for row in rows}) == 210
    asked = project.remote.requests("GET", "/v1/apps/akvoflow-2/services/default/versions")
    assert len(asked) == 3


def test_a_missing_project_or_service_is_an_error(project: Project) -> None:
    ended = project.run(*LIST, "--service", "api")
    assert ended.code == 1
    assert "akvoflow-1 has no service api" in ended.err
    assert "Its services are: default" in ended.err
    ended = project.run("versions", "--project", "nobody-here")
    assert (ended.code, ended.out) == (1, "")
    assert "nobody-here" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        *(["--project", odd] for odd in ("", "p", "../x", "Akvoflow-1", "akvoflow-1\n", "a b")),
        *(["--project", "akvoflow-1", "--service", odd] for odd in ("", "../x", "API")),
    ],
)
def test_an_impossible_project_or_service_name_is_refused(
    project: Project, options: list[str]
) -> None:
    ended = project.run("versions", *options)
    assert (ended.code, ended.out) == (2, "")
    assert f"{options[-1]!r} is no id of a {options[-2].strip('-')}" in ended.err
    assert project.remote.requests() == []


def test_versions_need_no_configuration(project: Project, tmp_path: Path) -> None:
    project.monkeypatch.chdir(tmp_path)
    assert project.run(*LIST).code == 0


@pytest.fixture
def gcloud(listed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The real gcloud's command, which asks the same sandbox."""
    if GCLOUD is None:
        pytest.skip("gcloud is not installed")
    for name, value in {
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_APPENGINE": f"{listed.remote.url}/",
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
    }.items():
        monkeypatch.setenv(name, value)
    return [GCLOUD, "app", "versions", "list", "--project", "akvoflow-1"]


def _printed(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "America/St_Johns"])
def test_gcloud_prints_the_same_table(
    gcloud: list[str], monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    assert _printed([sys.executable, "-m", "flowdeploy", *LIST]) == _printed(gcloud)


@pytest.mark.slow
def test_gcloud_says_the_same_of_each_version(listed: Project, gcloud: list[str]) -> None:
    """But for ``version``, of which gcloud keeps only the fields that it knows."""
    theirs = json.loads(_printed([*gcloud, "--format", "json"]))
    ours = listed.run(*LIST, "--format", "json").json
    assert len(ours) == len(theirs) == 7
    for our_row, their_row in zip(ours, theirs, strict=True):
        assert our_row.pop("version")["name"] == their_row["version"]["name"]
        assert our_row == {key: their_row[key] for key in our_row}
