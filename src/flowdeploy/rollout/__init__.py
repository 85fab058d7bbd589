"""Runs a plan: stages in order, instances side by side, a limit on failures.

It knows no service. A step is a generator that somebody else wrote: it yields a
`Pause` whenever it waits for something remote, and meanwhile its worker thread
serves other instances; it yields an `Intent` before whatever it changes, and
goes on once that is on record; it returns `Done`, or raises. So ``jobs`` bounds
the calls that are under way at once, not the instances.
"""

from flowdeploy.rollout.contract import (
    Done,
    Executor,
    FinishedStep,
    IntendedChange,
    Intent,
    Journal,
    Limits,
    Notify,
    Pause,
    Request,
    Result,
    Running,
    StepFailed,
)
from flowdeploy.rollout.listener import Listener, SilentListener
from flowdeploy.rollout.run import run

__all__ = [
    "Done",
    "Executor",
    "FinishedStep",
    "IntendedChange",
    "Intent",
    "Journal",
    "Limits",
    "Listener",
    "Notify",
    "Pause",
    "Request",
    "Result",
    "Running",
    "SilentListener",
    "StepFailed",
    "run",
]
