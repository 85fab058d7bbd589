"""Intents that wait for the journal, and the grants that come of them."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowdeploy.errors import LockHeld
from flowdeploy.report import Aspect, Change
from flowdeploy.rollout.contract import FinishedStep, IntendedChange
from flowdeploy.rollout.intents import IntentQueue, JournalWrite
from flowdeploy.rollout.tasks import InstanceTask

CHANGE = Change(Aspect.TRAFFIC, None, None)
PATIENCE = 20  # seconds until a test that would hang fails instead


@dataclass(frozen=True, slots=True)
class Batches:
    """A journal that keeps the places of each write's intents."""

    error: LockHeld | None = None
    places: list[list[int]] = field(default_factory=list)

    def ensure_locks(self) -> None: ...

    def record(self, intents: Sequence[IntendedChange], finished: Sequence[FinishedStep]) -> None:
        self.places.append([place for place, _ in intents])
        if self.error:
            raise self.error


@dataclass(frozen=True, slots=True)
class Bench:
    journal: Batches
    writes: queue.SimpleQueue[JournalWrite] = field(default_factory=queue.SimpleQueue)

    def intents_of(self, tasks: Sequence[InstanceTask]) -> IntentQueue:
        intents = IntentQueue(self.journal, self.writes.put)
        for task in tasks:
            intents.add(task, CHANGE)
        return intents

    def write(self, intents: IntentQueue, free: int) -> None:
        intents.start_write(lambda: (), free)
        intents.finish_write(self.writes.get(timeout=PATIENCE))


def tasks(count: int) -> list[InstanceTask]:
    return [InstanceTask(deque([place])) for place in range(count)]


def grants(intents: IntentQueue) -> list[InstanceTask]:
    return list(iter(intents.take_grant, None))


def test_intents_that_come_together_are_recorded_together() -> None:
    bench, waiting = Bench(Batches()), tasks(4)
    intents = bench.intents_of(waiting)

    bench.write(intents, free=5)

    assert bench.journal.places == [[0, 1, 2, 3]]
    assert grants(intents) == waiting
    assert all(task.grant is CHANGE for task in waiting)


def test_intents_are_recorded_for_free_workers_only_which_are_kept_for_them() -> None:
    bench, waiting = Bench(Batches()), tasks(3)
    intents = bench.intents_of(waiting)

    intents.start_write(lambda: (), free=0)
    assert not intents.is_writing
    bench.write(intents, free=2)
    assert intents.reserved == 2
    assert grants(intents) == waiting[:2]
    assert intents.reserved == 0
    bench.write(intents, free=1)

    assert bench.journal.places == [[0, 1], [2]]


def test_an_intent_that_is_not_recorded_is_refused() -> None:
    lost = LockHeld("taken over")
    bench, (task,) = Bench(Batches(lost)), tasks(1)
    intents = bench.intents_of([task])

    bench.write(intents, free=1)

    assert grants(intents) == [task]
    assert task.grant is None
    assert task.refusal is lost
