"""Progress while a plan runs: redrawn in place on a terminal, else a line for each event."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from flowdeploy.display.live import live_progress
from flowdeploy.display.plain import PlainProgress
from flowdeploy.display.terminal import say, takes_live_display
from flowdeploy.display.words import target_line
from flowdeploy.planning.plan import Plan
from flowdeploy.rollout.contract import Listener


class QuietProgress(Listener):
    """Shows what the run waits for, and nothing else."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def waiting(self, text: str) -> None:
        say(self._console, text)


@contextmanager
def show_progress(
    plan: Plan, target: str, *, console: Console, quiet: bool = False, verbose: bool = False
) -> Iterator[Listener]:
    """Show the target on ``console``, then the events of the listener; if ``quiet``, only waits.

    ``verbose`` adds lines for the start and the notes of each step, which the live display
    shows anyway.
    """
    say(console, target_line(target))
    if quiet:
        yield QuietProgress(console)
    elif takes_live_display(console):
        with live_progress(plan, console) as progress:
            yield progress
    else:
        yield PlainProgress(plan, console, verbose=verbose)
