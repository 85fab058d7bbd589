"""The records of all runs, read from where this machine and others have kept them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.config import Config, LocalRecords
from flowdeploy.endpoints import GOOGLE, Endpoints
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance
from flowdeploy.records.runs import Run, Runs
from flowdeploy.records.undo import Undoing, changed_later, given_up, undoing
from flowdeploy.rollout.parallel import together

AT_ONCE = 32  # records that are read side by side


@dataclass(frozen=True, slots=True)
class RunHistory:
    """``shared`` are the records that other machines see as well; without any they are all here.

    What only this machine knows are builds of branches that publish nothing. Its
    records may be of several targets, and only those of Google or only those of
    stand-ins are of interest.
    """

    here: Runs
    shared: Runs | None
    in_google: bool

    @classmethod
    def of(cls, config: Config, endpoints: Endpoints, home: Path) -> RunHistory:
        """Raises ServiceError where there are no usable credentials."""
        here, in_google = Runs(FolderStore(home)), endpoints.target == GOOGLE
        if isinstance(config.records, LocalRecords):
            return cls(here, None, in_google)
        from flowdeploy.clients.cloud import GoogleClients

        cloud = GoogleClients.connect(endpoints, AT_ONCE)
        return cls(here, Runs(cloud.records(config.records)), in_google)

    def names(self) -> tuple[str, ...]:
        """All runs, the newest first."""
        shared = self.shared.names() if self.shared else ()
        return tuple(sorted({*shared, *self.here.names()}, reverse=True))

    def find(self, name: str) -> Run | None:
        """None where there is no such run. Raises Refused where its record cannot be read."""
        found = self.shared.find(name) if self.shared else None
        found = found or self.here.find(name)
        return found if found and self._is_ours(found) else None

    def require(self, name: str) -> Run:
        """Raises Refused where there is no such run, or its record cannot be read."""
        run = self.find(name)
        if run is None:
            raise Refused(f"run {name} is not on record any more, and cannot be undone")
        return run

    def _is_ours(self, run: Run) -> bool:
        return (run.header.target == GOOGLE) == self.in_google

    def newest(self, count: int) -> Iterator[tuple[str, Run | Refused]]:
        """So many runs, the newest first; those that cannot be read are among them."""
        found = (each for several in self._batches(count) for each in several)
        return islice(found, count)

    def undoing(self, instances: Sequence[Instance], most: int | None = None) -> Undoing:
        """What a rollback of these has to do, by the newest ``most`` runs (None: by all).

        Raises Refused where a record cannot be read.
        """
        runs: list[Run] = []
        for several in self._batches(AT_ONCE, most):
            runs += _readable(several)
            found = undoing(instances, runs)
            if not found.open:
                return found
        return given_up(undoing(instances, runs))

    def changed_since(self, run: Run) -> dict[str, str]:
        """The instances of a run that others have changed since: instance → the last of those.

        Some that began before it are among them, for they may have waited for its lock.
        """
        names = self.names()
        later = [name for name in names if name > run.name]
        earlier = [name for name in names if name < run.name][:AT_ONCE]
        return dict(changed_later(run, _readable(self._read(later + earlier))))

    def _batches(
        self, size: int, most: int | None = None
    ) -> Iterator[list[tuple[str, Run | Refused]]]:
        names = self.names()[:most]
        for begin in range(0, len(names), size):
            yield self._read(names[begin : begin + size])

    def _read(self, names: Sequence[str]) -> list[tuple[str, Run | Refused]]:
        """Those that are there, in the order of their names as given."""
        read = dict(together(self._found, names, AT_ONCE))
        return [(name, run) for name in names if (run := read[name])]

    def _found(self, name: str) -> Run | Refused | None:
        try:
            return self.find(name)
        except Refused as refused:
            return refused


def _readable(found: Sequence[tuple[str, Run | Refused]]) -> list[Run]:
    runs: list[Run] = []
    for _, run in found:
        if isinstance(run, Refused):
            raise run
        runs.append(run)
    return runs
