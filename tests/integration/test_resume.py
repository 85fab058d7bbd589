"""``flowdeploy resume RUN``: what is missing of a run's plan, here or on another machine."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
NAMES = tuple(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))
FIRST = {name: {"1": 1} for name in NAMES}
PROMOTED = {name: {"v2": 1} for name in NAMES}


def live(project: Project) -> dict[str, Any]:
    return {name: project.remote.live(name) for name in NAMES}


def outcomes(report: Any) -> dict[str, str]:
    return {s["instance"]: s["outcome"] for s in report["steps"] if s["action"] == "promote"}


def failed_in_part(fleet: Project) -> str:
    """The run that promoted 1 and 2, failed at 3 and left out 4 and 5."""
    file, third = "config/instances.yaml", "akvoflow-3, role: production"
    fleet.edit(file, "{name: small}]", "{name: small}, {name: third}]")
    fleet.edit(file, third, f"{third}, wave: third")
    fleet.remote.fault("permission", project="akvoflow-3", method="PATCH")
    report = fleet.report("promote", "v2", "all")
    assert report["exit_code"] == 3
    fleet.remote.heal()
    return str(report["run"])


def cut_off(arguments: Sequence[str], until: str, number: signal.Signals) -> tuple[int, str]:
    """Run it in a process of its own, and signal that at a line of its standard error.

    How it ended, and what it printed.
    """
    command = [sys.executable, "-m", "flowdeploy", "--verbose", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if until in " ".join(line.split()):
                break
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_what_failed_and_what_never_began_is_done(fleet: Project) -> None:
    run = failed_in_part(fleet)
    report = fleet.report("resume", run)
    assert (report["exit_code"], report["run"], report["kind"]) == (0, run, "promote")
    assert outcomes(report) == {n: "unchanged" if n < "akvoflow-3" else "done" for n in NAMES}
    assert live(fleet) == PROMOTED


def test_it_goes_on_on_another_machine_without_a_checkout(fleet: Project, tmp_path: Path) -> None:
    run = failed_in_part(fleet)
    elsewhere = tmp_path / "laptop"
    (elsewhere / "config").mkdir(parents=True)
    shutil.copy(fleet.root / "config/instances.yaml", elsewhere / "config")
    fleet.monkeypatch.chdir(elsewhere)
    report = fleet.report("resume", run, FLOWDEPLOY_HOME=str(tmp_path / "home"))
    assert report["exit_code"] == 0
    assert live(fleet) == PROMOTED


def test_what_a_resumed_run_has_done_is_rolled_back_as_one(fleet: Project) -> None:
    fleet.report("resume", failed_in_part(fleet))
    assert fleet.report("rollback", "all")["exit_code"] == 0
    assert live(fleet) == FIRST


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_promotion_that_was_cut_off_goes_on(fleet: Project, number: signal.Signals) -> None:
    fleet.remote.settings(operation_seconds=1000)
    arguments = ["--format", "json", "promote", "v2", "all"]
    code, out = cut_off(arguments, "akvoflow-1 moving traffic from 1 to v2", number)
    if number == signal.SIGINT:
        assert (code, json.loads(out)["outcome"]) == (130, "interrupted")
    fleet.remote.advance(2000)
    fleet.remote.settings(operation_seconds=0)
    (listed,) = fleet.run("history", "--format", "json").json
    assert listed["outcome"] == ("interrupted" if number == signal.SIGINT else "unfinished")
    report = fleet.report("resume", listed["run"])
    assert report["exit_code"] == 0
    assert live(fleet) == PROMOTED
    assert len(fleet.remote.moves("akvoflow-1")) == 1, "what was done meanwhile is found done"
    assert fleet.report("rollback", "all")["exit_code"] == 0
    assert live(fleet) == FIRST


def test_the_end_of_an_interrupted_run_names_what_goes_on_with_it(fleet: Project) -> None:
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 100s}")
    code, out = cut_off(["promote", "v2", "all"], "pauses for", signal.SIGTERM)
    assert code == 130
    (row,) = fleet.run("history", "--format", "json").json
    assert row["outcome"] == "interrupted"
    shown = " ".join(out.split())
    assert f"flowdeploy resume {row['run']}" in shown
    assert "v2 is live on akvoflow-1; not started on 4 instances" in shown


def test_a_look_that_hangs_keeps_nobody_from_leaving(fleet: Project) -> None:
    """Ten attempts at a page, with pauses between, would take half a minute."""
    fleet.edit("config/instances.yaml", "rollout:", "health: {path: /}\nrollout:")
    fleet.remote.fault("unhealthy", project="akvoflow-1", after=1)
    moved = "production:internal akvoflow-1 promoted"
    code, _ = cut_off(["promote", "v2", "akvoflow-1"], moved, signal.SIGINT)
    assert code == 130
    assert len(fleet.remote.requests("GET", "/")) < 10


def test_a_release_that_failed_in_part_is_built_once(project: Project) -> None:
    project.remote.fault("permission", project="akvoflow-3", method="POST")
    report = project.report("run", RELEASE)
    assert report["exit_code"] == 3
    project.remote.heal()
    project.git("clean", "-qfdX", "target")
    project.leave_git()
    project.write("build.py", "raise SystemExit('the build must not run')")
    resumed = project.report("resume", report["run"])
    assert resumed["exit_code"] == 0
    assert (resumed["kind"], resumed["ref"]) == ("release", f"refs/tags/{RELEASE}")
    for name in NAMES:
        assert project.remote.versions(name) == ["1", RELEASE]
        assert project.remote.begun(name) == ["CreateVersion"]
    assert project.remote.begun("flow-uat1") == ["CreateVersion", "UpdateService"]


def test_a_run_that_a_later_one_has_overtaken_is_refused(fleet: Project) -> None:
    run = failed_in_part(fleet)
    later = fleet.report("rollback", "akvoflow-2")["run"]
    fleet.remote.forget()
    report = fleet.report("resume", run)
    assert (report["exit_code"], report["outcome"], report["kind"]) == (4, "refused", "resume")
    assert run in report["error"]["message"]
    assert report["error"]["details"] == [f"akvoflow-2: run {later}"]
    assert fleet.remote.changes() == []


def test_a_later_run_of_other_instances_does_not_prevent_a_resume(fleet: Project) -> None:
    fleet.remote.fault("permission", project="akvoflow-3", method="PATCH")
    run = fleet.report("promote", "v2", "akvoflow-3")["run"]
    fleet.remote.heal()
    fleet.report("promote", "v2", "akvoflow-4")
    assert fleet.report("resume", run)["exit_code"] == 0
    assert fleet.remote.live("akvoflow-3") == {"v2": 1}


def test_a_succeeded_run_is_left_alone(fleet: Project) -> None:
    done = fleet.report("promote", "v2", "all")
    fleet.remote.forget()
    again = fleet.report("resume", done["run"])
    assert (again["exit_code"], again["outcome"]) == (0, "succeeded")
    assert fleet.remote.changes() == []
    ended = fleet.run("resume", done["run"])
    assert ended.code == 0
    assert ended.out == f"Run {done['run']} has succeeded: nothing is left to do.\n"


def test_a_run_without_a_record_cannot_be_resumed(fleet: Project) -> None:
    report = fleet.report("resume", "20200403-081502-034a1b2")
    assert (report["exit_code"], report["steps"]) == (2, [])
    assert "flowdeploy history" in report["error"]["hint"]


@pytest.mark.parametrize(
    "now", ["{id: akvoflow-6", "{id: akvoflow-5, service: api", "{id: akvoflow-5, project: other-1"]
)
def test_a_changed_fleet_is_refused(fleet: Project, now: str) -> None:
    run = failed_in_part(fleet)
    fleet.edit("config/instances.yaml", "{id: akvoflow-5", now)
    fleet.remote.forget()
    report = fleet.report("resume", run)
    assert report["exit_code"] == 4
    assert report["error"]["details"] == ["akvoflow-5: was akvoflow-5/default"]
    assert fleet.remote.changes() == []


def test_a_resume_keeps_the_permissions_of_the_run(fleet: Project) -> None:
    """Three lack the version, then and now; the other two get it."""
    for name in ("akvoflow-1", "akvoflow-2"):
        fleet.remote.put_version(name, "v3")
    fleet.remote.fault("permission", project="akvoflow-2", method="PATCH")
    run = fleet.report("promote", "v3", "all", "--skip-unready")["run"]
    fleet.remote.heal()
    report = fleet.report("resume", run)
    assert report["exit_code"] == 3
    assert fleet.remote.live("akvoflow-2") == {"v3": 1}
    assert fleet.remote.live("akvoflow-3") == {"1": 1}


def test_records_on_this_machine_alone_are_enough_here(fleet: Project) -> None:
    fleet.edit("config/instances.yaml", "library:", "records: local\nlibrary:")
    run = failed_in_part(fleet)
    assert fleet.report("resume", run)["exit_code"] == 0
    assert live(fleet) == PROMOTED
    assert fleet.remote.requests("*", "*/o/flowdeploy*") == []
