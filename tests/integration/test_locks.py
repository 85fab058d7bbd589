"""One run at a time for each role; who is kept out is told by whom."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from google.auth.credentials import AnonymousCredentials

from flowdeploy.clients.bucket_store import BucketStore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.planning.fleet import Role
from flowdeploy.records.locks import Holder, Lease

if TYPE_CHECKING:
    from tests.integration.conftest import Project, Remote

RELEASE = "20200403-073034"
NAMES = tuple(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))
BOB = Holder("run-2", "bob", "ci-7", "flowdeploy promote v9 all", "2020-04-03T07:30:35+00:00")


def lease(remote: Remote, role: Role) -> Lease:
    session = GoogleSession(AnonymousCredentials(), 2)
    store = BucketStore(session, remote.url, "staging.flow-uat1.appspot.com", "flowdeploy/")
    return Lease(store, f"locks/{role}", BOB)


@pytest.fixture
def held(fleet: Project) -> Project:
    """Somebody else, on another machine, is at work on production."""
    lease(fleet.remote, Role.PRODUCTION).acquire()
    fleet.remote.forget()
    return fleet


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "flowdeploy", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def read_until(running: subprocess.Popen[str], text: str) -> None:
    assert running.stderr is not None
    for line in running.stderr:
        if text in " ".join(line.split()):
            return
    raise AssertionError(f"it never said {text!r}")


@pytest.mark.parametrize("command", ["promote", "rollback", "run", "resume"])
def test_a_lock_that_is_held_is_told_and_nothing_is_changed(fleet: Project, command: str) -> None:
    fleet.remote.fault("permission", project="akvoflow-2", method="PATCH")
    run = fleet.report("promote", "v2", "akvoflow-1", "akvoflow-2")["run"]
    fleet.remote.heal()
    lease(fleet.remote, Role.PRODUCTION).acquire()
    fleet.remote.forget()
    arguments = {
        "promote": ("v2", "all"),
        "rollback": ("all",),
        "run": (f"promote-{RELEASE}",),
        "resume": (run,),
    }
    report = fleet.report(command, *arguments[command])
    assert (report["exit_code"], report["outcome"], report["steps"]) == (5, "failed", [])
    message = report["error"]["message"]
    assert "locks/production" in message
    assert "`flowdeploy promote v9 all` by bob on ci-7, run run-2, since 2020-04-03" in message
    assert "--wait 10m" in report["error"]["hint"]
    assert ("--take-over" in report["error"]["hint"]) is (command != "run")
    assert fleet.remote.changes() == []


def test_a_deploy_out_of_a_record_waits_its_turn_as_well(project: Project) -> None:
    project.report("run", RELEASE, "--only", "akvoflow-1")
    lease(project.remote, Role.PRODUCTION).acquire()
    report = project.report("deploy", RELEASE, "akvoflow-2")
    assert (report["exit_code"], report["steps"]) == (5, [])
    assert project.remote.versions("akvoflow-2") == ["1"]


def test_a_lock_that_is_given_back_is_waited_for(held: Project) -> None:
    with process("--quiet", "--format", "json", "promote", "v2", "all", "--wait", "1m") as running:
        read_until(
            running,
            "waiting: another run has the lock locks/production: "
            "`flowdeploy promote v9 all` by bob on ci-7",
        )
        held.remote.advance(120)  # bob was killed: his lock lapses by the server's clock
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert json.loads(out)["outcome"] == "succeeded"


def test_a_wait_that_was_too_short(held: Project) -> None:
    report = held.report("promote", "v2", "all", "--wait", "0.1s")
    assert (report["exit_code"], report["steps"]) == (5, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_waiting_is_ended_at_once_by_a_signal(held: Project, number: signal.Signals) -> None:
    with process("--format", "json", "promote", "v2", "all", "--wait", "10m") as running:
        read_until(running, "waiting: another run has the lock")
        running.send_signal(number)
        out, _ = running.communicate(timeout=10)
    assert running.returncode == 130
    report = json.loads(out)
    assert (report["outcome"], report["exit_code"]) == ("interrupted", 130)
    assert held.remote.changes() == []


def test_a_lock_lapses_by_the_servers_clock(held: Project) -> None:
    held.remote.advance(61)
    assert held.report("promote", "v2", "all")["exit_code"] == 0


def test_a_lock_is_given_back(fleet: Project) -> None:
    for _ in range(2):
        assert fleet.report("promote", "v2", "all")["exit_code"] == 0
    fleet.remote.fault("operation-error", method="UpdateService")
    assert fleet.report("promote", "1", "all")["exit_code"] == 1
    fleet.remote.heal()
    assert fleet.report("promote", "v9", "all")["exit_code"] == 4
    path = "/storage/v1/b/staging.flow-uat1.appspot.com/o?prefix=flowdeploy/locks/"
    assert fleet.remote.call("GET", path).get("items", []) == []


def test_who_takes_a_lock_over_goes_on_and_the_other_stops(fleet: Project) -> None:
    """The one that has lost it ends before its next change; nothing of it comes after."""
    fleet.remote.put_version("akvoflow-5", "v3")
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 3s}")
    with process("--format", "json", "promote", "v2", "all") as running:
        read_until(running, "production:internal pauses for 3.0s")
        theirs: Any = fleet.report("promote", "v3", "akvoflow-5", "--take-over")
        out, _ = running.communicate(timeout=60)
    assert theirs["exit_code"] == 0
    ours = json.loads(out)
    assert (running.returncode, ours["outcome"]) == (3, "partial")
    assert ours["error"]["code"] == "LOCK_HELD"
    promoted = {s["instance"]: s["outcome"] for s in ours["steps"] if s["action"] == "promote"}
    assert promoted["akvoflow-1"] == "done"
    assert "done" not in {promoted[name] for name in NAMES[1:]}
    assert fleet.remote.live("akvoflow-2") == {"1": 1}
    assert fleet.remote.live("akvoflow-5") == {"v3": 1}
    assert fleet.report("resume", ours["run"])["exit_code"] == 4, "it is overtaken"


def test_a_rollback_that_has_waited_undoes_what_was_done_meanwhile(fleet: Project) -> None:
    """When it begins to wait, one instance of five is promoted; when it begins, all are."""
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 2s}")
    with process("promote", "v2", "all") as running:
        read_until(running, "production:internal pauses for 2.0s")
        report = fleet.report("rollback", "all", "--wait", "1m")
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert report["exit_code"] == 0
    done = {s["instance"] for s in report["steps"] if s["action"] == "promote"}
    assert done == set(NAMES)
    assert {name: fleet.remote.live(name) for name in NAMES} == {n: {"1": 1} for n in NAMES}
    again = fleet.report("rollback", "all", "--run", report["run"])
    assert again["exit_code"] == 0
    assert fleet.remote.live("akvoflow-5") == {"v2": 1}, "all of it is on record"


def test_taking_over_is_not_overwriting(held: Project) -> None:
    """Neither of the two implies the other."""
    assert held.report("promote", "v2", "all", "--force")["exit_code"] == 5
    held.report("promote", "v2", "all", "--take-over")
    held.remote.put_version("akvoflow-1", "v9")
    held.remote.split("akvoflow-1", {"v9": 1})
    assert held.report("rollback", "all", "--take-over")["exit_code"] == 4
    assert held.remote.live("akvoflow-1") == {"v9": 1}


@pytest.mark.parametrize(
    ("ref", "role", "code"),
    [
        ("feature", Role.PRODUCTION, 0),
        ("feature", Role.UAT2, 0),
        ("master", Role.PRODUCTION, 0),
        ("master", Role.UAT1, 0),
        ("master", Role.UAT2, 5),
        (RELEASE, Role.UAT2, 0),
        (RELEASE, Role.UAT1, 5),
        (RELEASE, Role.PRODUCTION, 5),
    ],
)
def test_a_pipeline_locks_the_roles_that_it_changes(
    project: Project, ref: str, role: Role, code: int
) -> None:
    lease(project.remote, role).acquire()
    if ref == "feature":
        project.git("checkout", "-q", "-b", "feature")
    report = project.report("run", ref)
    assert report["exit_code"] == code
    if code:
        assert project.outline(report)[0] == "build build: done", "locks are taken after that"
        assert project.remote.live("flow-uat1") == {"1": 1}


def test_records_on_this_machine_have_their_lock_here(fleet: Project) -> None:
    fleet.edit("config/instances.yaml", "library:", "records: local\nlibrary:")
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 100s}")
    with process("promote", "v2", "all") as running:
        read_until(running, "pauses for")
        report = fleet.report("promote", "v2", "akvoflow-5")
        assert (report["exit_code"], report["steps"]) == (5, [])
        running.kill()
        running.wait(timeout=10)
        # Its holder ran here and is seen to be gone: nobody has to wait until it lapses.
        assert fleet.report("promote", "v2", "akvoflow-5")["exit_code"] == 0
