"""The records of runs, for commands that look back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowdeploy.cli.session import Session
from flowdeploy.errors import UsageError

if TYPE_CHECKING:
    from flowdeploy.records.runs import Run
    from flowdeploy.steps.history import RunHistory


@contextmanager
def past(here: Session) -> Iterator[RunHistory]:
    """Raises ServiceError where the records cannot be read."""
    from flowdeploy.steps.history import RunHistory

    with here.endpoints() as endpoints:
        yield RunHistory.of(here.config, endpoints, here.home)


def found(records: RunHistory, run: str) -> Run:
    """Raises UsageError for a run that is not on record."""
    record = records.find(run)
    if record is None:
        raise UsageError(
            f"no run {run} is on record", hint="`flowdeploy history` lists the runs that are."
        )
    return record
