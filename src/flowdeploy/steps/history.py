"""The records of past runs, of this machine and of others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.config.values import Config
from flowdeploy.endpoints import GOOGLE
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance
from flowdeploy.records.runs import Run, Runs
from flowdeploy.records.undo import UndoPlan, close_search, find_later_changes, find_undo
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps.stores import open_records

AT_ONCE = 32  # records that are read side by side


@dataclass(frozen=True, slots=True)
class RunHistory:
    """``shared`` has the runs of all machines, None where records are local.

    Only this machine has the builds of branches that publish nothing. Its records may be of
    Google and of sandboxes; ``of_google`` is which of the two are looked at.
    """

    machine: Runs
    shared: Runs | None
    of_google: bool

    def names(self) -> tuple[str, ...]:
        """All runs; first the one that was the last to begin, to be resumed or to get its locks.

        By the clock of the shared records; by this machine's for runs that only it has.
        """
        shared = self.shared.times() if self.shared else {}
        times = {**self.machine.times(), **shared}
        return tuple(sorted(times, key=lambda name: (times[name], name), reverse=True))

    def find(self, name: str) -> Run | None:
        """None where there is no such run. Raises Refused where its record cannot be read."""
        run = self.shared.find(name) if self.shared else None
        run = run or self.machine.find(name)
        return run if run and (run.header.target == GOOGLE) == self.of_google else None

    def require(self, name: str) -> Run:
        """Raises Refused where there is no such run, or its record cannot be read."""
        run = self.find(name)
        if run is None:
            raise Refused(f"run {name} is not on record any more, and cannot be undone")
        return run

    def newest(self, count: int) -> Iterator[tuple[str, Run | Refused]]:
        """The newest ``count`` runs, newest first; an unreadable one as its error."""
        runs = (each for batch in self._batches(count) for each in batch)
        return islice(runs, count)

    def find_undo(self, instances: Sequence[Instance], most: int | None = None) -> UndoPlan:
        """What a rollback of these has to do, by the newest ``most`` runs (None: by all).

        Raises Refused where a record cannot be read.
        """
        runs: list[Run] = []
        for batch in self._batches(AT_ONCE, most):
            runs += _require_readable(batch)
            known = find_undo(instances, runs)
            if not known.open:
                return known
        return close_search(find_undo(instances, runs))

    def find_later_changes(self, run: Run) -> dict[str, str]:
        """The instances of a run that later runs have changed: instance → the last such run."""
        later = list(takewhile(lambda name: name != run.name, self.names()))
        return dict(find_later_changes(run, _require_readable(self._read(later))))

    def _batches(
        self, size: int, most: int | None = None
    ) -> Iterator[list[tuple[str, Run | Refused]]]:
        names = self.names()[:most]
        for begin in range(0, len(names), size):
            yield self._read(names[begin : begin + size])

    def _read(self, names: Sequence[str]) -> list[tuple[str, Run | Refused]]:
        """Those that exist, in the order of their names as given."""

        def find(name: str) -> Run | Refused | None:
            try:
                return self.find(name)
            except Refused as refused:
                return refused

        runs = dict(map_in_threads(find, names, AT_ONCE))
        return [(name, run) for name in names if (run := runs[name])]


def open_history(config: Config, clients: GoogleClients, home: Path) -> RunHistory:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    stores = open_records(config, clients, home)
    shared = Runs(stores.common) if stores.are_shared else None
    return RunHistory(Runs(stores.machine), shared, clients.endpoints.target == GOOGLE)


def _require_readable(batch: Sequence[tuple[str, Run | Refused]]) -> list[Run]:
    """Raises the first error among them."""
    runs: list[Run] = []
    for _, run in batch:
        if isinstance(run, Refused):
            raise run
        runs.append(run)
    return runs
