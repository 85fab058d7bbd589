"""Progress on a terminal, redrawn in place; failures and output stay above it."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flowdeploy.display.frame import Frame
from flowdeploy.display.plain import error_line
from flowdeploy.display.terminal import literal
from flowdeploy.display.text import duration, output_line
from flowdeploy.display.view import View
from flowdeploy.display.words import result, where
from flowdeploy.planning.plan import Plan, Stage
from flowdeploy.report import StepReport
from flowdeploy.rollout.contract import Listener

REFRESH_SECONDS = 0.125
ALIKE = 3  # failures with the same message that are shown; the report has all


@contextmanager
def live_progress(plan: Plan, console: Console) -> Iterator[LiveProgress]:
    """Draw from a separate thread, so that events cost next to nothing."""
    progress = LiveProgress(plan)
    with Live(
        console=console,
        get_renderable=progress.frame,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:

        def draw() -> None:
            if lines := progress.take_lines():
                console.print(Text("\n").join(lines), soft_wrap=True)
            live.refresh()

        with _call_repeatedly(draw, REFRESH_SECONDS):
            yield progress


class LiveProgress(Listener):
    """Turns events into views, and keeps the lines to print above the display."""

    def __init__(self, plan: Plan) -> None:
        self._view = View.of(plan)
        self._lines: deque[Text] = deque()
        self._failures: Counter[str] = Counter()

    def stage_started(self, stage: Stage) -> None:
        self._view = self._view.start_stage(stage, time.monotonic())

    def stage_paused(self, stage: Stage) -> None:
        self.message(f"{stage.name}  pauses for {duration(stage.pause)}")

    def step_started(self, report: StepReport) -> None:
        self._view = self._view.start_step(report, time.monotonic())

    def step_noted(self, report: StepReport, note: str) -> None:
        self._view = self._view.add_note(report, note)

    def step_finished(self, report: StepReport) -> None:
        self._view = self._view.finish_step(report, time.monotonic())
        if report.error:
            self._keep_failure(report)

    def checking(self, done: int, total: int) -> None:
        self._view = self._view.update_checks(done, total, time.monotonic())

    def build_line(self, text: str) -> None:
        self._lines.append(literal((output_line(text), "dim")))

    def message(self, text: str) -> None:
        self._lines.append(literal(text))

    def frame(self) -> Frame:
        """The display as it is now."""
        return Frame(self._view, time.monotonic())

    def take_lines(self) -> list[Text]:
        """The lines since the last call."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def _keep_failure(self, report: StepReport) -> None:
        words = error_line(report)
        self._failures[words] += 1
        if self._failures[words] > ALIKE:
            return
        head = f"{report.stage}  {where(report)}  {result(report)}  "
        more = "  (more of the same are only counted)" if self._failures[words] == ALIKE else ""
        self._lines.append(literal((head, "red"), words, (more, "dim")))


@contextmanager
def _call_repeatedly(act: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call ``act`` periodically from another thread, and once more at the end."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        act()
