"""Machines whose clocks are an hour apart: what is later is so by the records' clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowdeploy.steps.history import AT_ONCE

if TYPE_CHECKING:
    from tests.integration.conftest import Project

# Python imports this module when it starts.
FAST = """\
import datetime, time
now, time_now = datetime.datetime.now, time.time

class Fast(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return now(tz) + datetime.timedelta(seconds=AHEAD)

datetime.datetime = Fast
time.time = lambda: time_now() + AHEAD
"""
HOUR, MONTH = 3600, 30 * 86400


@pytest.fixture
def fast(fleet: Project, tmp_path: Path) -> Any:
    """Run flowdeploy as on another machine, whose clock is ahead (an hour); its report."""
    there = {"PYTHONPATH": str(tmp_path), "FLOWDEPLOY_HOME": str(tmp_path / "home")}

    def run(*arguments: str, ahead: float = HOUR) -> Any:
        (tmp_path / "sitecustomize.py").write_text(f"AHEAD = {ahead}\n{FAST}")
        ended = subprocess.run(
            [sys.executable, "-m", "flowdeploy", "--format", "json", *arguments],
            cwd=fleet.root,
            env={**os.environ, **there},
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(ended.stdout)

    return run


def test_a_rollback_undoes_what_was_last_though_another_clock_is_ahead(
    fleet: Project, fast: Any
) -> None:
    assert fast("promote", "v2", "akvoflow-1")["exit_code"] == 0
    assert fleet.report("promote", "1", "akvoflow-1")["exit_code"] == 0
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}


def test_the_last_run_is_undone_though_its_clock_was_a_month_behind_many_others(
    fleet: Project, fast: Any
) -> None:
    for number in range(AT_ONCE + 2):
        version = "v2" if number % 2 == 0 else "1"
        assert fleet.report("promote", version, "akvoflow-1")["exit_code"] == 0
    fleet.remote.put_version("akvoflow-1", "v3")
    last = fast("promote", "v3", "akvoflow-1", ahead=-MONTH)
    assert last["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"v3": 1}
    rows = fleet.run("history", "--limit", "1", "--format", "json").json
    assert [row["run"] for row in rows] == [last["run"]]
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}


def test_a_run_of_a_fast_clock_is_overtaken_all_the_same(fleet: Project, fast: Any) -> None:
    fleet.remote.fault("permission", project="akvoflow-2", method="PATCH")
    cut = fast("promote", "v2", "akvoflow-1", "akvoflow-2")
    assert cut["exit_code"] == 3
    fleet.remote.call("DELETE", "/_sandbox/faults")
    later = fleet.report("promote", "1", "akvoflow-1")
    refused = fleet.report("resume", cut["run"])
    assert refused["exit_code"] == 4
    assert refused["error"]["details"] == [f"akvoflow-1: run {later['run']}"]


def test_runs_are_on_record_with_the_time_of_the_records(fleet: Project) -> None:
    fleet.remote.advance(7200)
    report = fleet.report("promote", "v2", "akvoflow-1")
    run = fleet.run("history", report["run"], "--format", "json").json
    recorded = run["header"]["started"], run["changes"][0]["at"]
    apart = [
        (datetime.fromisoformat(each) - datetime.fromisoformat(report["started"]))
        for each in recorded
    ]
    assert all(timedelta(minutes=119) < each < timedelta(minutes=121) for each in apart)
