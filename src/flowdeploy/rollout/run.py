"""The way through a plan, from its first stage to its last or to the one that ends it."""

from __future__ import annotations

import time
from contextlib import closing

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Plan, Stage, instance_of
from flowdeploy.report import Bug
from flowdeploy.rollout.board import Board
from flowdeploy.rollout.contract import (
    Done,
    Executor,
    Journal,
    Limits,
    Notify,
    Pause,
    Result,
    Running,
)
from flowdeploy.rollout.listener import Listener
from flowdeploy.rollout.pool import Pool


def run(plan: Plan, crew: Executor, journal: Journal, listener: Listener, limits: Limits) -> Result:
    """Carry out ``plan`` and say what became of every step.

    Never raises for what a step or a stage's entrance does. A SIGINT, SIGTERM or
    SIGHUP (the caller lets them raise KeyboardInterrupt) ends the run in an orderly
    way: nothing new begins, and calls under way get a moment to return. A
    second one cuts that moment short.
    """
    board = Board(plan, limits, listener)
    try:
        with closing(Pool(limits.jobs, crew, board, journal)) as pool:
            _run_stages(plan, crew, board, pool)
    except FlowdeployError as error:
        return Result(board.reports, error)
    except KeyboardInterrupt:
        return Result(board.reports, interrupted=True)
    except Exception as error:  # what was done until here must not be lost
        return Result(board.reports, Bug.wrap(error))
    return Result(board.reports, board.halted)


def _run_stages(plan: Plan, crew: Executor, board: Board, pool: Pool) -> None:
    for index in range(len(plan.stages)):
        board.update_plan(crew.prepare(index))
        stage, places = _stage_with_places(board.plan, index)
        board.start_stage(stage)
        _run_stage(stage, places, crew, board, pool)
        if not board.may_continue(stage, places):
            return
        if stage.pause and index + 1 < len(plan.stages):
            board.pause_stage(stage)
            time.sleep(stage.pause)
        crew.leave(board.reports_of(places))


def _stage_with_places(plan: Plan, index: int) -> tuple[Stage, range]:
    """A stage with the places of its steps in the list of all steps."""
    begin = sum(len(stage.steps) for stage in plan.stages[:index])
    stage = plan.stages[index]
    return stage, range(begin, begin + len(stage.steps))


def _run_stage(stage: Stage, places: range, crew: Executor, board: Board, pool: Pool) -> None:
    if any(instance_of(step) for step in stage.steps):
        pool.run_stage(stage, places)
        return
    for place in places:
        _run_here(place, crew, board)


def _run_here(place: int, crew: Executor, board: Board) -> None:
    """Run a step that has no instance in this thread, where a signal can interrupt it."""

    def notify(text: str) -> None:
        board.note_step(place, text)

    board.start_step(place)
    started = time.monotonic()
    ending: Done | BaseException
    try:
        ending = _exhaust(crew.perform(board.step(place), notify), notify)
    except (Exception, KeyboardInterrupt) as error:
        ending = error
    board.finish_step(place, ending, time.monotonic() - started)
    if isinstance(ending, KeyboardInterrupt):
        raise ending


def _exhaust(running: Running, notify: Notify) -> Done:
    while True:
        try:
            pause = next(running)
        except StopIteration as end:
            done: Done = end.value
            return done
        assert isinstance(pause, Pause)  # noqa: S101  (only steps of instances change anything)
        notify(pause.note)
        time.sleep(pause.seconds)
