"""One change of one app: sent, waited for, and sent again only after a look at what is true.

The Admin API has no request ids and no preconditions, so an answer that did not
arrive says nothing about the request. Before anything is sent a second time,
the app's unfinished operations and the thing itself are looked at.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator

from flowdeploy.errors import ServiceError
from flowdeploy.executors.appengine import AppEngine, Operation
from flowdeploy.executors.google import backoff
from flowdeploy.known_errors import is_transient
from flowdeploy.rollout import Pause

ATTEMPTS = 6
FIRST_POLL = 1.0  # seconds; real deploys take 30 s and more, traffic changes a few
LONGEST_WAIT = 3600.0  # gcloud gives up after an hour too
ENDLESS = "OPERATION_ENDLESS"  # our own word, since the service's for it are worth a retry
_BLOCKING = re.compile(r"already in progress.* by ([0-9a-zA-Z-]+)")


def change(
    engine: AppEngine, project: str, send: Callable[[], Operation], happened: Callable[[], bool]
) -> Generator[Pause, None, int]:
    """Make a change and read it back; how many times it was sent.

    ``send`` begins an operation; ``happened`` looks whether
    the change is there. Raises ServiceError.
    """
    attempts = yield from sent(engine, project, send, happened)
    if not happened():
        raise _undone()
    return attempts


def sent(
    engine: AppEngine, project: str, send: Callable[[], Operation], happened: Callable[[], bool]
) -> Generator[Pause, None, int]:
    """As `change`, for whoever reads the change back himself."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            yield from finished(engine, send())
            return attempt
        except ServiceError as error:
            if attempt == ATTEMPTS or not is_transient(error.code, error.message):
                raise
            yield from _others_finished(engine, project, error)
            if happened():
                return attempt
            yield Pause(backoff(attempt), f"sending again after {error.code}")
    raise AssertionError


def finished(engine: AppEngine, operation: Operation) -> Generator[Pause, None, None]:
    """Wait for an operation. Raises ServiceError if it fails, or does not end within the hour."""
    started = time.monotonic()
    wait = FIRST_POLL
    while not operation.done:
        yield Pause(wait)
        operation = engine.operation(operation.name)
        waited = time.monotonic() - started
        if waited > LONGEST_WAIT and not operation.done:
            raise _endless(operation)
        wait = min(5.0, max(0.5, waited / 5))
    if operation.error:
        raise operation.error


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
    """As `finished`, but how somebody's operation ended is not our failure."""
    try:
        yield from finished(engine, operation)
    except ServiceError as error:
        if error.code == ENDLESS:
            raise
