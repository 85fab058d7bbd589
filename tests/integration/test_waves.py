"""Production goes in waves; the next one begins where the one before is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

NAMES = tuple(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))
IN_ORDER = "{name: internal}, {name: small}"


def configure(project: Project, waves: str, *, health: str = "") -> None:
    """These waves; 1 is in `internal`, 2 and 3 are in `small`, 4 and 5 in none."""
    file = "config/instances.yaml"
    project.edit(file, f"waves: [{IN_ORDER}]", f"waves: [{waves}]")
    third = "akvoflow-3, role: production"
    project.edit(file, third, f"{third}, wave: small")
    if health:
        project.edit(file, "rollout:", f"health: {health}\nrollout:")


def order(project: Project) -> list[str]:
    """The instances in the order in which their traffic was moved."""
    asked = project.remote.requests("PATCH", "/v1/apps/*/services/default")
    return [r["path"].split("/")[3] for r in asked]


def outcomes(report: Any) -> dict[str, str]:
    return {s["instance"]: s["outcome"] for s in report["steps"] if s["action"] == "promote"}


def test_waves_are_in_their_order_and_the_rest_comes_last(fleet: Project) -> None:
    configure(fleet, "{name: small}, {name: internal}")
    report = fleet.report("promote", "v2", "all")
    assert [s["stage"] for s in report["steps"] if s["action"] == "promote"] == [
        "production:small",
        "production:small",
        "production:internal",
        "production",
        "production",
    ]
    moved = order(fleet)
    assert set(moved[:2]) == {"akvoflow-2", "akvoflow-3"}
    assert moved[2] == "akvoflow-1"


def test_a_wave_without_any_of_the_instances_is_left_out(fleet: Project) -> None:
    configure(fleet, IN_ORDER)
    report = fleet.report("promote", "v2", "akvoflow-2,akvoflow-4")
    stages = [s["stage"] for s in report["steps"] if s["action"] == "promote"]
    assert stages == ["production:small", "production"]


@pytest.mark.parametrize(("most", "jobs"), [("1", "32"), ("50%", "32"), ("100%", "1")])
def test_a_waves_limit_is_of_instances_and_jobs_are_of_calls(
    fleet: Project, most: str, jobs: str
) -> None:
    """While one instance waits for its operation, a job is free for another; a place is not."""
    configure(fleet, f"{{name: internal}}, {{name: small, max: {most}}}")
    fleet.remote.settings(operation_seconds=0.5)
    assert fleet.report("promote", "v2", "akvoflow-2,akvoflow-3", "--jobs", jobs)["exit_code"] == 0
    began, ended = {}, {}
    for name in ("akvoflow-2", "akvoflow-3"):
        found = fleet.remote.call("GET", f"/v1/apps/{name}/operations")["operations"]
        (metadata,) = (o["metadata"] for o in found if "Update" in o["metadata"]["method"])
        began[name], ended[name] = metadata["insertTime"], metadata["endTime"]
    one_after_the_other = max(began.values()) >= min(ended.values())
    assert one_after_the_other is (most != "100%")


def test_it_pauses_after_a_wave_and_says_so(fleet: Project) -> None:
    configure(fleet, "{name: internal, pause: 0.2s}, {name: small}")
    ended = fleet.run("promote", "v2", "all")
    assert ended.code == 0
    assert "production:internal  pauses for 0.2s" in ended.err
    assert order(fleet)[0] == "akvoflow-1"


def test_a_dry_run_tells_of_limits_and_pauses(fleet: Project) -> None:
    configure(fleet, "{name: internal, pause: 10m}, {name: small, max: 10%}")
    ended = fleet.run("promote", "v2", "all", "--dry-run")
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "production:internal pause 10m00s" in lines
    assert "production:small limit 10% of its instances at once" in lines


def test_the_next_wave_begins_only_if_the_one_before_is_well(fleet: Project) -> None:
    configure(fleet, IN_ORDER, health="{path: /well, attempts: 1}")
    for name in ("akvoflow-2", "akvoflow-3"):  # well while dark, and then no more
        fleet.remote.fault("unhealthy", project=name, after=1)
    report = fleet.report("promote", "v2", "all")
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    found = outcomes(report)
    assert {found[name] for name in NAMES[:3]} == {"done"}
    assert {found[name] for name in NAMES[3:]} == {"not-started"}
    error = report["error"]
    assert error["code"] == "UNHEALTHY"
    assert error["message"] == "2 of 2 instances are not healthy with their traffic"
    assert error["details"] == [
        "akvoflow-2, akvoflow-3: its page /well is not healthy after 1 attempt: it answered"
        " 503 Service Unavailable"
    ]
    assert "flowdeploy rollback" in error["hint"]
    fleet.remote.heal()
    assert fleet.report("resume", report["run"])["exit_code"] == 0
    assert {name: fleet.remote.live(name) for name in NAMES} == {n: {"v2": 1} for n in NAMES}


def test_the_last_wave_is_looked_at_too(fleet: Project) -> None:
    configure(fleet, IN_ORDER, health="{path: /, attempts: 1}")
    fleet.remote.fault("unhealthy", project="akvoflow-5", after=1)
    report = fleet.report("promote", "v2", "all")
    assert (report["exit_code"], report["error"]["code"]) == (3, "UNHEALTHY")
    assert set(outcomes(report).values()) == {"done"}


def test_a_failure_ends_it_and_what_is_under_way_is_finished(fleet: Project) -> None:
    configure(fleet, IN_ORDER)
    fleet.remote.fault("permission", project="akvoflow-2", method="PATCH")
    report = fleet.report("promote", "v2", "all")
    assert report["exit_code"] == 3
    assert outcomes(report) == {
        "akvoflow-1": "done",
        "akvoflow-2": "failed",
        "akvoflow-3": "done",
        "akvoflow-4": "not-started",
        "akvoflow-5": "not-started",
    }


def test_failures_up_to_the_limit_are_allowed(fleet: Project) -> None:
    configure(fleet, IN_ORDER)
    fleet.remote.fault("permission", project="akvoflow-2", method="PATCH")
    report = fleet.report("promote", "v2", "all", "--max-failures", "20%")
    assert report["exit_code"] == 3
    assert outcomes(report) == {n: "failed" if n == "akvoflow-2" else "done" for n in NAMES}
