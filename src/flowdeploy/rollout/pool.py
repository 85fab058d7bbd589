"""Instances side by side: worker threads, and a heap of the moments at which jobs go on.

One thread, the caller's, decides everything. Workers only advance generators
and post what came of it to that thread's inbox. One more thread writes the
journal, whatever has come together since its last write in one go.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Stage, instance_of
from flowdeploy.report import Bug, Change
from flowdeploy.rollout.board import Board
from flowdeploy.rollout.contract import (
    Done,
    Executor,
    FinishedStep,
    IntendedChange,
    Intent,
    Journal,
    Pause,
    Request,
    Running,
)
from flowdeploy.rollout.interrupts import call_on_signal

GRACE = 10.0  # seconds that calls under way get to return after an interruption


@dataclass(slots=True)
class InstanceSteps:
    """The steps of one instance in one stage, by place; ``running`` is the current one.

    ``refused`` is why the change that it has asked for must not happen.
    """

    places: deque[int]
    running: Running | None = None
    started: float = 0.0
    refused: FlowdeployError | None = None


@dataclass(frozen=True, slots=True)
class _Noted:
    place: int
    text: str


@dataclass(frozen=True, slots=True)
class _Advanced:
    job: InstanceSteps
    reached: Request | Done | BaseException


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A write of the journal has ended; ``waiting`` are the jobs that asked for it."""

    waiting: tuple[tuple[InstanceSteps, Change], ...]
    error: FlowdeployError | None


@dataclass(frozen=True, slots=True)
class _Woken:
    """The run is to stop: whoever waits for a message is to look again."""


_Message = _Noted | _Advanced | _Recorded | _Woken


