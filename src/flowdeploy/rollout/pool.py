"""Instances side by side: worker threads, and a heap of the moments at which jobs go on.

One thread, the caller's, decides everything. Workers only advance generators
and post what came of it to that thread's inbox.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from flowdeploy.plan import Stage, instance_of
from flowdeploy.rollout.board import Board
from flowdeploy.rollout.contract import Crew, Done, Pause, Running
from flowdeploy.rollout.interrupts import posted

GRACE = 10.0  # seconds that calls under way get to return after an interruption


@dataclass(slots=True)
class Job:
    """The steps of one instance in one stage, by place; ``running`` is the current one."""

    places: deque[int]
    running: Running | None = None
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class _Noted:
    place: int
    text: str


@dataclass(frozen=True, slots=True)
class _Advanced:
    job: Job
    reached: Pause | Done | BaseException


@dataclass(frozen=True, slots=True)
class _Woken:
    """The run is to stop: whoever waits for a message is to look again."""


class Pool:
    """At most ``size`` threads; none is waited for, and what hangs dies with the process."""

    def __init__(self, size: int, crew: Crew, board: Board) -> None:
        self._size = size
        self._crew = crew
        self._board = board
        self._work: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[_Noted | _Advanced | _Woken] = queue.SimpleQueue()
        self._due: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._busy: dict[int, Job] = {}
        self._threads = 0
        self._stopping = False

    def run_stage(self, stage: Stage, places: Iterable[int]) -> None:
        """Run the steps of a stage to their ends.

        Raises KeyboardInterrupt, with every step's end on the board, where a
        signal told us to stop.
        """
        waiting = _jobs(self._board, places)
        with posted(self._stop):
            self._dispatch(stage, waiting)
            while (self._busy or self._due) and not self._stopping:
                self._receive(self._until_next_due())
                self._dispatch(stage, waiting)
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

    def _dispatch(self, stage: Stage, waiting: deque[Job]) -> None:
        """Give free workers what is due, then what has not begun."""
        if not self._board.may_begin(stage):
            waiting.clear()
        while len(self._busy) < self._size and not self._stopping:
            if self._due and self._due[0][0] <= time.monotonic():
                self._hand_over(heapq.heappop(self._due)[2])
            elif waiting:
                self._hand_over(waiting.popleft())
            else:
                return

    def _hand_over(self, job: Job) -> None:
        if job.running is None:
            self._board.start(job.places[0])
            job.running = self._perform(job.places[0])
            job.started = time.monotonic()
        self._busy[id(job)] = job
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
            self._inbox.put(_Advanced(job, _advance(job.running)))

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
                self._board.note(place, text)
            case _Advanced(job, reached):
                del self._busy[id(job)]
                self._advanced(job, reached)
            case _Woken():
                pass

    def _advanced(self, job: Job, reached: Pause | Done | BaseException) -> None:
        if isinstance(reached, Pause):
            self._go_on_in(reached.seconds, job)
            self._board.note(job.places[0], reached.note)
            return
        self._finish(job, reached)
        if isinstance(reached, Done) and job.places:
            self._go_on_in(0, job)

    def _go_on_in(self, seconds: float, job: Job) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), job))

    def _finish(self, job: Job, ending: Done | BaseException) -> None:
        self._board.finish(job.places.popleft(), ending, time.monotonic() - job.started)
        job.running = None

    def _wind_down(self) -> None:
        """Let calls under way return, for a while; whatever has begun then ends as interrupted.

        Another signal ends the while.
        """
        deadline = time.monotonic() + GRACE
        with suppress(KeyboardInterrupt):
            while self._busy and (left := deadline - time.monotonic()) > 0:
                self._receive(left)
        for job in [*self._busy.values(), *(job for _, _, job in self._due)]:
            if job.running:
                self._finish(job, KeyboardInterrupt())


def _advance(running: Running | None) -> Pause | Done | BaseException:
    """Let a step go on until it pauses or ends."""
    assert running is not None  # noqa: S101  (a job is handed over with its step begun)
    try:
        return next(running)
    except StopIteration as end:
        done: Done = end.value
        return done
    except BaseException as error:  # whatever it is, what the others did must not be lost
        return error


def _jobs(board: Board, places: Iterable[int]) -> deque[Job]:
    """The steps of a stage, gathered by instance."""
    jobs: dict[str, Job] = {}
    for place in places:
        instance = instance_of(board.step(place))
        assert instance is not None  # noqa: S101  (`run` gives the pool no others)
        jobs.setdefault(instance.id, Job(deque())).places.append(place)
    return deque(jobs.values())
