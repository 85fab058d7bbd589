"""Two commands at once: what one has read is old by the time that it may begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from flowdeploy.sandbox.state import App

if TYPE_CHECKING:
    from tests.integration.promotion.conftest import Running, Trap, World

PROJECTS = ("flow-uat1", "flow-uat2", "akvoflow-1", "akvoflow-2", "akvoflow-3")
LAST = PROJECTS[2:]
CONFIG = """\
build: {commands: [], staging: target}
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
  - {id: akvoflow-1, role: production}
  - {id: akvoflow-2, role: production}
  - {id: akvoflow-3, role: production}
"""
AT_FIRST_MOVE = 4  # after the plan, the lock and the first intents
AT_LAST_MOVE = 8


@pytest.fixture
def fleet(world: Callable[[str, Sequence[App]], World]) -> Iterator[World]:
    made = world(CONFIG, [App(project, versions=("v1", "v2", "v3")) for project in PROJECTS])
    yield made
    made.close()


def live(fleet: World) -> list[str]:
    """The versions that the production instances serve, one each."""
    splits = [fleet.served(project)[0] for project in LAST]
    return [version for split in splits for version, share in split if share == 1]


def held_up(fleet: World, trap: Trap, *words: str) -> Running:
    running = fleet.begin(*words, "--jobs", "1", trap=trap)
    assert trap.sprung.wait(30)
    return running


def the_one_run(fleet: World) -> str:
    (run,) = fleet.entries()
    return run


def test_a_live_run_is_not_resumed(fleet: World, trap: type[Trap]) -> None:
    """Its record is whole in the end: all that it has moved comes back."""
    hold = trap("freeze", AT_FIRST_MOVE)
    running = held_up(fleet, hold, "promote", "v2", "all")
    second = fleet.run("resume", the_one_run(fleet), server=1, home="ci")
    assert second.code == 5
    hold.thawed.set()
    assert fleet.ended(running).code == 0
    assert live(fleet) == ["v2"] * 3
    back = fleet.run("rollback", "all")
    assert (back.code, live(fleet)) == (0, ["v1"] * 3)


def test_a_run_that_ends_while_it_is_waited_for_is_found_done(
    fleet: World, trap: type[Trap]
) -> None:
    hold = trap("freeze", AT_FIRST_MOVE)
    running = held_up(fleet, hold, "promote", "v2", "all")
    second = fleet.begin("resume", the_one_run(fleet), "--wait", "1m", server=1, home="ci")
    while not any("locks/production" in each.subject for each in fleet.watches[1].asked):
        assert not second.is_over()
    hold.thawed.set()
    assert fleet.ended(running).code == 0
    assert fleet.ended(second).code == 0
    back = fleet.run("rollback", "all")
    assert (back.code, live(fleet)) == (0, ["v1"] * 3)


@pytest.mark.parametrize("at", range(AT_FIRST_MOVE, AT_LAST_MOVE + 1))
def test_a_rollback_that_takes_over_brings_back_all_or_changes_nothing(
    fleet: World, trap: type[Trap], at: int
) -> None:
    """Even where the run that it takes over from has moved more since it was planned."""
    hold, planned = trap("freeze", at), trap("freeze", 1)
    running = held_up(fleet, hold, "promote", "v2", "all")
    rollback = fleet.begin("rollback", "all", "--take-over", server=1, home="ci", trap=planned)
    while not planned.sprung.wait(0.01) and not rollback.is_over():
        pass
    hold.thawed.set()
    assert fleet.ended(running).code == 0
    planned.thawed.set()
    ended = fleet.ended(rollback)
    if ended.code == 0:
        assert live(fleet) == ["v1"] * 3
    else:
        assert (ended.code, live(fleet)) == (4, ["v2"] * 3)
        assert fleet.run("rollback", "all").code == 0
        assert live(fleet) == ["v1"] * 3


def test_a_run_is_overtaken_by_one_that_began_before_it_and_waited(
    fleet: World, trap: type[Trap]
) -> None:
    hold, kill = trap("freeze", 1), trap("kill-before", AT_LAST_MOVE)
    older = held_up(fleet, hold, "promote", "v3", "all", "--wait", "1m")
    killed = fleet.run("promote", "v2", "all", "--jobs", "1", server=1, home="ci", trap=kill)
    assert killed.code < 0
    hold.thawed.set()
    assert fleet.ended(older).code == 0
    cut_off = [run for run, found in fleet.entries().items() if "report" not in found[-1][1]]
    resumed = fleet.run("resume", *cut_off)
    assert (resumed.code, live(fleet)) == (4, ["v3"] * 3)
