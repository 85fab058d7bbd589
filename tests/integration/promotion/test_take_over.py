"""A run whose lock is taken over changes nothing after the other run has it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.integration.promotion.conftest import Asked, Ended, Forker, Running, World

from flowdeploy.sandbox.state import App

pytestmark = pytest.mark.slow

ROUNDS = 50
AT_ONCE = 3
PRODUCTION = tuple(f"akvoflow-{number}" for number in range(1, 25))
CONFIG = f"""\
build: {{commands: [], staging: staging}}
instances:
  - {{id: flow-uat1, role: uat1}}
  - {{id: flow-uat2, role: uat2}}
{"".join(f"  - {{id: {name}, role: production}}{chr(10)}" for name in PRODUCTION)}"""
LOCK = ("write", "locks/production")


def _first_look_with_the_lock(asked: Sequence[Asked]) -> int:
    """When the run with the lock asks for something else for the first time."""
    taken = next(each.answered for each in asked if (each.what, each.subject) == LOCK)
    looks = (each.came for each in asked if each.came > taken and each.what != "write")
    return next(looks)


def _take_over(folder: Path, seed: int) -> tuple[Ended, Ended]:
    """Two runs; the second takes the lock over at a random moment of the first."""
    chance = random.Random(f"take-over {seed}")
    forker = Forker()
    world = World(folder, forker, CONFIG, [App("flow-uat1"), *map(App, PRODUCTION)])
    try:
        for project in PRODUCTION:
            world.put_version(project, "v2")
            world.put_version(project, "v3")
        slow = {"operation_seconds": chance.uniform(0, 0.3), "latency": 0.08}
        world.call("PATCH", "/_sandbox/settings", slow)
        jobs = str(chance.choice([1, 2]))
        first = world.begin("promote", "v2", "all", "--jobs", jobs)
        _wait_for_moves(world, first, chance.randrange(-3, 16))
        second = world.run("promote", "v3", "all", "--take-over", "--force", server=1, home="ci")
        return world.ended(first), second
    finally:
        world.close()
        forker.close()


def _wait_for_moves(world: World, running: Running, count: int) -> None:
    """Until a run has made so many moves; below 1, until it has its lock."""
    while not running.is_over():
        asked = [(each.what, each.subject) for each in world.watches[0].asked]
        if LOCK in asked and [what for what, _ in asked].count("move") >= count:
            return
        time.sleep(0.01)


def test_no_move_of_a_run_follows_the_loss_of_its_lock(tmp_path: Path) -> None:
    def play(seed: int) -> tuple[Ended, Ended]:
        return _take_over(tmp_path / f"world-{seed}", seed)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        games = list(pool.map(play, range(ROUNDS)))
    cut_short = 0
    for seed, (first, second) in enumerate(games):
        assert second.code == 0, (seed, second.err)
        start = _first_look_with_the_lock(second.asked)
        late = [each for each in first.asked if each.what == "move" and each.came > start]
        assert late == [], seed
        moved = {each.subject for each in first.asked if each.what == "move"}
        steps = first.steps("promote")
        told = {name for name, step in steps.items() if step["state"] in ("live", "unknown")}
        assert moved >= {name for name in told if steps[name]["state"] == "live"}, seed
        assert first.code in ((0, 3) if moved else (1, 4, 5)), (seed, first.err)
        cut_short += 0 < len(moved) < len(PRODUCTION)
    assert cut_short > ROUNDS / 5, "most take-overs came too early or too late"
