"""Runs the stages of a plan, one after the other."""

import time
from contextlib import closing

from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.plan import Plan, Stage, instance_of
from flowdeploy.report import unexpected_error
from flowdeploy.rollout.board import Board
from flowdeploy.rollout.contract import (
    Done,
    Executor,
    Journal,
    Limits,
    Listener,
    Notify,
    Pause,
    Result,
    Running,
)
from flowdeploy.rollout.pool import Pool


def run(
    plan: Plan, executor: Executor, journal: Journal, listener: Listener, limits: Limits
) -> Result:
    """Run ``plan``; returns the report of every step, and never raises.

    A SIGINT, SIGTERM or SIGHUP stops the run: nothing new starts, and calls under way get
    some seconds to return. A second signal ends that wait. The caller must let these
    signals raise KeyboardInterrupt.
    """
    board = Board(plan, limits, listener)
    try:
        with closing(Pool(limits.jobs, executor, board, journal)) as pool:
            _run_stages(plan, executor, board, pool)
    except FlowdeployError as error:
        return Result(board.reports, error)
    except KeyboardInterrupt:
        return Result(board.reports, interrupted=True)
    except Exception as error:  # the reports must not be lost
        return Result(board.reports, unexpected_error(error))
    return Result(board.reports, board.halted)


def _run_stages(plan: Plan, executor: Executor, board: Board, pool: Pool) -> None:
    for index in range(len(plan.stages)):
        board.update_plan(executor.prepare(index))
        stage, places = _stage_with_places(board.plan, index)
        board.listener.stage_started(stage)
        _run_stage(stage, places, executor, board, pool)
        if not board.may_continue(stage, places):
            return
        if stage.pause and index + 1 < len(plan.stages):
            board.listener.stage_paused(stage)
            time.sleep(stage.pause)
        executor.leave(board.reports_of(places))


def _stage_with_places(plan: Plan, index: int) -> tuple[Stage, range]:
    """A stage, and the places of its steps among all steps of the plan."""
    first = sum(len(stage.steps) for stage in plan.stages[:index])
    stage = plan.stages[index]
    return stage, range(first, first + len(stage.steps))


def _run_stage(stage: Stage, places: range, executor: Executor, board: Board, pool: Pool) -> None:
    if any(instance_of(step) for step in stage.steps):
        pool.run_stage(stage, places)
        return
    for place in places:
        _run_here(place, executor, board)


def _run_here(place: int, executor: Executor, board: Board) -> None:
    """Run a step without an instance in this thread, where a signal interrupts it."""

    def notify(text: str) -> None:
        board.note_step(place, text)

    board.start_step(place)
    started = time.monotonic()
    ending: Done | BaseException
    try:
        ending = _exhaust(executor.perform(board.step(place), notify), notify)
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
        assert isinstance(pause, Pause)  # noqa: S101  (only steps of instances yield intents)
        notify(pause.note)
        time.sleep(pause.seconds)
