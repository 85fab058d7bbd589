"""What flowdeploy says is what is so, whatever operations and answers have said."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.fault_proxy import answer_after, answer_instead, reset_after
from tests.integration.test_history import objects

from flowdeploy.clients.google_api import open_client

if TYPE_CHECKING:
    from tests.fault_proxy import Asked, Fault, FaultProxy, Forward, Reply
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
SERVICE = "/v1/apps/akvoflow-1/services/default"
VERSIONS = f"{SERVICE}/versions"
OPERATIONS = "/v1/apps/akvoflow-1/operations/*"
BROKEN = {"code": 9, "message": "Cloud build failed"}


def _end_with(error: object) -> Fault:
    """The operation has ended in this error."""

    def change(reply: Reply) -> Reply:
        document = json.loads(reply.body)
        document.pop("response", None)
        body = json.dumps({**document, "done": True, "error": error}).encode()
        return replace(reply, body=body)

    return answer_after(change)


# An operation that has ended in an error, and has done nothing.
FAILED = {"name": "apps/akvoflow-1/operations/1", "done": True, "error": BROKEN}
FAIL = answer_instead(200, json.dumps(FAILED).encode())


def _step(report: Any, action: str) -> Any:
    (step,) = (s for s in report["steps"] if (s["instance"], s["action"]) == ("akvoflow-1", action))
    return step


@pytest.mark.parametrize("error", [BROKEN, {"code": 0}, {"code": 13, "message": "internal"}])
def test_a_move_whose_operation_says_that_it_failed_is_read_back(
    fleet: Project, proxy: FaultProxy, error: object
) -> None:
    proxy.arm(_end_with(error), "PATCH", SERVICE)
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}
    assert (report["exit_code"], _step(report, "promote")["state"]) == (0, "live")
    back = fleet.report("rollback", "akvoflow-1")
    assert back["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}


@pytest.mark.parametrize("error", [BROKEN, {"code": 0}])
def test_a_version_whose_operation_says_that_it_failed_is_read_back(
    project: Project, proxy: FaultProxy, error: object
) -> None:
    proxy.arm(_end_with(error), "POST", VERSIONS)
    report = project.report("run", RELEASE, "--only", "akvoflow-1")
    assert RELEASE in project.remote.versions("akvoflow-1")
    assert (report["exit_code"], _step(report, "deploy")["state"]) == (0, "dark")


def test_a_move_that_has_failed_leaves_what_was_read(fleet: Project, proxy: FaultProxy) -> None:
    proxy.arm(FAIL, "PATCH", SERVICE)
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert (report["exit_code"], _step(report, "promote")["state"]) == (1, "dark")
    back = fleet.report("rollback", "akvoflow-1")
    assert back["exit_code"] == 4
    assert fleet.remote.moves("akvoflow-1") == []


def test_a_version_that_was_made_in_part_is_a_change(project: Project, proxy: FaultProxy) -> None:
    """App Engine has a version of the name, not with these files, and says that it failed."""

    def make_another(asked: Asked, forward: Forward) -> Reply | None:
        project.remote.put_version("akvoflow-1", RELEASE)
        return FAIL(asked, forward)

    proxy.arm(make_another, "POST", VERSIONS)
    report = project.report("run", RELEASE, "--only", "akvoflow-1")
    assert (report["exit_code"], _step(report, "deploy")["state"]) == (3, "dark")
    assert _step(report, "deploy")["error"]["message"] == "Cloud build failed"


def test_attempts_are_those_that_were_made(fleet: Project, proxy: FaultProxy) -> None:
    unavailable = answer_instead(503, b"")
    proxy.arm(unavailable, "PATCH", SERVICE, times=2)
    proxy.arm(FAIL, "PATCH", SERVICE)
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert _step(report, "promote")["attempts"] == 3


def test_a_lost_answer_is_no_failure(fleet: Project, proxy: FaultProxy) -> None:
    proxy.arm(reset_after, "PATCH", SERVICE, times=1)
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert report["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}


def test_history_shows_what_is_so_after_a_failed_step(fleet: Project, proxy: FaultProxy) -> None:
    proxy.arm(FAIL, "PATCH", SERVICE)
    run = fleet.report("promote", "v2", "akvoflow-1,akvoflow-2", "--max-failures", "1")["run"]
    rows = list(csv.DictReader(fleet.run("history", run, "--format", "csv").out.splitlines()))
    after = {row["instance"]: row["after"] for row in rows if row["action"] == "promote"}
    assert after == {"akvoflow-1": "1 100%", "akvoflow-2": "v2 100%"}


@pytest.mark.parametrize(
    "answer",
    [
        answer_after(lambda reply: replace(reply, body=b"<html>a portal</html>")),
        answer_instead(403, b"<html>a portal</html>"),
    ],
    ids=["written", "not written"],
)
def test_a_report_tells_the_run_whatever_happens_to_its_record(
    fleet: Project, proxy: FaultProxy, answer: Fault
) -> None:
    ends = "/upload/storage/v1/b/*"

    def strike(asked: Asked, forward: Forward) -> Reply | None:
        return answer(asked, forward) if "report.json" in asked.query else forward()

    proxy.arm(strike, "POST", ends)
    report = fleet.report("promote", "v2", "akvoflow-1", "--report", "report")
    assert (report["exit_code"], report["outcome"]) == (0, "succeeded")
    assert [step["state"] for step in report["steps"]] == ["dark", "live"]
    (saved,) = fleet.root.glob("report/report.json")
    assert json.loads(saved.read_text()) == report
    written = "report" in " ".join(objects(fleet, report["run"]))
    assert [report["run"] in remark for remark in report["remarks"]] == ([] if written else [True])


def test_a_change_that_could_not_be_sent_was_not_made(
    fleet: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens any more where Google's library sends to."""
    library = "flowdeploy.clients.appengine.open_client"
    opened = partial(_open_at, "http://127.0.0.1:9")
    monkeypatch.setattr(library, opened)
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert (report["exit_code"], _step(report, "promote")["state"]) == (1, "dark")


def _open_at(root: str, kind: Any, _: str, session: Any) -> Any:
    return open_client(kind, root, session)


def test_what_app_engine_said_of_a_change_is_told(fleet: Project, proxy: FaultProxy) -> None:
    proxy.arm(_end_with(BROKEN), "PATCH", SERVICE)
    report = fleet.report("promote", "v2", "akvoflow-1")
    (note,) = (note for note in _step(report, "promote")["notes"] if "reported" in note)
    assert note.endswith("Cloud build failed")


def test_a_version_that_got_traffic_meanwhile_is_not_replaced(
    project: Project, proxy: FaultProxy
) -> None:
    def intrude(asked: Asked, forward: Forward) -> Reply | None:
        body = json.loads(asked.body)
        body["deployment"]["files"].pop("index.html")
        project.remote.call("POST", VERSIONS, body)
        project.remote.split("akvoflow-1", {RELEASE: 1})
        return answer_instead(503, b"")(asked, forward)

    proxy.arm(intrude, "POST", VERSIONS, times=1)
    report = project.report("run", RELEASE, "--only", "akvoflow-1")
    assert _step(report, "deploy")["outcome"] == "failed"
    assert "is live" in _step(report, "deploy")["error"]["message"]
    assert "index.html" not in project.remote.files("akvoflow-1", RELEASE)
