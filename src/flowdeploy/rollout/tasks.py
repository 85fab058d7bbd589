"""What the worker threads advance: the steps of one instance in one stage."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import instance_of
from flowdeploy.rollout.board import Board
from flowdeploy.rollout.contract import Done, FurtherRequest, Intent, Pause, Request, Running

Progress = Pause | Intent | Done | BaseException
"""What a worker has brought a step to: what it waits for, or its end."""
Ask = Callable[[], FlowdeployError | None]
"""Whether the run may change anything; the reason if it may not."""


@dataclass(slots=True)
class InstanceTask:
    """The steps of one instance in one stage.

    ``places`` are the places of the steps that have not ended, the current one first.
    ``running`` is the current step's generator, None before it starts; ``started`` is the
    time of a monotonic clock. ``is_granted`` is whether the step has an intent on record;
    ``refusal`` is the error to throw into the generator in place of that.
    """

    places: deque[int]
    running: Running | None = None
    started: float = 0.0
    is_granted: bool = False
    refusal: FlowdeployError | None = None

    def advance(self, ask: Ask) -> Progress:
        """Run the current step until it asks for something or ends. Called by a worker.

        ``ask`` is called right before a change.
        """
        refusal = ask() if self.is_granted else self.refusal
        self.is_granted, self.refusal = False, None
        result = self._advance(refusal)
        while isinstance(result, FurtherRequest):
            result = self._advance(ask())
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
