"""Draws the live display, in lines that fit the terminal's width and height."""

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


# The states of a stage: its mark, the same in ASCII, and its style.
_WAITING = ("·", ".", "dim")
_UNDER_WAY = ("▸", ">", "bold")
_SUCCEEDED = ("✓", "+", "green")
_FAILED = ("✗", "x", "red")


@dataclass(frozen=True, slots=True)
class Frame:
    """A view for rich to draw, at the time ``now`` of the view's clock."""

    view: View
    now: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _stages(self.view, self.now, options.ascii_only)
        room = console.height - len(self.view.stages) - 2
        yield from _activities(self.view, self.now, max(1, min(ROWS, room)))


def _stages(view: View, now: float, ascii_only: bool) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "left", "right"):
        grid.add_column(justify=justify, no_wrap=True)
    grid.add_column(max_width=_BAR_WIDTH)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    for name, stage in view.stages.items():
        grid.add_row(*_stage_row(name, stage, now, ascii_only))
    return grid


def _stage_row(
    name: str, stage: StageView, now: float, ascii_only: bool
) -> Iterator[RenderableType]:
    mark, ascii_mark, style = _state(stage)
    yield Text(ascii_mark if ascii_only else mark, style)
    yield literal((name, style))
    yield Text(f"{stage.finished_count}/{stage.total}", style)
    bar = ProgressBar(stage.total, stage.finished_count, width=_BAR_WIDTH)
    yield bar if stage.total > 1 else Text()
    yield Text(duration((stage.until or now) - stage.since) if stage.since is not None else "")
    yield Text(f"{stage.failed} failed" if stage.failed else "", "bold red")


def _state(stage: StageView) -> tuple[str, str, str]:
    if stage.since is None:
        return _WAITING
    if stage.failed:
        return _FAILED
    if stage.until is None:
        return _UNDER_WAY
    return _SUCCEEDED


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
