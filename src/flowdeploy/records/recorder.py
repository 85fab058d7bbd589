"""Writes the record of a run while it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowdeploy.errors import Refused
from flowdeploy.records.clock import OURS, Clock
from flowdeploy.records.runs import (
    SCHEMA,
    Ending,
    Header,
    RecordedChange,
    Run,
    endings_json,
    entry_name,
    header_json,
    recorded_json,
    run_json,
    with_endings,
)
from flowdeploy.records.store import ObjectStore
from flowdeploy.rollout import FinishedStep, IntendedChange


@dataclass(slots=True)
class Recorder:
    """The rollout's journal (see `flowdeploy.rollout.Journal`): the record in every store.

    ``confirm`` is called when intents are on record; it raises FlowdeployError where
    the run may change nothing any more, because it has lost its lock.
    """

    stores: Sequence[ObjectStore]
    run: Run
    confirm: Callable[[], None]
    clock: Clock = OURS
    _number: int = field(default=0, init=False)

    @classmethod
    def of(
        cls,
        stores: Sequence[ObjectStore],
        header: Header,
        confirm: Callable[[], None],
        earlier: Run | None = None,
        clock: Clock = OURS,
    ) -> Recorder:
        """For a run that begins, or one that is gone on with as its ``earlier`` record tells."""
        run = replace(earlier, sessions=earlier.sessions + 1) if earlier else Run(header)
        return cls(stores, replace(run, report=None), confirm, clock)

    def begin(self, by: Mapping[str, str]) -> None:
        """Put on record that the run begins, or is gone on with, and ``by`` whom.

        Raises ServiceError, and Refused where somebody else goes on with it already.
        """
        self._write("plan", {"header": header_json(self.run.header), "by": dict(by)})

    def replan(self, plan: Mapping[str, Any]) -> None:
        """Put on record the plan as it is known by now, before any of it that is new has begun."""
        self.run = replace(self.run, header=replace(self.run.header, plan=plan))
        self._write("plan", {"header": header_json(self.run.header)})

    def record(self, intents: Sequence[IntendedChange], ended: Sequence[FinishedStep]) -> None:
        """As `Journal.record`. One object holds all of a call: an object is never rewritten."""
        at = self.clock.now()
        session = self.run.sessions - 1
        names = [step.get("instance", "") for _, step in self.run.steps] if intents else []
        begun = [RecordedChange(session, p, names[p], at, change) for p, change in intents]
        endings = {place: Ending.of(report) for place, report in ended}
        self._write(
            "changes",
            {
                "intents": [recorded_json(each) for each in begun],
                "ended": endings_json(endings.items()),
            },
        )
        self.run = with_endings(replace(self.run, changes=(*self.run.changes, *begun)), endings)
        if intents:
            self.confirm()

    def end(self, report: Mapping[str, Any], endings: Mapping[int, Ending]) -> None:
        """The last entry of this session tells the whole run. Raises ServiceError."""
        self.run = replace(with_endings(self.run, endings), report=report)
        self._write("report", run_json(self.run))

    def _write(self, kind: str, document: Mapping[str, Any]) -> None:
        name = entry_name(self.run.name, self.run.sessions - 1, self._number, kind)
        content = json.dumps({"schema": SCHEMA, **document}).encode()
        self._number += 1
        for store in self.stores:
            if store.write(name, content, 0) is None:
                raise Refused(
                    f"somebody else goes on with run {self.run.name}: {name} is there",
                    hint=f"`flowdeploy history {self.run.name}` shows how far it has come.",
                )
