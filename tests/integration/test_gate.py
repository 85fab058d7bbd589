"""What is looked at before traffic is moved: anything wrong anywhere, and none is."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
NUMBERS = (1, 2, 3, 4, 5)
UNCHANGED: dict[str, Any] = {f"akvoflow-{n}": {"1": 1} for n in NUMBERS}


def live(project: Project) -> dict[str, Any]:
    return {name: project.remote.live(name) for name in UNCHANGED}


def refusals(report: Any) -> dict[str, str]:
    """Instance → what was refused. Nothing was changed, and nothing was begun."""
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert {s["outcome"] for s in report["steps"] if s["action"] == "promote"} == {"not-started"}
    return {s["instance"]: s["error"]["message"] for s in report["steps"] if s["error"]}


def test_every_reason_is_listed_at_once_and_nothing_is_changed(fleet: Project) -> None:
    """akvoflow-2 lacks the version, on 3 it is stopped, 4 is disabled, of 5 the page is ill."""
    remote = fleet.remote
    fields: dict[str, Any] = {"manualScaling": {"instances": 1}}
    for number in (1, 3, 4, 5):
        status = "STOPPED" if number == 3 else "SERVING"
        remote.put_version(f"akvoflow-{number}", "v3", servingStatus=status, **fields)
    remote.disable("akvoflow-4")
    remote.fault("unhealthy", project="akvoflow-5")
    fleet.edit("config/instances.yaml", "rollout:", "health: {path: /, attempts: 1}\nrollout:")
    remote.forget()
    found = refusals(fleet.report("promote", "v3", "all"))
    assert found.pop("akvoflow-4").startswith("the application is USER_DISABLED")
    assert found.pop("akvoflow-5").startswith("its page / is not healthy after 1 attempt: ")
    assert found == {
        "akvoflow-2": "version v3 is not deployed",
        "akvoflow-3": "version v3 is STOPPED, not SERVING",
    }
    assert remote.changes() == []


def test_versions_that_are_not_well_are_refused_and_those_alike_are_told_once(
    fleet: Project,
) -> None:
    fleet.remote.fault("unhealthy", target="*/versions/v2")
    fleet.edit("config/instances.yaml", "rollout:", "health: {path: /in, attempts: 1}\nrollout:")
    ended = fleet.run("promote", "v2", "all")
    assert ended.code == 4
    shown = " ".join(ended.out.split())
    assert (
        f"UNHEALTHY on {', '.join(UNCHANGED)} its page /in is not healthy after 1 attempt" in shown
    )
    assert shown.count("is not healthy") == 1
    assert "https://v2-dot-default-dot-akvoflow-5.ew.r.appspot.com" in shown
    assert live(fleet) == UNCHANGED


def test_a_version_with_other_files_is_refused_and_they_are_named(project: Project) -> None:
    project.report("run", RELEASE, "--only", "akvoflow-1,akvoflow-2")
    path = f"/v1/apps/akvoflow-1/services/default/versions/{RELEASE}?view=FULL"
    files = project.remote.call("GET", path)["deployment"]["files"]
    del files["index.html"]
    project.remote.put_version("akvoflow-3", RELEASE, deployment={"files": files})
    names = ("akvoflow-1", "akvoflow-2", "akvoflow-3")
    found = refusals(project.report("promote", RELEASE, *names))
    assert list(found) == ["akvoflow-3"]
    assert "index.html" in found["akvoflow-3"]
    assert "than most instances have" in found["akvoflow-3"]
    assert live(project) == UNCHANGED


def test_where_no_files_are_told_that_is_said_and_not_refused(fleet: Project) -> None:
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert report["exit_code"] == 0
    assert "App Engine does not say which files version v2 has" in report["steps"][0]["notes"]


@pytest.mark.parametrize("how", ["configured", "asked for"])
def test_a_cold_version_is_warmed_up(fleet: Project, how: str) -> None:
    fleet.remote.fault("unhealthy", project="akvoflow-1", times=1)
    path = ["--health-path", "/_ah/warmup"] if how == "asked for" else []
    if how == "configured":
        fleet.edit("config/instances.yaml", "rollout:", "health: {path: /_ah/warmup}\nrollout:")
    assert fleet.report("promote", "v2", "akvoflow-1", *path)["exit_code"] == 0
    pages = [r["status"] for r in fleet.remote.requests("GET", "/_ah/warmup")]
    assert pages == [503, 200, 200], "dark twice, and live once"
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}


def test_the_unready_are_left_out_on_request_and_the_run_is_partial(fleet: Project) -> None:
    for number in (1, 2, 3):
        fleet.remote.put_version(f"akvoflow-{number}", "v3")
    report = fleet.report("promote", "v3", "all", "--skip-unready")
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    outcomes = {s["instance"]: s["outcome"] for s in report["steps"] if s["action"] == "promote"}
    assert outcomes == {f"akvoflow-{n}": "done" if n < 4 else "skipped" for n in NUMBERS}
    errors = {s["instance"] for s in report["steps"] if s["error"]}
    assert errors == {"akvoflow-4", "akvoflow-5"}
    assert fleet.remote.live("akvoflow-3") == {"v3": 1}
    assert fleet.remote.live("akvoflow-4") == {"1": 1}


def test_where_all_are_unready_nothing_is_left_to_do(fleet: Project) -> None:
    report = fleet.report("promote", "v3", "all", "--skip-unready")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert live(fleet) == UNCHANGED


def test_an_instance_that_cannot_be_read_keeps_all_from_being_changed(fleet: Project) -> None:
    fleet.remote.fault("permission", project="akvoflow-5")
    report = fleet.report("promote", "v2", "all")
    (error,) = (s["error"] for s in report["steps"] if s["error"])
    assert (report["exit_code"], error["code"]) == (4, "PERMISSION_DENIED")
    fleet.remote.heal()
    assert live(fleet) == UNCHANGED


def test_a_dry_run_asks_the_same_gate(fleet: Project) -> None:
    fields: dict[str, Any] = {"manualScaling": {"instances": 1}, "servingStatus": "STOPPED"}
    fleet.remote.put_version("akvoflow-1", "v3", **fields)
    fleet.remote.forget()
    ended = fleet.run("promote", "v3", "akvoflow-1", "akvoflow-2", "--dry-run", "--format", "json")
    assert ended.code == 4
    assert ended.json["refusals"] == [
        {"instance": "akvoflow-1", "message": "version v3 is STOPPED, not SERVING"},
        {"instance": "akvoflow-2", "message": "version v3 is not deployed"},
    ]
    assert "would be refused: akvoflow-2: version v3 is not deployed" in ended.err
    assert fleet.remote.changes() == []
    assert not (fleet.root / ".flowdeploy/runs").exists(), "what changes nothing is no run"


def test_a_dry_run_that_would_leave_some_out_is_well(fleet: Project) -> None:
    fleet.remote.put_version("akvoflow-1", "v3")
    both = ("promote", "v3", "akvoflow-1", "akvoflow-2", "--dry-run", "--skip-unready")
    assert fleet.run(*both).code == 0
    assert fleet.run("promote", "v3", "akvoflow-2", "--dry-run", "--skip-unready").code == 4
    assert fleet.run("promote", "v2", "all", "--dry-run").code == 0


def test_a_dry_run_says_what_it_cannot_read(fleet: Project) -> None:
    fleet.remote.fault("permission", project="akvoflow-2")
    ended = fleet.run("promote", "v2", "all", "--dry-run", "--format", "json")
    assert ended.code == 4
    (refusal,) = ended.json["refusals"]
    assert refusal["instance"] == "akvoflow-2"
    assert refusal["message"].startswith("PERMISSION_DENIED: ")


def test_a_dry_run_without_a_service_to_ask_shows_the_plan_all_the_same(fleet: Project) -> None:
    nobody = {"FLOWDEPLOY_SANDBOX": "http://127.0.0.1:9"}
    ended = fleet.run("promote", "v2", "all", "--dry-run", "--format", "json", **nobody)
    assert ended.code == 1
    assert ended.json["stages"]
    assert "cannot be known" in ended.err


def test_traffic_that_somebody_else_moves_after_the_gate_is_left_alone(fleet: Project) -> None:
    """The health check of the first wave gives the other one time to act."""
    fleet.remote.put_version("akvoflow-2", "v9")
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 0.3s}")
    report = moved_meanwhile(fleet, "akvoflow-2")
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    (error,) = (s["error"] for s in report["steps"] if s["error"])
    assert error["message"].startswith("traffic is v9, expected 1: changed outside this run")
    assert "--force" in error["hint"]
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}
    assert fleet.remote.live("akvoflow-2") == {"v9": 1}
    assert fleet.remote.live("akvoflow-3") == {"1": 1}, "no failure was allowed"


def test_force_moves_traffic_that_was_changed_outside(fleet: Project) -> None:
    fleet.remote.put_version("akvoflow-2", "v9")
    fleet.edit("config/instances.yaml", "{name: internal}", "{name: internal, pause: 0.3s}")
    report = moved_meanwhile(fleet, "akvoflow-2", "--force")
    assert report["exit_code"] == 0
    assert fleet.remote.live("akvoflow-2") == {"v2": 1}
    (moved,) = (s for s in report["steps"] if s["instance"] == "akvoflow-2" and s["previous"])
    assert moved["previous"]["allocations"] == {"v9": 1}
    assert fleet.report("rollback", "akvoflow-2")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-2") == {"v9": 1}


def moved_meanwhile(project: Project, name: str, *options: str) -> Any:
    """The report of a promotion during whose first pause somebody gives all traffic to v9."""

    def move() -> None:
        while project.remote.live("akvoflow-1") == {"1": 1}:
            pass
        project.remote.split(name, {"v9": 1})

    somebody = Thread(target=move)
    somebody.start()
    try:
        return project.report("promote", "v2", "all", *options)
    finally:
        somebody.join()


def test_what_somebody_else_is_moving_is_left_as_they_have_moved_it(fleet: Project) -> None:
    """Their operation is in the way of ours, which waits for its end."""
    remote = fleet.remote
    remote.put_version("akvoflow-1", "v9")
    remote.settings(operation_seconds=1000)
    remote.split("akvoflow-1", {"v9": 1})

    def end() -> None:
        while not any(asked["status"] == 409 for asked in remote.requests("PATCH")):
            pass
        remote.settings(operation_seconds=0)
        remote.advance(2000)

    thread = Thread(target=end, daemon=True)
    thread.start()
    report = fleet.report("promote", "v2", "akvoflow-1")
    thread.join()
    (error,) = (step["error"] for step in report["steps"] if step["error"])
    assert error["message"].startswith("traffic is v9, expected 1: changed outside this run")
    assert remote.live("akvoflow-1") == {"v9": 1}
