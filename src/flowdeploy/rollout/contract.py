"""What the rollout requires of its executor, journal and listener, and what they exchange."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Plan, Stage, Step
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Change, Outcome, State, StepReport
from flowdeploy.units import NONE, Portion


@dataclass(frozen=True, slots=True)
class Pause:
    """A step waits for so many seconds; ``note`` says for what."""

    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A step is about to change its instance. It continues once the journal has recorded this.

    If the journal cannot, or the run has lost its locks, the error is thrown into the step.
    """

    change: Change


@dataclass(frozen=True, slots=True)
class LockCheck:
    """A step is about to send a further request for the change that it has recorded last.

    It continues at once, or with an error where the run has lost its locks.
    """


Request = Pause | Intent | LockCheck  # what a step may yield


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a step that succeeded; ``outcome`` is done or unchanged."""

    outcome: Outcome = Outcome.DONE
    state: State | None = None
    url: str | None = None
    previous: Split | None = None
    notes: tuple[str, ...] = ()


class StepFailed(Exception):
    """A step failed, and knows what it left behind.

    ``left`` describes that; its outcome is `Outcome.UNCHANGED` where nothing was changed.
    """

    def __init__(self, error: FlowdeployError, left: Done) -> None:
        super().__init__(str(error))
        self.error = error
        self.left = left


Notify = Callable[[str], None]
Running = Generator[Request, None, Done]
# Each begins with the step's place: its index among all steps of the plan.
IntendedChange = tuple[int, Change]
FinishedStep = tuple[int, StepReport]


class Executor(Protocol):
    """Carries out the steps of a plan."""

    def prepare(self, index: int) -> Plan:
        """Prepare the stage with this index; returns the plan as it is known now.

        Only this stage and later ones may differ from the previous plan. Raises
        FlowdeployError to end the run.
        """

    def perform(self, step: Step, notify: Notify) -> Running:
        """Start a step. ``notify`` shows the user what the step is doing.

        Steps of an instance may call it from any thread; other steps only from the thread
        that they run in.
        """

    def leave(self, steps: Sequence[StepReport]) -> None:
        """Check a stage that has ended within the limit on failures, after its pause.

        Raises FlowdeployError to end the run.
        """


class Journal(Protocol):
    """Records a run while it is under way."""

    def record(self, intents: Sequence[IntendedChange], finished: Sequence[FinishedStep]) -> None:
        """Record intents, and the steps that have ended since the last call.

        Called by one thread at a time. The record is durable when it returns. Raises
        FlowdeployError where the changes must not happen.
        """

    def ensure_locks(self) -> None:
        """Ask whether the run still holds its locks: called right before each request that
        changes an instance, by the thread that sends it.

        Raises FlowdeployError where it does not, or where that cannot be found out.
        """


class Listener:
    """Receives the events of a run. This one ignores them; others show some. It never raises.

    All events but `build_line` and `waiting` come from the thread that called `run`.
    """

    def stage_started(self, stage: Stage) -> None: ...
    def stage_paused(self, stage: Stage) -> None: ...
    def step_started(self, report: StepReport) -> None: ...
    def step_noted(self, report: StepReport, note: str) -> None: ...
    def step_finished(self, report: StepReport) -> None: ...

    def checking(self, done: int, total: int) -> None:
        """Checks have read ``done`` of ``total`` instances: before a change, or after a wave."""

    def build_line(self, text: str) -> None:
        """The build has written a line; called from any thread."""

    def message(self, text: str) -> None:
        """A sentence about the run as a whole."""

    def waiting(self, text: str) -> None:
        """The run waits for something outside it, such as another run's lock or a quota."""
        self.message(text)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be under way at once, and how much may fail.

    ``jobs`` is the number of worker threads, at least 1. ``max_failures`` is how many deploys
    and promotions of production instances may fail; after more failures no further instance
    starts. ``skip_unready`` skips instances that fail a check, instead of ending the run.
    """

    jobs: int = 32
    max_failures: Portion = NONE
    skip_unready: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The reports of all steps in the plan's order, and the error that ended the run early."""

    steps: tuple[StepReport, ...]
    error: FlowdeployError | None = None
    interrupted: bool = False
