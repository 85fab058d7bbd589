"""Instances side by side: as many as there are jobs, and no worker taken up by waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Plan, PlanKind, Promote, Stage, StageKind, Step, instance_of
from flowdeploy.planning.traffic import Split
from flowdeploy.rollout.contract import Done, Limits, Notify, Pause, Result, Running

V2 = Split.all_to("v2")
CarryOut = Callable[..., tuple[Result, list[str]]]

PATIENCE = 20  # seconds until a test that would hang fails instead


def promotion(size: int) -> Plan:
    instances = [Instance(f"a-{n}", Role.PRODUCTION, f"a-{n}") for n in range(size)]
    steps = tuple(Promote(instance, V2) for instance in instances)
    return Plan(None, PlanKind.PROMOTE, "v2", (Stage(StageKind.PRODUCTION, steps),))


def all_done(result: Result) -> bool:
    return all(step.succeeded for step in result.steps)


def test_as_many_instances_as_jobs_are_called_at_once(carry_out: CarryOut) -> None:
    together = threading.Barrier(5)

    def perform(step: Step, notify: Notify) -> Running:
        yield from ()
        together.wait(PATIENCE)  # which ends in an error unless five get here
        return Done()

    result, _ = carry_out(promotion(10), perform, Limits(jobs=5))

    assert all_done(result)


def test_no_more_instances_than_jobs_are_called_at_once(carry_out: CarryOut) -> None:
    together = threading.Barrier(2)
    lock = threading.Lock()
    inside = 0
    seen: set[int] = set()

    def perform(step: Step, notify: Notify) -> Running:
        nonlocal inside
        yield from ()
        with lock:
            inside += 1
            seen.add(inside)
        together.wait(PATIENCE)
        with lock:
            inside -= 1
        together.wait(PATIENCE)
        return Done()

    result, _ = carry_out(promotion(8), perform, Limits(jobs=2))

    assert all_done(result)
    assert max(seen) == 2


def test_waiting_occupies_no_worker(carry_out: CarryOut) -> None:
    """One job, fifty instances, and none ends before all have begun."""
    begun: set[str] = set()

    def perform(step: Step, notify: Notify) -> Running:
        instance = instance_of(step)
        assert instance
        begun.add(instance.id)
        for _ in range(1000):
            if len(begun) == 50:
                return Done()
            yield Pause(0.01)
        raise AssertionError(f"only {len(begun)} have begun")

    result, events = carry_out(promotion(50), perform, Limits(jobs=1))

    assert all_done(result)
    assert [event.split()[0] for event in events] == ["stage"] + ["start"] * 50 + ["finish"] * 50


def test_a_step_sees_one_worker_at_a_time(carry_out: CarryOut) -> None:
    """A generator that two threads advance at once raises ValueError; none may."""

    def perform(step: Step, notify: Notify) -> Running:
        for _ in range(20):
            yield Pause(0)
        return Done()

    result, _ = carry_out(promotion(20), perform, Limits(jobs=8))

    assert all_done(result)


def test_no_worker_outlives_the_run(carry_out: CarryOut) -> None:
    before = set(threading.enumerate())

    def perform(step: Step, notify: Notify) -> Running:
        yield Pause(0)
        return Done()

    carry_out(promotion(8), perform, Limits(jobs=4))

    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
