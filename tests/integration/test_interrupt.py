"""Signals: the run ends in an orderly way, leaves nothing running, and can be begun again."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
PATIENCE = 150.0  # seconds after which a test that hangs is ended; a dead run's lock lasts 60
SIGNALS = [signal.SIGINT, signal.SIGTERM]
# Its shell and its child hold a pipe open as long as they live.
ENDLESS_BUILD = "exec 9>{fifo}\necho under way\nsleep 1000 &\nwait\n"
MOMENTS = [
    "build    begins",
    "built",
    "sent ",
    "instances read",
    "uat    begins",
    "creating the version",
    "moving traffic",
    "live",  # deployed or already so, if traffic was on its way when it was last killed
    "production  begins",
    "akvoflow-1  deployed",
]


class Process:
    """flowdeploy in a process of its own, whose standard error is read line by line."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "flowdeploy", "--verbose", "--format", "json", *arguments]
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        signal.signal(signal.SIGINT, before)
        self._watchdog = threading.Timer(PATIENCE, self._process.kill)
        self._watchdog.start()
        self.lines: list[str] = []

    def wait_for(self, text: str) -> bool:
        """Read on until a line has ``text`` in it; whether one has."""
        for line in self._stream(self._process.stderr):
            self.lines.append(" ".join(line.split()))
            if " ".join(text.split()) in self.lines[-1]:
                return True
        return False

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Its exit status and its standard output, once it has ended."""
        out, err = self._process.communicate()
        self._watchdog.cancel()
        assert "Traceback" not in err
        return self._process.returncode, out

    def _stream(self, stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@contextmanager
def fifo(path: Path) -> Iterator[int]:
    """A named pipe, and the end of it that hears when the last writer has gone."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield reader
    finally:
        os.close(reader)


def is_let_go(reader: int) -> bool:
    poll = select.poll()
    poll.register(reader, 0)
    return poll.poll(10_000) == [(reader, select.POLLHUP)]


def _interrupted(project: Project, ended: tuple[int, str]) -> Any:
    """The report of an interrupted run, which is kept as well."""
    code, out = ended
    report = json.loads(out)
    assert (code, report["exit_code"], report["outcome"]) == (130, 130, "interrupted")
    kept = project.root / ".flowdeploy/runs" / report["run"] / "report.json"
    assert json.loads(kept.read_text()) == report
    return report


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_build_ends_it_and_its_children(
    project: Project, tmp_path: Path, number: signal.Signals
) -> None:
    pipe = tmp_path / "fifo"
    project.write("build.sh", ENDLESS_BUILD.format(fifo=pipe))
    project.edit("config/instances.yaml", "python3 build.py", "sh build.sh")
    with fifo(pipe) as reader:
        process = Process("run", RELEASE, "--allow-dirty")
        assert process.wait_for("under way")
        process.signal(number)
        report = _interrupted(project, process.ended())
        assert is_let_go(reader)
    assert report["steps"][0]["error"]["code"] == "INTERRUPTED"
    assert {step["outcome"] for step in report["steps"][1:]} == {"not-started"}
    assert project.remote.changes() == []


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_a_deploy_begins_nothing_more_and_the_next_run_finishes(
    project: Project, number: signal.Signals
) -> None:
    project.remote.settings(operation_seconds=1000)
    process = Process("run", RELEASE)
    assert process.wait_for("flow-uat1 creating the version")
    process.signal(number)
    report = _interrupted(project, process.ended())
    uat = next(step for step in report["steps"] if step["instance"] == "flow-uat1")
    assert (uat["outcome"], uat["state"], uat["error"]["code"]) == (
        "failed",
        "unknown",
        "INTERRUPTED",
    )
    assert {s["outcome"] for s in report["steps"] if s["stage"] == "production"} == {"not-started"}
    project.remote.call("POST", "/_sandbox/clock", {"advance": 2000})
    project.remote.settings(operation_seconds=0)
    assert project.report("run", RELEASE)["exit_code"] == 0
    assert project.remote.begun("flow-uat1") == ["CreateVersion", "UpdateService"]
    assert project.remote.live("flow-uat1") == {RELEASE: 1}


def test_a_signal_during_a_promotion_says_which_instances_stand_where(project: Project) -> None:
    project.report("run", RELEASE)
    project.remote.fault("operation-stuck", project="akvoflow-2", method="UpdateService")
    process = Process("promote", RELEASE, "all")
    assert process.wait_for("akvoflow-2 moving traffic")
    process.signal(signal.SIGINT)
    report = _interrupted(project, process.ended())
    stands = {s["instance"]: s["state"] for s in report["steps"] if s["action"] == "promote"}
    assert stands == {
        "akvoflow-1": "live",
        "akvoflow-2": "unknown",
        **{f"akvoflow-{n}": None for n in (3, 4, 5)},
    }


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_end_is_put_on_record_changes_nothing_of_it(
    fleet: Project, number: signal.Signals
) -> None:
    process = Process("promote", "v2", "akvoflow-1")
    assert process.wait_for("akvoflow-1 promoted")
    fleet.remote.settings(latency=1)
    while not [*fleet.root.glob(".flowdeploy/runs/*/000-*-report.json")]:
        time.sleep(0.01)  # here, that is: next to the bucket
    process.signal(number)
    code, out = process.ended()
    report = json.loads(out)
    assert (code, report["outcome"], report["steps"][1]["outcome"]) == (0, "succeeded", "done")
    fleet.remote.settings(latency=0)
    assert fleet.run("history", report["run"], "--format", "json").json["report"] == report


def _state_is_whole(home: Path) -> None:
    with closing(sqlite3.connect(home / "sandbox/sandbox.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    "moments",
    [["creating the version"], pytest.param(MOMENTS, marks=pytest.mark.slow)],
    ids=["once", "again-and-again"],
)
def test_whatever_moment_it_is_killed_at_the_same_command_finishes(
    project: Project, moments: list[str]
) -> None:
    """With the embedded sandbox, which dies with it."""
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    home = project.root / ".flowdeploy"
    for moment in moments:
        process = Process("--sandbox", "run", RELEASE)
        assert process.wait_for(moment), (moment, process.lines)
        process.signal(signal.SIGKILL)
        assert process.ended()[0] == -signal.SIGKILL
        if (home / "sandbox").exists():
            _state_is_whole(home)
    code, out = Process("--sandbox", "run", RELEASE).ended()
    assert code == 0
    report = json.loads(out)
    assert {s["outcome"] for s in report["steps"]} <= {"done", "unchanged"}
    _state_is_whole(home)
    shutil.rmtree(home)
