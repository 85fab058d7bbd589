"""Runs the instances of a stage side by side.

The caller's thread makes all decisions. Worker threads only advance the generators of
steps, and post what each came to in the inbox of the caller's thread. A step that pauses
gives its worker back: it waits in a heap ordered by the time at which it is due.
"""

import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Stage
from flowdeploy.report import Change, unexpected_error
from flowdeploy.rollout.board import Board, StepInterrupted
from flowdeploy.rollout.contract import Done, Executor, Intent, Journal, Pause, Running
from flowdeploy.rollout.intents import IntentQueue, JournalWrite
from flowdeploy.rollout.interrupts import call_on_signal
from flowdeploy.rollout.tasks import InstanceTask, Progress, tasks_of

GRACE = 10.0  # seconds for calls under way to return after an interruption


@dataclass(frozen=True, slots=True)
class _Note:
    """A step says what it is doing."""

    place: int
    text: str


@dataclass(frozen=True, slots=True)
class _Advance:
    """A worker has advanced a task."""

    task: InstanceTask
    result: Progress


@dataclass(frozen=True, slots=True)
class _Sending:
    """A step sends its first request for a change now."""

    place: int
    change: Change


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The run may change nothing any more."""

    error: FlowdeployError


@dataclass(frozen=True, slots=True)
class _Stop:
    """The run must stop. Only wakes the thread that waits for a message."""


_Message = _Note | _Advance | JournalWrite | _Sending | _Refusal | _Stop


class Pool:
    """Up to ``size`` worker threads for the steps of instances.

    The threads are daemons and never joined: a call that hangs ends with the process.
    """

    def __init__(self, size: int, executor: Executor, board: Board, journal: Journal) -> None:
        self._size = size
        self._executor = executor
        self._journal = journal
        self._board = board
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._work: queue.SimpleQueue[InstanceTask | None] = queue.SimpleQueue()
        self._intents = IntentQueue(journal, self._inbox.put)
        self._paused: list[tuple[float, int, InstanceTask]] = []  # a heap: due time, order
        self._order = itertools.count()
        self._under_way: dict[int, InstanceTask] = {}  # by id: started and not ended
        self._with_worker: dict[int, InstanceTask] = {}  # those of them that a worker has
        self._threads = 0
        self._stopping = False

    def run_stage(self, stage: Stage, places: Iterable[int]) -> None:
        """Run the steps of a stage to their ends.

        Raises KeyboardInterrupt after a signal, once the board has the end of every step.
        """
        waiting = tasks_of(self._board, places)
        limit = max(1, stage.max.of(len(waiting)))
        with call_on_signal(self._stop):
            self._dispatch(stage, waiting, limit)
            while (self._under_way or self._intents.is_writing) and not self._stopping:
                self._receive(self._seconds_until_due())
                self._dispatch(stage, waiting, limit)
            if self._stopping:
                self._wind_down()
                raise KeyboardInterrupt

    def close(self) -> None:
        """End the idle threads now, and the busy ones when their calls return."""
        for _ in range(self._threads):
            self._work.put(None)

    def _stop(self) -> None:
        """Start nothing more. A signal handler: runs between two instructions of this thread."""
        self._stopping = True
        self._inbox.put(_Stop())

    # Give work to the workers.

    def _dispatch(self, stage: Stage, waiting: deque[InstanceTask], limit: int) -> None:
        """Hand tasks to free workers: first those with a grant, then let the journal write the
        intents that have come together, then others."""
        if not self._board.may_start(stage):
            waiting.clear()
        if self._stopping:
            return
        while task := self._intents.take_grant():
            self._hand_over(task)
        self._intents.start_write(self._board.take_finished, self._free)
        while self._free and not self._stopping and (task := self._next_task(waiting, limit)):
            self._hand_over(task)

    @property
    def _free(self) -> int:
        """The number of workers that have nothing to do, and are not kept for a grant."""
        return self._size - len(self._with_worker) - self._intents.reserved

    def _next_task(self, waiting: deque[InstanceTask], limit: int) -> InstanceTask | None:
        """A task whose pause is over, else a new one below ``limit``."""
        if self._paused and self._paused[0][0] <= time.monotonic():
            return heapq.heappop(self._paused)[2]
        return waiting.popleft() if waiting and len(self._under_way) < limit else None

    def _hand_over(self, task: InstanceTask) -> None:
        if task.running is None:
            self._board.start_step(task.places[0])
            task.running = self._perform(task.places[0])
            task.started = time.monotonic()
        self._with_worker[id(task)] = self._under_way[id(task)] = task
        if self._threads < len(self._with_worker):
            self._start_worker()
        self._work.put(task)

    def _start_worker(self) -> None:
        """Where the machine gives no more threads, those that there are do the work."""
        try:
            threading.Thread(target=self._work_off, daemon=True).start()
        except RuntimeError:
            if not self._threads:
                raise
        else:
            self._threads += 1

    def _perform(self, place: int) -> Running:
        """The step at ``place``. A generator: the executor is first called by the worker."""
        return (
            yield from self._executor.perform(
                self._board.step(place), lambda text: self._inbox.put(_Note(place, text))
            )
        )

    def _work_off(self) -> None:
        """The loop of a worker thread."""
        while task := self._work.get():
            self._inbox.put(_Advance(task, task.advance(self._find_refusal)))

    def _find_refusal(self, task: InstanceTask, change: Change | None) -> FlowdeployError | None:
        """See `FindRefusal`. Called by workers."""
        try:
            self._journal.ensure_locks()
        except FlowdeployError as error:
            refusal = error
        except Exception as error:  # a change must not happen without its locks
            refusal = unexpected_error(error)
        else:
            if self._stopping:  # while it was asked; soon the locks are released
                return StepInterrupted(has_changes=False)
            if change:
                self._inbox.put(_Sending(task.places[0], change))
            return None
        self._inbox.put(_Refusal(refusal))
        return refusal

    # Receive what the workers and the journal have to say.

    def _seconds_until_due(self) -> float | None:
        """Until the next pause is over; None where no worker is free, or nothing pauses."""
        if not self._paused or self._free < 1:
            return None
        return max(0.0, self._paused[0][0] - time.monotonic())

    def _receive(self, timeout: float | None) -> None:
        """Wait for one message, and act on it."""
        try:
            message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return
        match message:
            case _Note(place, text):
                self._board.note_step(place, text)
            case _Advance(task, result):
                del self._with_worker[id(task)]
                self._answer(task, result)
            case JournalWrite():
                self._board.halted = self._board.halted or message.error
                self._intents.finish_write(message)
            case _Sending(place, change):
                self._board.add_change(place, change)
            case _Refusal(error):
                self._board.halted = self._board.halted or error
            case _Stop():
                pass

    def _answer(self, task: InstanceTask, result: Progress) -> None:
        """Queue the request of a step, or note its end and queue the instance's next step."""
        match result:
            case Pause(seconds, note):
                self._pause(task, seconds)
                self._board.note_step(task.places[0], note)
            case Intent(change):
                self._intents.add(task, change)
            case _:
                self._finish_step(task, result)
                if isinstance(result, Done) and task.places:
                    self._under_way[id(task)] = task
                    self._pause(task, 0)

    def _pause(self, task: InstanceTask, seconds: float) -> None:
        heapq.heappush(self._paused, (time.monotonic() + seconds, next(self._order), task))

    def _finish_step(self, task: InstanceTask, ending: Done | BaseException) -> None:
        self._board.finish_step(task.places.popleft(), ending, time.monotonic() - task.started)
        task.running = None
        del self._under_way[id(task)]

    def _wind_down(self) -> None:
        """Wait for calls under way and for the journal, at most `GRACE` seconds.

        Steps that have not ended by then end as interrupted. A second signal ends the wait.
        """
        deadline = time.monotonic() + GRACE
        with suppress(KeyboardInterrupt):
            while self._with_worker or self._intents.is_writing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._receive(left)
        while not self._inbox.empty():  # what is being sent must be known
            self._receive(0)
        for task in list(self._under_way.values()):
            if task.running:
                self._finish_step(task, KeyboardInterrupt())
