"""Sends one change to App Engine; repeats it only after a look at the actual state.

The Admin API has no request ids and no preconditions, so a lost answer says nothing about
its request. Before a request is repeated, the app's unfinished operations are awaited and
the state is read. Every attempt yields an `Intent` first: the rollout then records it, and
checks that the run still holds its lock.
"""

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
from flowdeploy.report import Change, State
from flowdeploy.rollout.contract import Done, Intent, Pause, Request, StepFailed

ATTEMPTS = 6
SHORTEST_WAIT = 1.0  # seconds; real deploys take 30 s and more, traffic changes a few
LONGEST_WAIT = 3600.0  # gcloud also gives up after an hour
OPERATION_TIMEOUT = "OPERATION_ENDLESS"
_BLOCKING = re.compile(r"already in progress.* by ([0-9a-zA-Z-]+)")


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change: ``send`` starts its operation, ``is_in_effect`` reads the actual state."""

    engine: AppEngine
    project: str
    change: Change
    send: Callable[[], Operation]
    is_in_effect: Callable[[], bool]


def send_and_verify(request: ChangeRequest) -> Generator[Request, None, int]:
    """Make a change and read it back; the number of attempts.

    Raises FlowdeployError where nothing was changed, StepFailed with an unknown state where
    something may have been.
    """
    attempts = yield from send_request(request)
    with outcome_unknown():
        if not request.is_in_effect():
            raise ServiceError(
                "CONFLICT",
                "App Engine reports that the change was made, but it is not in effect",
                hint="Somebody else may have changed the same service at the same time: find out"
                " who, then run the same command again.",
            )
    return attempts


def send_request(request: ChangeRequest) -> Generator[Request, None, int]:
    """Make a change that the caller reads back; the number of attempts.

    Raises as `send_and_verify`.
    """
    yield Intent(request.change)
    for attempt in range(1, ATTEMPTS + 1):
        has_ended, error = yield from _send_once(request)
        if error is None:
            return attempt
        with outcome_unknown():
            yield from _wait_for_others(request.engine, request.project, error)
            if request.is_in_effect():
                return attempt
            if attempt < ATTEMPTS:
                yield Pause(backoff(attempt), f"sending again after {error.code}")
                yield Intent(request.change)
        if attempt == ATTEMPTS:
            raise error if has_ended else StepFailed(error, Done(state=State.UNKNOWN))
    raise AssertionError


def _send_once(
    request: ChangeRequest,
) -> Generator[Pause, None, tuple[bool, ServiceError | None]]:
    """Whether an operation has ended; and the transient error of the attempt, if any.

    Raises ServiceError for an error that a repetition would meet again.
    """
    try:
        operation = request.send()
    except ServiceError as error:
        return False, _require_transient(error)
    with outcome_unknown():
        operation = yield from wait_for_operation(request.engine, operation)
    return True, _require_transient(operation.error) if operation.error else None


def _require_transient(error: ServiceError) -> ServiceError:
    """The error; raises it where a repetition does not help."""
    if is_transient(error.code, error.message):
        return error
    raise error


@contextmanager
def outcome_unknown() -> Iterator[None]:
    """Converts errors after a request was sent: they do not say whether it took effect."""
    try:
        yield
    except FlowdeployError as error:
        raise StepFailed(error, Done(state=State.UNKNOWN)) from error


def wait_for_operation(
    engine: AppEngine, operation: Operation
) -> Generator[Pause, None, Operation]:
    """Poll an operation until it is done; the operation, whose ``error`` may be set.

    Raises ServiceError where it cannot be read, or is not done within an hour.
    """
    started = time.monotonic()
    wait = SHORTEST_WAIT
    while not operation.done:
        yield Pause(wait)
        operation = engine.operation(operation.name)
        waited = time.monotonic() - started
        if waited > LONGEST_WAIT and not operation.done:
            raise ServiceError(
                OPERATION_TIMEOUT,
                f"{operation.name} is not done after {LONGEST_WAIT / 60:.0f} minutes",
                hint="It may still end. Look at the version, then run the same command again.",
            )
        wait = min(5.0, max(SHORTEST_WAIT, waited / 5))
    return operation


def _wait_for_others(
    engine: AppEngine, project: str, error: ServiceError
) -> Generator[Pause, None, None]:
    """Wait for the operation that the error names, else for all that are under way.

    One of these may be of our own request, if its answer was lost. One that cannot be read is
    ignored.
    """
    operations: tuple[Operation, ...]
    if blocking := _BLOCKING.search(error.message):
        operations = (Operation(f"apps/{project}/operations/{blocking[1]}"),)
    else:
        operations = engine.operations_under_way(project)
    for operation in operations:
        yield Pause(0, "waiting for an operation that is under way")
        try:
            yield from wait_for_operation(engine, operation)
        except ServiceError as unreadable:
            if unreadable.code == OPERATION_TIMEOUT:
                raise
