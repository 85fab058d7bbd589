"""Sends one change to App Engine, and reads back what came of it.

The Admin API has no request ids and no preconditions, and neither an error nor a lost answer
says for certain what became of a request. So the state is read after every failure, also
after an operation that ended in an error, and before a request is repeated. Every attempt
yields an `Intent` first: the rollout then records it, and checks that the run still holds
its lock.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.failures import Waits
from flowdeploy.errors import FlowdeployError, ServiceError
from flowdeploy.report import Change, Outcome, State
from flowdeploy.rollout.contract import Done, Intent, Pause, Request, StepFailed

ATTEMPTS = 6
LOOKS = 4  # at a change whose operation has ended, and that cannot be seen yet
SHORTEST_WAIT = 1.0  # seconds; real deploys take 30 s and more, traffic changes a few
LONGEST_WAIT = 3600.0  # gcloud also gives up after an hour
_BLOCKING = re.compile(r"already in progress.* by ([0-9a-zA-Z-]+)")

UNTOUCHED = Done(Outcome.UNCHANGED)
UNKNOWN = Done(state=State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read after a request: whether its change is in effect.

    ``left`` is what a step that fails now leaves behind.
    """

    in_effect: bool
    left: Done = UNTOUCHED


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change: ``send`` starts its operation, ``read_back`` reads the actual state."""

    engine: AppEngine
    project: str
    change: Change
    send: Callable[[], Operation]
    read_back: Callable[[], ReadBack]


class OperationEndless(ServiceError):
    """An operation is not done after an hour. It may still end."""


class _Fate(Enum):
    """What is certain of the change of a failed attempt, before the state is read."""

    REFUSED = auto()  # the service has begun nothing
    ENDED = auto()  # its operation has ended
    OPEN = auto()  # it may still take effect


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed attempt."""

    error: ServiceError
    fate: _Fate


def send_and_verify(request: ChangeRequest) -> Generator[Request, None, ServiceError | None]:
    """Make a change and read it back; what App Engine said of it, if that was an error.

    Raises FlowdeployError where nothing was sent, StepFailed with what was read where the
    change is not in effect.
    """
    told = yield from send_request(request)
    with fail_leaving(UNKNOWN):
        back = yield from _look_repeatedly(request)
        if not back.in_effect:
            raise ServiceError(
                "CONFLICT",
                "App Engine reports that the change was made, but it is not in effect",
                hint="Somebody else may have changed the same service at the same time: find out"
                " who, then run the same command again.",
            )
    return told


def send_request(request: ChangeRequest) -> Generator[Request, None, ServiceError | None]:
    """Make a change that the caller reads back once more. Returns and raises as
    `send_and_verify`."""
    waits, may_happen, left = Waits(ATTEMPTS, renews=True), False, UNTOUCHED
    request.engine.prepare_changes()
    yield Intent(request.change)
    while failure := (yield from _send_once(request)):
        wait = waits.after(failure.error)
        if wait is not None:
            request.engine.retries.announce(wait, failure.error)
            yield Pause(wait, f"sending again after {failure.error.code}")
        may_happen = may_happen or failure.fate is _Fate.OPEN
        back = yield from _look_after(
            failure, request, UNKNOWN if may_happen else left, again=wait is not None
        )
        if back.in_effect:
            return failure.error if failure.fate is _Fate.ENDED else None
        left = back.left
        with fail_leaving(UNKNOWN if may_happen else left):
            if wait is None:
                raise failure.error
            request.engine.prepare_changes()
            yield Intent(request.change)
    return None


def _send_once(request: ChangeRequest) -> Generator[Pause, None, _Failure | None]:
    """Send the change and wait for its operation; the failure of that, if any."""
    try:
        operation = request.send()
    except ServiceError as error:
        return _Failure(error, _Fate.REFUSED if error.is_refusal else _Fate.OPEN)
    try:
        operation = yield from wait_for_operation(request.engine, operation)
    except ServiceError as error:
        return _Failure(error, _Fate.OPEN)
    return _Failure(operation.error, _Fate.ENDED) if operation.error else None


def _look_after(
    failure: _Failure, request: ChangeRequest, if_unread: Done, *, again: bool
) -> Generator[Pause, None, ReadBack]:
    """What the attempts have led to, once the operations that may belong to them have ended.

    ``again`` is whether another attempt follows. Raises StepFailed where that cannot be read.
    Its ``left`` is then ``if_unread`` where the service has refused the last attempt, else
    unknown.
    """
    try:
        if again or failure.fate is not _Fate.REFUSED:
            yield from _wait_for_others(request.engine, request.project, failure.error)
        if failure.fate is _Fate.ENDED:
            return (yield from _look_repeatedly(request))
        return request.read_back()
    except FlowdeployError as error:
        if failure.fate is not _Fate.REFUSED:
            error.details += (f"it was read after this error: {failure.error.message}",)
            raise StepFailed(error, UNKNOWN) from error
        shown = failure.error if isinstance(error, ServiceError) else error
        raise StepFailed(shown, if_unread) from error


def _look_repeatedly(request: ChangeRequest) -> Generator[Pause, None, ReadBack]:
    """What is so after an operation has ended: some reads may lag behind it."""
    for look in range(1, LOOKS):
        back = request.read_back()
        if back.in_effect:
            return back
        yield Pause(look, "the change cannot be seen yet")
    return request.read_back()


@contextmanager
def fail_leaving(left: Done) -> Iterator[None]:
    """Converts an error after a request was sent to a StepFailed with ``left``."""
    try:
        yield
    except FlowdeployError as error:
        raise StepFailed(error, left) from error


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
            raise OperationEndless(
                "OPERATION_ENDLESS",
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
    ignored. Raises ServiceError where they cannot be listed, or one does not end.
    """
    if isinstance(error, OperationEndless):
        return
    operations: tuple[Operation, ...]
    if blocking := _BLOCKING.search(error.message):
        operations = (Operation(f"apps/{project}/operations/{blocking[1]}"),)
    else:
        operations = engine.operations_under_way(project)
    for operation in operations:
        yield Pause(0, "waiting for an operation that is under way")
        try:
            yield from wait_for_operation(engine, operation)
        except OperationEndless:
            raise
        except ServiceError:
            continue


def error_notes(error: ServiceError | None) -> tuple[str, ...]:
    """A note for the report on what App Engine said of a change that is in effect."""
    if error is None:
        return ()
    return (f"App Engine reported an error, but the change is in effect: {error.message}",)
