"""One change of one app: sent, waited for, and sent again only after a look at what is true.

The Admin API has no request ids and no preconditions, so an answer that did not
arrive says nothing about the request. Before anything is sent a second time,
the app's unfinished operations and the thing itself are looked at. Every time it
is sent, the rollout is asked first: the intent is on record, and nobody has
taken our lock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.failures import backoff
from flowdeploy.errors import FlowdeployError, ServiceError
from flowdeploy.known_errors import is_transient
from flowdeploy.report import Change
from flowdeploy.rollout import Intent, Pause, Request

ATTEMPTS = 6
SHORTEST_WAIT = 1.0  # seconds; real deploys take 30 s and more, traffic changes a few
LONGEST_WAIT = 3600.0  # gcloud gives up after an hour too
ENDLESS = "OPERATION_ENDLESS"
_BLOCKING = re.compile(r"already in progress.* by ([0-9a-zA-Z-]+)")


class InDoubt(Exception):
    """A change was sent, and whether it is there could not be found out; ``error`` says why."""

    def __init__(self, error: FlowdeployError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Sending:
    """One change: ``send`` begins an operation, ``happened`` looks whether the change is there."""

    engine: AppEngine
    project: str
    change: Change
    send: Callable[[], Operation]
    happened: Callable[[], bool]


def change(sending: Sending) -> Generator[Request, None, int]:
    """Make a change and read it back; how many times it was sent.

    Raises FlowdeployError where nothing was changed, InDoubt where something may be.
    """
    attempts = yield from sent(sending)
    with _doubting():
        if not sending.happened():
            raise _undone()
    return attempts


def sent(sending: Sending) -> Generator[Request, None, int]:
    """As `change`, for whoever reads the change back himself."""
    yield Intent(sending.change)
    for attempt in range(1, ATTEMPTS + 1):
        ended, error = yield from _sent_once(sending)
        if error is None:
            return attempt
        with _doubting():
            yield from _others_finished(sending.engine, sending.project, error)
            if sending.happened():
                return attempt
            if attempt < ATTEMPTS:
                yield Pause(backoff(attempt), f"sending again after {error.code}")
                yield Intent(sending.change)
        if attempt == ATTEMPTS:
            raise error if ended else InDoubt(error)
    raise AssertionError


def _sent_once(
    sending: Sending,
) -> Generator[Pause, None, tuple[bool, ServiceError | None]]:
    """Whether an operation has ended, and None for well, or why sending again may help.

    Raises ServiceError for a refusal, and for an operation that ended in error for good.
    """
    try:
        operation = sending.send()
    except ServiceError as error:
        return False, _passing(error)
    with _doubting():
        operation = yield from finished(sending.engine, operation)
    return True, _passing(operation.error) if operation.error else None


def _passing(error: ServiceError) -> ServiceError:
    if is_transient(error.code, error.message):
        return error
    raise error


@contextmanager
def _doubting() -> Iterator[None]:
    """What goes wrong in here says nothing of whether the change is there."""
    try:
        yield
    except FlowdeployError as error:
        raise InDoubt(error) from error


def finished(engine: AppEngine, operation: Operation) -> Generator[Pause, None, Operation]:
    """Wait for an operation's end, good or bad.

    Raises ServiceError where it cannot be seen, or does not come within the hour.
    """
    started = time.monotonic()
    wait = SHORTEST_WAIT
    while not operation.done:
        yield Pause(wait)
        operation = engine.operation(operation.name)
        waited = time.monotonic() - started
        if waited > LONGEST_WAIT and not operation.done:
            raise _endless(operation)
        wait = min(5.0, max(SHORTEST_WAIT, waited / 5))
    return operation


def _endless(operation: Operation) -> ServiceError:
    minutes = f"{LONGEST_WAIT / 60:.0f} minutes"
    return ServiceError(
        ENDLESS,
        f"{operation.name} has not ended after {minutes}",
        hint="It may still end. Look at the version, then run the same command again.",
    )


def _undone() -> ServiceError:
    return ServiceError(
        "CONFLICT",
        "App Engine says that the change was made, but reading it back shows something else",
        hint="Somebody else may have changed the same service in this moment: look who, then"
        " run the same command again.",
    )


def _others_finished(
    engine: AppEngine, project: str, error: ServiceError
) -> Generator[Pause, None, None]:
    """Wait for what the error says is in the way, or for what our lost request may have begun."""
    operations: tuple[Operation, ...]
    if blocking := _BLOCKING.search(error.message):
        operations = (Operation(f"apps/{project}/operations/{blocking[1]}"),)
    else:
        operations = engine.operations_under_way(project)
    for operation in operations:
        yield Pause(0, "waiting for an operation that is under way")
        yield from _ended(engine, operation)


def _ended(engine: AppEngine, operation: Operation) -> Generator[Pause, None, None]:
    """As `finished`; an operation that cannot be seen is not waited for."""
    try:
        yield from finished(engine, operation)
    except ServiceError as error:
        if error.code == ENDLESS:
            raise
