"""What the rollout asks of those who carry out steps, and what it tells those who watch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Plan, Step
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Change, Outcome, State, StepReport
from flowdeploy.units import NONE, Portion


@dataclass(frozen=True, slots=True)
class Pause:
    """A step has nothing to do for so many seconds, because of what ``note`` says."""

    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A step is about to change its instance. It goes on once that is on record.

    Where it cannot be recorded, or must not happen any more, the step is thrown the error.
    """

    change: Change


Request = Pause | Intent  # what a step may ask of the rollout


@dataclass(frozen=True, slots=True)
class Done:
    """A step's end in success; ``outcome`` is done or unchanged."""

    outcome: Outcome = Outcome.DONE
    state: State | None = None
    url: str | None = None
    previous: Split | None = None
    attempts: int = 1
    notes: tuple[str, ...] = ()


class StepFailed(Exception):
    """A step's end in failure where something can be said of what it left behind.

    ``left`` has the outcome `Outcome.UNCHANGED` where that is all as it was.
    """

    def __init__(self, error: FlowdeployError, left: Done) -> None:
        super().__init__(str(error))
        self.error = error
        self.left = left


Notify = Callable[[str], None]
Running = Generator[Request, None, Done]
# Both begin with the place of the step among all steps of the plan.
IntendedChange = tuple[int, Change]
FinishedStep = tuple[int, StepReport]


class Executor(Protocol):
    """Who carries a plan out."""

    def prepare(self, index: int) -> Plan:
        """Called before the stage with this index begins; the plan as it is known now.

        Only that stage and later ones may differ from before. Raises FlowdeployError to end
        the run there.
        """

    def perform(self, step: Step, notify: Notify) -> Running:
        """Begin a step. ``notify`` tells a person what it is doing.

        Steps of an instance may call it from any thread, all others only from
        the one that they run in, which is the listener's.
        """

    def leave(self, steps: Sequence[StepReport]) -> None:
        """Called with a stage's steps when it has ended well enough for the next one.

        Raises FlowdeployError to end the run there.
        """


class Journal(Protocol):
    """Where a run is put on record while it goes on."""

    def record(self, intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        """Record what is about to be changed, and what has ended since the last call.

        Called by one thread at a time. What it returns from is durable. Raises
        FlowdeployError where the changes must not happen.
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, and how much may go wrong.

    ``jobs``, at least 1, is how many calls are under way at once. ``max_failures`` is how many
    deploys and promotions of production instances may fail; beyond it no further
    instance is begun. ``skip_unready`` leaves instances that fail a check out of what follows,
    where otherwise nothing would follow.
    """

    jobs: int = 32
    max_failures: Portion = NONE
    skip_unready: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Every step of the plan in its order, and what ended the run early, if anything did."""

    steps: tuple[StepReport, ...]
    error: FlowdeployError | None = None
    interrupted: bool = False
