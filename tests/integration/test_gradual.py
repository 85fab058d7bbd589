"""Traffic that is moved by degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project


def shares(project: Project, version: str, name: str = "akvoflow-1") -> list[Any]:
    """What the version had of the traffic after each move, in percent."""
    moves = project.remote.moves(name)
    return [round(100 * move["allocations"].get(version, 0), 6) for move in moves]


def test_shares_grow_step_by_step(fleet: Project) -> None:
    report = fleet.report("promote", "v2", "akvoflow-1", "--split", "10,50,100")
    assert report["exit_code"] == 0
    assert shares(fleet, "v2") == [10, 50, 100]
    by = [move.get("shardBy") for move in fleet.remote.moves("akvoflow-1")]
    assert by[:2] == ["COOKIE", "COOKIE"]
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}


@pytest.mark.parametrize(
    ("by", "asked", "sent"),
    [
        ("cookie", "0.1,12.34,100", [0.1, 12.3, 100]),
        ("ip", "0.1,12.34,100", [1, 12, 100]),
        ("ip", "10,10.4,29,29.2", [10, 29]),
    ],
)
def test_shares_are_what_app_engine_can_express(
    fleet: Project, by: str, asked: str, sent: list[float]
) -> None:
    report = fleet.report("promote", "v2", "akvoflow-1", "--split", asked, "--split-by", by)
    assert report["exit_code"] == 0
    assert shares(fleet, "v2") == sent


@pytest.mark.parametrize("share", [7, 14, 28, 29, 57])
def test_a_share_that_it_has_is_not_sent_again(fleet: Project, share: int) -> None:
    """Binary fractions are no hundredths: 0.29 * 100 is less than 29."""
    for _ in range(2):
        by = ("--split", str(share), "--split-by", "ip")
        report = fleet.report("promote", "v2", "akvoflow-1", *by)
        assert report["exit_code"] == 0
    assert report["steps"][-1]["outcome"] == "unchanged"
    assert len(fleet.remote.moves("akvoflow-1")) == 1


def test_where_it_stays_divided_that_is_said(fleet: Project) -> None:
    ended = fleet.run("promote", "v2", "akvoflow-1", "--split", "10")
    assert ended.code == 0
    assert "akvoflow-1: the traffic stays divided: 1 90 %, v2 10 %" in ended.out


def test_others_keep_their_proportions_on_the_way(fleet: Project) -> None:
    fleet.remote.put_version("akvoflow-1", "v3")
    fleet.remote.split("akvoflow-1", {"1": 0.75, "v3": 0.25})
    report = fleet.report("promote", "v2", "akvoflow-1", "--split", "20,100")
    assert report["exit_code"] == 0
    assert fleet.remote.moves("akvoflow-1")[1]["allocations"] == {"1": 0.6, "v2": 0.2, "v3": 0.2}
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    last = fleet.remote.moves("akvoflow-1")[-1]
    assert last == {"allocations": {"1": 0.75, "v3": 0.25}, "shardBy": "IP"}


def test_it_is_asked_whether_it_is_well_between_the_steps(fleet: Project) -> None:
    """Well at the gate, and then no more: the second step is not made."""
    fleet.edit("config/instances.yaml", "rollout:", "health: {path: /, attempts: 1}\nrollout:")
    fleet.remote.fault("unhealthy", project="akvoflow-1", after=1)
    options = ("--split", "10,100", "--pause", "0.1s")
    report = fleet.report("promote", "v2", "akvoflow-1", *options)
    promoted = next(s for s in report["steps"] if s["action"] == "promote")
    assert (report["exit_code"], promoted["state"]) == (3, "live")
    assert promoted["error"]["code"] == "UNHEALTHY"
    assert shares(fleet, "v2") == [10]
    fleet.remote.heal()
    assert fleet.report("resume", report["run"])["exit_code"] == 0
    assert shares(fleet, "v2") == [10, 100]
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}


def test_what_stopped_on_the_way_goes_back_to_the_first_split(fleet: Project) -> None:
    fleet.remote.fault("operation-error", method="UpdateService", after=1)
    report = fleet.report("promote", "v2", "akvoflow-1", "--split", "10,50,100")
    assert report["exit_code"] == 3
    fleet.remote.heal()
    assert fleet.remote.live("akvoflow-1") == {"1": 0.9, "v2": 0.1}
    assert fleet.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"1": 1}


def test_what_is_further_already_is_not_taken_back(fleet: Project) -> None:
    fleet.remote.split("akvoflow-1", {"1": 0.3, "v2": 0.7})
    fleet.report("promote", "v2", "akvoflow-1", "--split", "10,50,100")
    assert shares(fleet, "v2") == [70, 100]


@pytest.mark.parametrize(
    "options",
    [
        ("--split", "50,10"),
        ("--split", "0,100"),
        ("--split", "10,101"),
        ("--split", "10,10"),
        ("--split", "nan"),
        ("--split", "half"),
        ("--split", ""),
        ("--pause", "5m"),
        ("--split", "10,100", "--split-by", "random"),
        ("--split", "10,100", "--pause", "soon"),
    ],
)
def test_what_cannot_be_meant(fleet: Project, options: tuple[str, ...]) -> None:
    report = fleet.report("promote", "v2", "akvoflow-1", *options)
    assert (report["exit_code"], report["steps"]) == (2, [])
    assert fleet.remote.changes() == []
