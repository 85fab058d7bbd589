"""What runs leave on record, where it lies, and what happens where it cannot be written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

BUCKET = "/storage/v1/b/staging.flow-uat1.appspot.com/o"
NAMES = tuple(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))
FIRST = {name: {"1": 1} for name in NAMES}
LOCAL = ("config/instances.yaml", "library:", "records: local\nlibrary:")


def objects(project: Project, run: str) -> list[str]:
    """The names of all objects on record of a run, without what they have in common."""
    prefix = f"flowdeploy/runs/{run}/"
    items = project.remote.call("GET", f"{BUCKET}?prefix={prefix}").get("items", [])
    return [item["name"].removeprefix(prefix) for item in items]


def here(project: Project, run: str) -> list[Path]:
    folder = project.root / ".flowdeploy/runs" / run
    return sorted(path for path in folder.glob("*.json") if path.name != "report.json")


def live(project: Project) -> dict[str, Any]:
    return {name: project.remote.live(name) for name in NAMES}


def test_who_when_what_and_how_it_ended(fleet: Project) -> None:
    first = fleet.report("promote", "v2", "akvoflow-1,akvoflow-2", GITHUB_ACTOR="ada")
    second = fleet.report("rollback", "akvoflow-1")
    third = fleet.report("promote", "v9", "all")
    rows = fleet.run("history", "--format", "json").json
    assert [row["run"] for row in rows] == [third["run"], second["run"], first["run"]]
    assert [row["outcome"] for row in rows] == ["refused", "succeeded", "succeeded"]
    assert [row["changed"] for row in rows] == [0, 1, 2]
    assert rows[2]["user"] == "ada"
    assert rows[2]["command"] == "flowdeploy --format json promote v2 akvoflow-1,akvoflow-2"
    assert (rows[1]["kind"], rows[2]["version"]) == ("rollback", "v2")
    assert rows[0]["target"] == fleet.remote.url
    limited = fleet.run("history", "--limit", "1", "--format", "json").json
    assert [row["run"] for row in limited] == [third["run"]]


def test_runs_of_the_same_second_are_in_their_order(fleet: Project) -> None:
    ran = [fleet.report("promote", v, "akvoflow-1")["run"] for v in ("v2", "1") * 4]
    rows = fleet.run("history", "--format", "json").json
    assert [row["run"] for row in reversed(rows)] == ran


def test_the_ref_of_a_pipeline_is_on_record(project: Project) -> None:
    project.report("run", "20200403-073034", "--only", "akvoflow-1")
    (row,) = project.run("history", "--format", "json").json
    assert row["ref"] == "refs/tags/20200403-073034"
    assert row["changed"] == 2, "UAT1, and the one in production"


@pytest.mark.parametrize("form", ["table", "json", "yaml", "csv"])
def test_one_run_in_full(fleet: Project, form: str) -> None:
    fleet.remote.fault("permission", project="akvoflow-2", method="PATCH")
    run = fleet.report("promote", "v2", "akvoflow-1,akvoflow-2")["run"]
    ended = fleet.run("history", run, "--format", form)
    assert ended.code == 0
    assert "akvoflow-2" in ended.out
    if form == "json":
        assert ended.json["report"]["outcome"] == "partial"
        before = {each["instance"]: each["change"]["before"] for each in ended.json["changes"]}
        assert before["akvoflow-1"]["allocations"] == {"1": 1}
    if form == "table":
        assert "failed" in ended.out


def test_the_record_is_here_and_there_and_nothing_of_it_is_written_twice(fleet: Project) -> None:
    run = fleet.report("promote", "v2", "all")["run"]
    names = objects(fleet, run)
    assert names == [path.name for path in here(fleet, run)]
    kinds = [name.removesuffix(".json").rpartition("-")[2] for name in names]
    assert (kinds.count("plan"), kinds[0], kinds[-1]) == (1, "plan", "report")
    uploads = [
        r for r in fleet.remote.requests("POST", "/upload/*") if f"runs/{run}/" in str(r["query"])
    ]
    assert len(uploads) == len(names)
    assert all("ifGenerationMatch=0" in r["query"] for r in uploads)


def test_intents_are_on_record_before_the_change(fleet: Project) -> None:
    run = fleet.report("promote", "v2", "akvoflow-1")["run"]
    log = fleet.remote.requests()
    moved = next(i for i, r in enumerate(log) if r["method"] == "PATCH")
    assert any(run in r["query"] and "changes" in r["query"] for r in log[:moved])
    plans, changes = (
        [json.loads(path.read_text()) for path in here(fleet, run) if kind in path.name]
        for kind in ("plan", "changes")
    )
    assert plans[0]["header"]["plan"]["version"] == "v2"
    (intent,) = changes[0]["intents"]
    assert intent["instance"] == "akvoflow-1"
    assert intent["change"]["before"]["allocations"] == {"1": 1}
    assert intent["change"]["after"]["allocations"] == {"v2": 1}


@pytest.fixture
def writes(fleet: Project) -> int:
    """How many objects of a promotion are written when its first change happens.

    All instances have ``v2`` by now, and the next promotion is to be back to ``1``.
    """
    assert fleet.report("promote", "v2", "all")["exit_code"] == 0
    log = fleet.remote.requests()
    moved = next(i for i, r in enumerate(log) if r["method"] == "PATCH")
    fleet.remote.forget()
    return sum(r["path"].startswith("/upload/storage/") for r in log[:moved])


def forbid_writes(project: Project, after: int) -> None:
    project.remote.fault("permission", method="POST", target="/upload/storage/*", after=after)


def test_where_the_intent_cannot_be_recorded_the_change_does_not_happen(
    fleet: Project, writes: int
) -> None:
    """The last of these writes is the intent."""
    forbid_writes(fleet, after=writes - 1)
    report = fleet.report("promote", "1", "all")
    assert report["exit_code"] == 1
    assert report["error"]["code"] in {"PERMISSION_DENIED", "FORBIDDEN"}
    assert fleet.remote.changes() == []


def test_records_that_fail_midway_stop_the_run_where_it_is(fleet: Project, writes: int) -> None:
    forbid_writes(fleet, after=writes)
    report = fleet.report("promote", "1", "all")
    assert report["exit_code"] == 3
    assert live(fleet) == {name: {"v2": 1} for name in NAMES} | {"akvoflow-1": {"1": 1}}
    fleet.remote.heal()
    assert fleet.report("resume", report["run"])["exit_code"] == 0
    assert live(fleet) == FIRST


@pytest.mark.parametrize("words", [("promote", "v2", "all"), ("rollback", "all"), ("history",)])
def test_a_bucket_that_may_not_be_used_is_named(fleet: Project, words: tuple[str, ...]) -> None:
    fleet.remote.fault("permission", target="*/storage/*")
    ended = fleet.run(*words)
    assert ended.code == 1
    said = " ".join((ended.out + ended.err).split())
    assert "the records in gs://staging.flow-uat1.appspot.com/flowdeploy/ cannot be used" in said
    assert "roles/storage.objectAdmin" in said


@pytest.mark.parametrize("taken", ["the folder", "a name in it"])
def test_a_home_that_cannot_be_written_to_stops_it_before_any_change(
    fleet: Project, tmp_path: Path, taken: str
) -> None:
    home = tmp_path / "home"
    if taken == "the folder":
        home.write_text("a file")
    else:
        home.mkdir()
        (home / "runs").write_text("a file")
    fleet.remote.forget()
    report = fleet.report("promote", "v2", "all", FLOWDEPLOY_HOME=str(home))
    assert report["exit_code"] in {1, 2}
    assert "FLOWDEPLOY_HOME" in report["error"]["hint"]
    assert fleet.remote.changes() == []


def test_what_cannot_be_read_is_told_in_its_row(fleet: Project) -> None:
    fleet.edit(*LOCAL)
    run = fleet.report("promote", "v2", "all")["run"]
    here(fleet, run)[-1].write_text('{"schema": 99}')
    (row,) = fleet.run("history", "--format", "json").json
    assert row["run"] == run
    assert "schema" in row["error"]["message"]
    report = fleet.report("rollback", "all")
    assert report["exit_code"] == 4
    assert run in report["error"]["message"]
    assert "later flowdeploy" in report["error"]["hint"]
    assert "rollback --run RUN" in report["error"]["hint"]


def test_a_place_of_ones_own_is_used(fleet: Project) -> None:
    fleet.remote.call("POST", "/storage/v1/b?project=flow-uat1", {"name": "flow-records"})
    fleet.edit("config/instances.yaml", "library:", "records: gs://flow-records/x\nlibrary:")
    run = fleet.report("promote", "v2", "all")["run"]
    items = fleet.remote.call("GET", "/storage/v1/b/flow-records/o")["items"]
    assert {item["name"].rpartition("/")[0] for item in items} == {f"x/runs/{run}", "x/index"}
    assert objects(fleet, run) == []
    assert "records:" not in fleet.run("config", "check").err


def test_a_place_that_lasts_is_recommended(fleet: Project) -> None:
    ended = fleet.run("config", "check")
    assert ended.code == 0
    assert "`records: gs://A-BUCKET-OF-YOURS/flowdeploy`" in " ".join(ended.err.split())
    document = fleet.run("config", "check", "--format", "json").json
    assert any("15 days" in warning for warning in document["warnings"])


def test_records_of_google_and_of_a_sandbox_are_kept_apart(fleet: Project) -> None:
    fleet.edit(*LOCAL)
    run = fleet.report("promote", "v2", "all")["run"]
    here_it_ran = f'"target": "{fleet.remote.url}"'
    for path in here(fleet, run):
        path.write_text(path.read_text().replace(here_it_ran, '"target": "google"'))
    assert fleet.run("history", "--format", "json").json == []
    assert fleet.run("history", run).code == 2
    assert fleet.report("rollback", "all")["exit_code"] == 4
    assert fleet.report("resume", run)["exit_code"] == 2
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}


def test_the_embedded_sandbox_is_the_same_at_every_port(project: Project) -> None:
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    assert project.run("--sandbox", "run", "20200403-073034").code == 0
    assert project.run("--sandbox", "promote", "20200403-073034", "all").code == 0
    report = project.report("--sandbox", "rollback", "all")
    assert report["exit_code"] == 0
    assert report["target"].startswith("http://127.0.0.1:")
    assert len(project.run("--sandbox", "history", "--format", "json").json) == 3


def test_names_of_runs_are_completed(fleet: Project) -> None:
    run = fleet.report("promote", "v2", "akvoflow-1")["run"]
    for words in (f"flowdeploy resume {run[:6]}", f"flowdeploy rollback all --run {run[:6]}"):
        ended = fleet.run(
            _FLOWDEPLOY_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split()) - 1),
        )
        assert ended.out == f"plain,{run}\n"


def test_runs_of_before_there_was_an_index_are_found(fleet: Project) -> None:
    first = fleet.report("promote", "v2", "akvoflow-1")
    for item in fleet.remote.call("GET", f"{BUCKET}?prefix=flowdeploy/index/")["items"]:
        path = f"{fleet.remote.url}{BUCKET}/{quote(item['name'], safe='')}"
        assert requests.delete(path, timeout=10).ok
    shutil.rmtree(fleet.root / ".flowdeploy")
    rows = fleet.run("history", "--format", "json").json
    assert [row["run"] for row in rows] == [first["run"]]
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}
