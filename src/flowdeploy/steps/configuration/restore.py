"""What gives an instance the configuration back that it had before some runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import Snapshot
from flowdeploy.appengine.config_files.changes import Change
from flowdeploy.errors import Refused
from flowdeploy.planning.plan import Configure
from flowdeploy.records.runs import Run
from flowdeploy.records.undo import find_configuration
from flowdeploy.steps.configuration.kinds import ASPECTS, of_json


@dataclass
class ConfigurationRestorer:
    """``find_run`` finds the record of a run; ``force`` is whether what somebody else has
    changed since is overwritten."""

    find_run: Callable[[str], Run]
    force: bool = False
    _runs: dict[str, Run] = field(default_factory=dict)
    _finding: Lock = field(default_factory=Lock)

    def changes(self, step: Configure, there: Snapshot) -> tuple[Change, ...]:
        """What is missing until ``there`` is as before the runs that the step undoes.

        Raises Refused where somebody else's changes would be overwritten. What was never
        read back, because the run was cut off, cannot be told from somebody else's.
        """
        runs = [self._run(name) for name in step.undoes]
        found, left = find_configuration(step.instance, runs, ASPECTS[step.phase])
        before = of_json(found)
        if left is not None and not self.force:
            _require_no_outside_changes(
                config_files.find_outside_changes(before, of_json(left), there), step
            )
        return config_files.restore(before, there).all

    def _run(self, name: str) -> Run:
        """Read once: it tells of all instances."""
        with self._finding:
            if name not in self._runs:
                self._runs[name] = self.find_run(name)
            return self._runs[name]


def _require_no_outside_changes(others: Sequence[str], step: Configure) -> None:
    if others:
        raise Refused(
            f"somebody else has changed the configuration since run {step.undoes[-1]}:"
            f" {'; '.join(others)}",
            hint="Look who. --force takes the run's changes back all the same, and theirs.",
        )
