"""Draws the live display, in lines that fit the terminal's width and height."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flowdeploy.display.terminal import literal
from flowdeploy.display.text import duration
from flowdeploy.display.view import StageView, View

ROWS = 10  # of instances under way; the others are counted
_BAR_WIDTH = 30


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks in front of a stage, by its state."""

    waiting: str
    under_way: str
    succeeded: str
    failed: str


UNICODE = Marks("·", "▸", "✓", "✗")
ASCII = Marks(".", ">", "+", "x")


@dataclass(frozen=True, slots=True)
class Frame:
    """A view for rich to draw, at the time ``now`` of the view's clock."""

    view: View
    now: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        marks = ASCII if options.ascii_only else UNICODE
        yield _stages(self.view, self.now, marks)
        room = console.height - len(self.view.stages) - 2
        yield from _activities(self.view, self.now, max(1, min(ROWS, room)))


def _stages(view: View, now: float, marks: Marks) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "left", "right"):
        grid.add_column(justify=justify, no_wrap=True)
    grid.add_column(max_width=_BAR_WIDTH)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    for name, stage in view.stages.items():
        grid.add_row(*_stage_row(name, stage, now, marks))
    return grid


def _stage_row(name: str, stage: StageView, now: float, marks: Marks) -> Iterator[RenderableType]:
    mark, style = _state(stage, marks)
    yield Text(mark, style)
    yield literal((name, style))
    yield Text(f"{stage.finished_count}/{stage.total}", style)
    yield (
        ProgressBar(stage.total, stage.finished_count, width=_BAR_WIDTH)
        if stage.total > 1
        else Text()
    )
    yield Text(duration((stage.until or now) - stage.since) if stage.since is not None else "")
    yield Text(f"{stage.failed} failed" if stage.failed else "", "bold red")


def _state(stage: StageView, marks: Marks) -> tuple[str, str]:
    """The mark and the style of a stage."""
    if stage.since is None:
        return marks.waiting, "dim"
    if stage.failed:
        return marks.failed, "red"
    if stage.until is None:
        return marks.under_way, "bold"
    return marks.succeeded, "green"


def _activities(view: View, now: float, rows: int) -> Iterator[RenderableType]:
    """The instances that are under way for longest, and the number of the others.

    A step without an instance has a row only if it has a note: its stage has a row already.
    """
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, ratio=1, overflow="crop")
    grid.add_column(no_wrap=True, justify="right")
    shown = [
        (name, activity)
        for (stage, name), activity in view.under_way.items()
        if activity.note or name != stage
    ]
    for name, activity in shown[:rows]:
        since = Text(duration(now - activity.since))
        grid.add_row(literal(f"  {name}"), literal((activity.note, "dim")), since)
    yield grid
    if len(shown) > rows:
        yield Text(f"  and {len(shown) - rows} more", "dim")
