"""The events of a run, for those who show its progress."""

from __future__ import annotations

from typing import Protocol

from flowdeploy.planning.plan import Stage
from flowdeploy.report import StepReport


class Listener(Protocol):
    """Receives the events of a run. It never raises.

    All events but `build_line` come from the thread that called `run`.
    """

    def stage_started(self, stage: Stage) -> None: ...
    def stage_paused(self, stage: Stage) -> None: ...
    def step_started(self, report: StepReport) -> None: ...
    def step_noted(self, report: StepReport, note: str) -> None: ...
    def step_finished(self, report: StepReport) -> None: ...

    def checking(self, done: int, total: int) -> None:
        """The checks before the first change have read ``done`` of ``total`` instances."""

    def build_line(self, text: str) -> None:
        """The build has written a line; called from any thread."""

    def message(self, text: str) -> None:
        """A sentence about the run as a whole."""

    def waiting(self, text: str) -> None:
        """The run waits for something outside it, such as another run's lock."""


class SilentListener:
    """Ignores all events."""

    def stage_started(self, stage: Stage) -> None: ...
    def stage_paused(self, stage: Stage) -> None: ...
    def step_started(self, report: StepReport) -> None: ...
    def step_noted(self, report: StepReport, note: str) -> None: ...
    def step_finished(self, report: StepReport) -> None: ...
    def checking(self, done: int, total: int) -> None: ...
    def build_line(self, text: str) -> None: ...
    def message(self, text: str) -> None: ...
    def waiting(self, text: str) -> None: ...
