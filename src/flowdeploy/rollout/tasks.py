"""What the worker threads advance: the steps of one instance in one stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import instance_of
from flowdeploy.report import Change
from flowdeploy.rollout.board import Board
from flowdeploy.rollout.contract import Done, Intent, LockCheck, Pause, Request, Running

Progress = Pause | Intent | Done | BaseException
"""What a worker has brought a step to: what it waits for, or its end."""


@dataclass(slots=True)
class InstanceTask:
    """The steps of one instance in one stage.

    ``places`` are the places of the steps that have not ended, the current one first.
    ``running`` is the current step's generator, None before it starts; ``started`` is the
    time of a monotonic clock. ``grant`` is the change that the step has on record and may make
    now; ``refusal`` is the error to throw into the generator where it may not.
    """

    places: deque[int]
    running: Running | None = None
    started: float = 0.0
    grant: Change | None = None
    refusal: FlowdeployError | None = None

    def advance(self, find_refusal: FindRefusal) -> Progress:
        """Run the current step until it waits for something or ends. Called by a worker.

        ``find_refusal`` is called right before each request that changes something.
        """
        grant, refusal = self.grant, self.refusal
        self.grant = self.refusal = None
        result = self._advance(find_refusal(self, grant) if grant else refusal)
        while isinstance(result, LockCheck):
            result = self._advance(find_refusal(self, None))
        return result

    def _advance(self, refusal: FlowdeployError | None) -> Request | Done | BaseException:
        running = self.running
        assert running is not None  # noqa: S101  (the pool starts a step before it hands it over)
        try:
            return running.throw(refusal) if refusal else next(running)
        except StopIteration as end:
            done: Done = end.value
            return done
        except BaseException as error:  # even a SystemExit must not lose the other instances
            return error


def tasks_of(board: Board, places: Iterable[int]) -> deque[InstanceTask]:
    """The pending steps among ``places``, grouped by instance."""
    tasks: dict[str, InstanceTask] = {}
    for place in filter(board.is_pending, places):
        instance = instance_of(board.step(place))
        assert instance is not None  # noqa: S101  (`run` gives the pool no other steps)
        tasks.setdefault(instance.id, InstanceTask(deque())).places.append(place)
    return deque(tasks.values())


FindRefusal = Callable[[InstanceTask, Change | None], FlowdeployError | None]
"""The reason why the run may change nothing any more, if there is one.

Called for a task that may make a change now, or (None) send a further request for it.
"""
