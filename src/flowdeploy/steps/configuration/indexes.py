"""Waits for the indexes that a version needs: a query without its index fails."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from flowdeploy.appengine.config_files import unready
from flowdeploy.appengine.config_files.index_yaml import Index
from flowdeploy.errors import Refused
from flowdeploy.rollout.contract import Notify, Pause

if TYPE_CHECKING:
    from flowdeploy.clients.datastore import Datastore

LONGEST_BUILD = 1800.0  # seconds; indexes of large tables take hours: wait for those by hand
_INTERVALS = (1.0, 2.0, 5.0, 10.0)  # seconds between looks


def wait_for_indexes(
    datastore: Datastore,
    project: str,
    wanted: Sequence[Index],
    notify: Notify,
    longest: float = LONGEST_BUILD,
) -> Generator[Pause, None, None]:
    """Wait until every index serves queries.

    Raises Refused where one is missing, has failed, or is not ready after ``longest``
    seconds; ServiceError where they cannot be read.
    """
    deadline = time.monotonic() + longest
    looks = 0
    while building := unready(wanted, datastore.indexes(project)):
        if lost := [each for each in building if each[1] != "CREATING"]:
            raise _not_ready(lost, "and will not become so by themselves")
        if time.monotonic() > deadline:
            raise _not_ready(building, f"after {longest / 60:.0f} minutes")
        notify(f"{len(building)} of {len(wanted)} indexes are being built")
        yield Pause(_INTERVALS[min(looks, len(_INTERVALS) - 1)])
        looks += 1


def _not_ready(indexes: Sequence[tuple[Index, str]], how: str) -> Refused:
    kinds = ", ".join(f"{index.kind} ({state or 'missing'})" for index, state in indexes)
    return Refused(
        f"indexes that the version needs are not ready, {how}: {kinds}",
        hint="Datastore's page in the console shows their progress and their errors."
        " `flowdeploy deploy VERSION INSTANCE` creates missing ones.",
    )
