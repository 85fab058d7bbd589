"""Restores an instance's configuration from before the given runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import Snapshot
from flowdeploy.appengine.config_files.changes import Change
from flowdeploy.errors import Refused
from flowdeploy.planning.plan import Configure
from flowdeploy.records.runs import Run
from flowdeploy.records.undo import find_configuration
from flowdeploy.steps.configuration.kinds import ASPECTS, snapshot_from_json


@dataclass
class ConfigurationRestorer:
    """Finds the changes that undo runs.

    ``find_run`` reads the record of a run; with ``force`` changes made outside these runs
    are overwritten.
    """

    find_run: Callable[[str], Run]
    force: bool = False
    _runs: dict[str, Run] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def changes(self, step: Configure, actual: Snapshot) -> tuple[Change, ...]:
        """The changes from ``actual`` to the state before the runs that the step undoes.

        Raises Refused where they would overwrite outside changes. A change that a run sent
        but did not read back, because it was interrupted, counts as one.
        """
        runs = [self._run(name) for name in step.undoes]
        earlier, left = find_configuration(step.instance, runs, ASPECTS[step.phase])
        before = snapshot_from_json(earlier)
        if left is not None and not self.force:
            others = config_files.find_outside_changes(before, snapshot_from_json(left), actual)
            if others:
                raise Refused(
                    f"the configuration was changed outside flowdeploy since run {step.undoes[-1]}:"
                    f" {'; '.join(others)}",
                    hint="--force overwrites these changes, too.",
                )
        return config_files.restore(before, actual).all

    def _run(self, name: str) -> Run:
        """The run's record, read once for all instances."""
        with self._lock:
            if name not in self._runs:
                self._runs[name] = self.find_run(name)
            return self._runs[name]