class Pool:
    """At most ``size`` threads; none is waited for, and what hangs dies with the process."""

    def __init__(self, size: int, crew: Executor, board: Board, journal: Journal) -> None:
        self._size = size
        self._crew = crew
        self._board = board
        self._journal = journal
        self._work: queue.SimpleQueue[InstanceSteps | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._intents: deque[tuple[InstanceSteps, Change]] = deque()
        self._granted: deque[tuple[InstanceSteps, Change | None]] = deque()
        self._recording = False
        self._due: list[tuple[float, int, InstanceSteps]] = []
        self._order = itertools.count()
        self._busy: dict[int, InstanceSteps] = {}
        self._begun: dict[int, InstanceSteps] = {}
        self._threads = 0
        self._stopping = False

    def run_stage(self, stage: Stage, places: Iterable[int]) -> None:
        """Run the steps of a stage to their ends.

        Raises KeyboardInterrupt, with every step's end on the board, where a
        signal told us to stop.
        """
        waiting = _jobs(self._board, places)
        most = max(1, stage.max.of(len(waiting)))
        with call_on_signal(self._stop):
            self._dispatch(stage, waiting, most)
            while (self._begun or self._recording) and not self._stopping:
                self._receive(self._until_next_due())
                self._dispatch(stage, waiting, most)
            if self._stopping:
                self._wind_down()
                raise KeyboardInterrupt

    def close(self) -> None:
        """Let the idle threads end, and the others once their calls return."""
        for _ in range(self._threads):
            self._work.put(None)

    def _stop(self) -> None:
        """Begin nothing more; called between any two instructions of this same thread."""
        self._stopping = True
        self._inbox.put(_Woken())

    def _dispatch(self, stage: Stage, waiting: deque[InstanceSteps], most: int) -> None:
        """Give free workers what there is for them."""
        if not self._board.may_start(stage):
            waiting.clear()
        while len(self._busy) < self._size and not self._stopping:
            job = self._next(waiting, most)
            if job is None:
                break
            self._hand_over(job)
        self._record()

    def _next(self, waiting: deque[InstanceSteps], most: int) -> InstanceSteps | None:
        """What may change something now, what is due, then what has not begun, unless ``most``
        are under way."""
        if self._granted:
            job, change = self._granted.popleft()
            if change is not None:
                self._board.add_change(job.places[0], change)
            return job
        if self._due and self._due[0][0] <= time.monotonic():
            return heapq.heappop(self._due)[2]
        return waiting.popleft() if waiting and len(self._begun) < most else None

    def _record(self) -> None:
        """Begin to write down what has come together, unless a write is under way.

        No more changes at once than there are workers to make them: what waits for one
        would be made long after it was asked whether the lock is still ours.
        """
        if self._recording or self._stopping:
            return
        ended, room = self._board.take_finished(), self._size - len(self._granted)
        waiting = tuple(self._intents.popleft() for _ in range(min(room, len(self._intents))))
        if not (ended or waiting):
            return
        self._recording = True
        placed = [(job.places[0], change) for job, change in waiting]

        def write() -> None:
            self._inbox.put(_Recorded(waiting, _failure(self._journal, placed, ended)))

        threading.Thread(target=write, daemon=True).start()

    def _hand_over(self, job: InstanceSteps) -> None:
        if job.running is None:
            self._board.start_step(job.places[0])
            job.running = self._perform(job.places[0])
            job.started = time.monotonic()
        self._busy[id(job)] = self._begun[id(job)] = job
        if self._threads < len(self._busy):
            self._threads += 1
            threading.Thread(target=self._worker, daemon=True).start()
        self._work.put(job)

    def _perform(self, place: int) -> Running:
        """The step at ``place``; being a generator, it begins in the worker that advances it."""
        return (
            yield from self._crew.perform(
                self._board.step(place), lambda text: self._inbox.put(_Noted(place, text))
            )
        )

    def _worker(self) -> None:
        while job := self._work.get():
            self._inbox.put(_Advanced(job, _advance(job)))

    def _until_next_due(self) -> float | None:
        if not self._due or len(self._busy) >= self._size:
            return None
        return max(0.0, self._due[0][0] - time.monotonic())

    def _receive(self, timeout: float | None) -> None:
        try:
            message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return
        match message:
            case _Noted(place, text):
                self._board.note_step(place, text)
            case _Advanced(job, reached):
                del self._busy[id(job)]
                self._advanced(job, reached)
            case _Recorded(waiting, error):
                self._recording = False
                self._recorded(waiting, error)
            case _Woken():
                pass

    def _advanced(self, job: InstanceSteps, reached: Request | Done | BaseException) -> None:
        match reached:
            case Pause(seconds, note):
                self._go_on_in(seconds, job)
                self._board.note_step(job.places[0], note)
            case Intent(change):
                self._intents.append((job, change))
            case _:
                self._finish(job, reached)
                if isinstance(reached, Done) and job.places:
                    self._begun[id(job)] = job
                    self._go_on_in(0, job)

    def _recorded(
        self, waiting: tuple[tuple[InstanceSteps, Change], ...], error: FlowdeployError | None
    ) -> None:
        self._board.halted = self._board.halted or error
        for job, change in waiting:
            job.refused = error
            self._granted.append((job, None if error else change))

    def _go_on_in(self, seconds: float, job: InstanceSteps) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), job))

    def _finish(self, job: InstanceSteps, ending: Done | BaseException) -> None:
        self._board.finish_step(job.places.popleft(), ending, time.monotonic() - job.started)
        job.running = None
        del self._begun[id(job)]

    def _wind_down(self) -> None:
        """Let calls under way return, for a while, and the journal be written; whatever has begun
        then ends as interrupted. Another signal ends the while.
        """
        deadline = time.monotonic() + GRACE
        with suppress(KeyboardInterrupt):
            while (self._busy or self._recording) and (left := deadline - time.monotonic()) > 0:
                self._receive(left)
        for job in list(self._begun.values()):
            if job.running:
                self._finish(job, KeyboardInterrupt())


def _advance(job: InstanceSteps) -> Request | Done | BaseException:
    """Let a step go on until it asks for something, or ends."""
    running, refused = job.running, job.refused
    assert running is not None  # noqa: S101  (a job is handed over with its step begun)
    job.refused = None
    try:
        return running.throw(refused) if refused else next(running)
    except StopIteration as end:
        done: Done = end.value
        return done
    except BaseException as error:  # whatever it is, what the others did must not be lost
        return error


def _failure(
    journal: Journal, intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]
) -> FlowdeployError | None:
    """Why the journal could not be written, if it could not."""
    try:
        journal.record(intents, ended)
    except FlowdeployError as error:
        return error
    except Exception as error:  # a change whose intent is not on record must not happen
        return Bug.wrap(error)
    return None


def _jobs(board: Board, places: Iterable[int]) -> deque[InstanceSteps]:
    """The steps of a stage, gathered by instance."""
    jobs: dict[str, InstanceSteps] = {}
    for place in filter(board.is_pending, places):
        instance = instance_of(board.step(place))
        assert instance is not None  # noqa: S101  (`run` gives the pool no others)
        jobs.setdefault(instance.id, InstanceSteps(deque())).places.append(place)
    return deque(jobs.values())
