"""``flowdeploy rollback``: exactly what was served before, instance by instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

NUMBERS = (1, 2, 3, 4, 5)
NAMES = tuple(f"akvoflow-{n}" for n in NUMBERS)
FIRST = {name: {"1": 1} for name in NAMES}


def splits(project: Project) -> dict[str, Any]:
    """What every production instance serves, and how its traffic is divided."""
    path = "/v1/apps/{}/services/default"
    return {name: project.remote.call("GET", path.format(name))["split"] for name in NAMES}


def outcomes(report: Any) -> dict[str, str]:
    return {s["instance"]: s["outcome"] for s in report["steps"] if s["action"] == "promote"}


def delete(project: Project, name: str, version: str) -> None:
    path = f"/v1/apps/{name}/services/default/versions/{version}"
    assert requests.delete(project.remote.url + path, timeout=10).ok


@pytest.fixture
def mixed(fleet: Project) -> Project:
    """Instances that serve different things: 2 is divided by IP, 3 has a version of its own."""
    fleet.remote.put_version("akvoflow-3", "v1")
    fleet.remote.split("akvoflow-2", {"1": 0.93, "v2": 0.07})
    fleet.remote.split("akvoflow-3", {"v1": 1})
    return fleet


def test_every_instance_gets_back_exactly_what_it_served(mixed: Project) -> None:
    before = splits(mixed)
    assert mixed.report("promote", "v2", "all")["exit_code"] == 0
    assert splits(mixed) != before
    report = mixed.report("rollback", "all")
    assert (report["exit_code"], report["kind"], report["ref"]) == (0, "rollback", None)
    assert outcomes(report) == dict.fromkeys(NAMES, "done")
    assert splits(mixed) == before
    given = {s["instance"]: s["previous"] for s in report["steps"] if s["action"] == "promote"}
    assert given["akvoflow-2"]["allocations"] == {"v2": 1}


def test_a_rollback_says_what_it_did_in_its_own_words(mixed: Project) -> None:
    mixed.report("promote", "v2", "all")
    ended = mixed.run("rollback", "all")
    assert "Succeeded in" in ended.out
    assert "rolled back on 5 instances" in ended.out
    assert "promoted" not in ended.out + ended.err
    assert "None" not in ended.out + ended.err
    assert "already rolled back" in mixed.run("rollback", "all").out


def test_a_dry_run_says_what_each_would_get_and_which_run_is_undone(mixed: Project) -> None:
    run = mixed.report("promote", "v2", "all")["run"]
    after = splits(mixed)
    ended = mixed.run("rollback", "all", "--dry-run")
    assert ended.code == 0
    shown = " ".join(ended.out.split())
    assert "Plan: rollback to what was served before" in shown
    assert f"traffic to 1 93 %, v2 7 %, as before run {run} on akvoflow-2" in shown
    assert f"all traffic to v1, as before run {run} on akvoflow-3" in shown
    assert splits(mixed) == after


def test_a_rollback_repeated_changes_nothing_more(mixed: Project) -> None:
    before = splits(mixed)
    mixed.report("promote", "v2", "all")
    mixed.report("rollback", "all")
    mixed.remote.forget()
    for _ in range(2):
        report = mixed.report("rollback", "all")
        assert report["exit_code"] == 0
        assert outcomes(report) == dict.fromkeys(NAMES, "unchanged")
    assert mixed.remote.changes() == []
    assert splits(mixed) == before


def test_a_second_run_that_changed_nothing_does_not_hide_the_first(fleet: Project) -> None:
    """Three are done and two fail; again: three are unchanged and two done; all come back."""
    for name in ("akvoflow-4", "akvoflow-5"):
        fleet.remote.fault("permission", project=name, method="PATCH")
    assert fleet.report("promote", "v2", "all", "--max-failures", "5")["exit_code"] == 3
    fleet.remote.heal()
    again = fleet.report("promote", "v2", "all")
    assert outcomes(again) == {n: "unchanged" if n < "akvoflow-4" else "done" for n in NAMES}
    assert outcomes(fleet.report("rollback", "all")) == dict.fromkeys(NAMES, "done")
    assert {name: fleet.remote.live(name) for name in NAMES} == FIRST


def test_a_partly_failed_run_is_rolled_back_where_it_moved_traffic(fleet: Project) -> None:
    fleet.remote.fault("operation-error", method="UpdateService", project="akvoflow-3")
    report = fleet.report("promote", "v2", "all")
    assert report["exit_code"] == 3
    fleet.remote.heal()
    report = fleet.report("rollback", "all")
    assert report["exit_code"] == 0
    assert {name: fleet.remote.live(name) for name in NAMES} == FIRST


def test_a_run_that_is_named_is_undone_a_rollback_too(fleet: Project) -> None:
    fleet.report("promote", "v2", "all")
    back = fleet.report("rollback", "all")["run"]
    report = fleet.report("rollback", "all", "--run", back)
    assert report["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}
    assert fleet.report("rollback", "all")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}


def test_one_run_after_the_other_is_undone(fleet: Project) -> None:
    fleet.remote.put_version("akvoflow-1", "v3")
    first = fleet.report("promote", "v2", "akvoflow-1")["run"]
    fleet.report("promote", "v3", "akvoflow-1")
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}
    assert fleet.report("rollback", "akvoflow-1", "--run", first)["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}


def test_traffic_that_somebody_else_has_moved_is_refused_unless_forced(fleet: Project) -> None:
    run = fleet.report("promote", "v2", "all")["run"]
    fleet.remote.put_version("akvoflow-2", "v9")
    fleet.remote.split("akvoflow-2", {"v9": 1})
    fleet.remote.forget()
    report = fleet.report("rollback", "all")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert [s["instance"] for s in report["steps"] if s["error"]] == ["akvoflow-2"]
    assert fleet.remote.changes() == []
    dry = fleet.run("rollback", "all", "--dry-run")
    assert dry.code == 4
    assert "would be refused: akvoflow-2: traffic is v9, expected v2" in " ".join(dry.err.split())
    assert fleet.report("rollback", "all", "--skip-unready")["exit_code"] == 3
    assert fleet.remote.live("akvoflow-2") == {"v9": 1}
    assert fleet.report("rollback", "all", "--run", run, "--force")["exit_code"] == 0
    assert {name: fleet.remote.live(name) for name in NAMES} == FIRST


def test_a_version_that_is_gone_is_refused_by_name_or_left_out(fleet: Project) -> None:
    fleet.report("promote", "v2", "all")
    delete(fleet, "akvoflow-4", "1")
    fleet.remote.forget()
    report = fleet.report("rollback", "all")
    assert report["exit_code"] == 4
    (wrong,) = (s for s in report["steps"] if s["error"])
    assert (wrong["instance"], wrong["error"]["message"]) == (
        "akvoflow-4",
        "version 1 is not deployed",
    )
    assert fleet.remote.changes() == []
    report = fleet.report("rollback", "all", "--skip-unready")
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    assert outcomes(report) == dict.fromkeys(NAMES, "done") | {"akvoflow-4": "skipped"}
    assert fleet.remote.live("akvoflow-4") == {"v2": 1}


def test_promoting_the_older_version_goes_back_as_well(fleet: Project) -> None:
    fleet.report("promote", "v2", "all")
    assert fleet.report("promote", "1", "all")["exit_code"] == 0
    delete(fleet, "akvoflow-4", "v2")
    report = fleet.report("promote", "v2", "all")
    assert [s["instance"] for s in report["steps"] if s["error"]] == ["akvoflow-4"]
    assert fleet.report("promote", "v2", "all", "--skip-unready")["exit_code"] == 3


def test_all_leaves_out_instances_that_no_run_has_moved(fleet: Project) -> None:
    fleet.report("promote", "v2", "akvoflow-1,akvoflow-2")
    report = fleet.report("rollback", "all")
    assert report["exit_code"] == 0
    assert list(outcomes(report)) == ["akvoflow-1", "akvoflow-2"]
    reasons = {s["instance"]: s["reason"] for s in report["skipped"]}
    assert reasons["akvoflow-5"] == "no run on record has moved its traffic"


def test_an_instance_that_is_named_must_have_a_record(fleet: Project) -> None:
    fleet.report("promote", "v2", "akvoflow-1")
    report = fleet.report("rollback", "akvoflow-1", "akvoflow-5")
    assert (report["exit_code"], report["steps"]) == (4, [])
    assert report["error"]["details"] == ["akvoflow-5: no run on record has moved its traffic"]
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}
    report = fleet.report("rollback", "akvoflow-1", "akvoflow-5", "--skip-unready")
    assert outcomes(report) == {"akvoflow-1": "done"}


def test_where_nothing_was_moved_there_is_nothing_to_roll_back(fleet: Project) -> None:
    report = fleet.report("rollback", "all")
    assert (report["exit_code"], report["outcome"], report["steps"]) == (4, "refused", [])
    assert report["error"]["message"] == "there is nothing to roll back"
    assert fleet.report("rollback", "all", "--run", "20200403-081502-034a1b2")["exit_code"] == 2


def test_a_live_deploy_is_rolled_back_too(project: Project) -> None:
    """UAT1 goes live with the release, and is named to be rolled back."""
    assert project.report("run", "20200403-073034")["exit_code"] == 0
    assert project.remote.live("flow-uat1") == {"20200403-073034": 1}
    report = project.report("rollback", "flow-uat1")
    assert report["exit_code"] == 0
    assert [s["stage"] for s in report["steps"]] == ["verify", "uat"]
    assert project.remote.live("flow-uat1") == {"1": 1}


def test_it_needs_no_checkout_and_no_build_and_waits_for_no_wave(fleet: Project) -> None:
    fleet.report("promote", "v2", "all")
    fleet.leave_git()
    fleet.write("build.py", "raise SystemExit('the build must not run')")
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 1000s}")
    report = fleet.report("rollback", "all")
    assert report["exit_code"] == 0
    assert {s["stage"] for s in report["steps"]} == {"verify", "production"}


@pytest.mark.parametrize("records", ["shared", "local"])
def test_what_ci_did_is_rolled_back_from_a_laptop(fleet: Project, records: str) -> None:
    laptop = str(fleet.root / "laptop")
    if records == "local":
        fleet.edit("config/instances.yaml", "library:", "records: local\nlibrary:")
    fleet.report("promote", "v2", "all", GITHUB_ACTOR="ci")
    report = fleet.report("rollback", "all", FLOWDEPLOY_HOME=laptop)
    assert report["exit_code"] == (0 if records == "shared" else 4)
    fleet.report("rollback", "all")
    assert fleet.remote.live("akvoflow-1") == {"1": 1}
