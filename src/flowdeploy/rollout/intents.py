"""Intents, which wait for the journal, and grants, which let their changes happen.

A step that is about to change its instance asks with an intent. A thread writes intents that
have come together to the journal. Each recorded intent becomes a grant: the step may go
ahead. An intent is written only when a worker is free, and that worker is kept for its grant.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowdeploy.errors import FlowdeployError
from flowdeploy.report import Change, unexpected_error
from flowdeploy.rollout.contract import FinishedStep, IntendedChange, Journal
from flowdeploy.rollout.tasks import InstanceTask


@dataclass(frozen=True, slots=True)
class JournalWrite:
    """A write to the journal that has ended, for the intents of ``waiting``."""

    waiting: tuple[tuple[InstanceTask, Change], ...]
    error: FlowdeployError | None


class IntentQueue:
    """Used by one thread only; ``report_write`` is called from the thread that writes.

    ``reserved`` is the number of workers that are kept for intents that are being written, and
    for grants.
    """

    def __init__(self, journal: Journal, report_write: Callable[[JournalWrite], None]) -> None:
        self._journal = journal
        self._report_write = report_write
        self._intents: deque[tuple[InstanceTask, Change]] = deque()
        self._grants: deque[InstanceTask] = deque()
        self.is_writing = False
        self.reserved = 0

    def add(self, task: InstanceTask, change: Change) -> None:
        self._intents.append((task, change))

    def take_grant(self) -> InstanceTask | None:
        """A task that may go ahead, with its change or with its refusal."""
        if not self._grants:
            return None
        self.reserved -= 1
        return self._grants.popleft()

    def start_write(self, take_finished: Callable[[], Sequence[FinishedStep]], free: int) -> None:
        """Write what has come together, unless a write is under way or there is nothing.

        ``free`` is the number of free workers that are not reserved.
        """
        if self.is_writing:
            return
        finished = take_finished()
        waiting = tuple(self._intents.popleft() for _ in range(min(free, len(self._intents))))
        if not (finished or waiting):
            return
        self.is_writing = True
        self.reserved += len(waiting)
        intents = [(task.places[0], change) for task, change in waiting]

        def write() -> None:
            self._report_write(JournalWrite(waiting, _write(self._journal, intents, finished)))

        try:
            threading.Thread(target=write, daemon=True).start()
        except RuntimeError:  # the machine gives no more threads
            write()

    def finish_write(self, write: JournalWrite) -> None:
        """Turn the intents of a write into grants, or into refusals where it failed."""
        self.is_writing = False
        for task, change in write.waiting:
            task.grant, task.refusal = (None, write.error) if write.error else (change, None)
            self._grants.append(task)


def _write(
    journal: Journal, intents: Sequence[IntendedChange], finished: Sequence[FinishedStep]
) -> FlowdeployError | None:
    """Record in the journal; returns the error if that failed."""
    try:
        journal.record(intents, finished)
    except FlowdeployError as error:
        return error
    except Exception as error:  # a change without a recorded intent must not happen
        return unexpected_error(error)
    return None
