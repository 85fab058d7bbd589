"""Writes the record of a run while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flowdeploy.errors import FlowdeployError, Refused
from flowdeploy.records.clock import OURS, Clock
from flowdeploy.records.runs import (
    INDEX,
    SCHEMA,
    Ending,
    Header,
    RecordedChange,
    Run,
    add_endings,
    endings_json,
    entry_name,
    header_json,
    run_json,
)
from flowdeploy.records.store import ObjectStore
from flowdeploy.rollout.contract import FinishedStep, IntendedChange


@dataclass(slots=True)
class Recorder:
    """Writes the record in every store."""

    stores: Sequence[ObjectStore]
    run: Run
    clock: Clock = OURS
    _number: int = field(default=0, init=False)

    @classmethod
    def for_run(
        cls,
        stores: Sequence[ObjectStore],
        header: Header,
        earlier: Run | None = None,
        clock: Clock = OURS,
    ) -> Recorder:
        """For a new run, or for one that is resumed from its ``earlier`` record."""
        run = replace(earlier, sessions=earlier.sessions + 1) if earlier else Run(header)
        return cls(stores, replace(run, report=None), clock)

    def begin(self, by: Mapping[str, str]) -> None:
        """Record that the run begins, or is resumed, and ``by`` whom.

        Raises ServiceError, and Refused where it is being resumed elsewhere already.
        """
        self.index()
        self._write("plan", {"header": header_json(self.run.header), "by": dict(by)})

    def index(self) -> None:
        """Note that from now on the run may change something. Raises ServiceError."""
        name = f"{INDEX}{self.run.name}"
        for store in self.stores:
            indexed = store.read(name)
            store.write(name, b"", indexed.generation if indexed else 0)

    def replan(self, plan: Mapping[str, Any]) -> None:
        """Record the plan as it is known by now, before its new steps begin."""
        self.run = replace(self.run, header=replace(self.run.header, plan=plan))
        self._write("plan", {"header": header_json(self.run.header)})

    def record(self, intents: Sequence[IntendedChange], finished: Sequence[FinishedStep]) -> None:
        """As `Journal.record`. Each call writes one object: no object is ever rewritten."""
        at = self.clock.now()
        session = self.run.sessions - 1
        names = [step.get("instance", "") for _, step in self.run.steps] if intents else []
        begun = [
            RecordedChange(session, p, names[p], at, change, number=self._number)
            for p, change in intents
        ]
        endings = {place: Ending.of(report) for place, report in finished}
        intended = [asdict(each) for each in begun]
        self._write("changes", {"intents": intended, "ended": endings_json(endings)})
        self.run = add_endings(replace(self.run, changes=(*self.run.changes, *begun)), endings)

    def end(self, report: Mapping[str, Any], endings: Mapping[int, Ending]) -> None:
        """Write the last entry of this session, which holds the whole run.

        Writes it to each store that takes it. Raises the first error of those that do not.
        """
        self.run = replace(add_endings(self.run, endings), report=report)
        number, errors = self._number, list[FlowdeployError]()
        for store in self.stores:
            self._number = number
            try:
                self._write("report", run_json(self.run), [store])
            except FlowdeployError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _write(
        self, kind: str, document: Mapping[str, Any], stores: Sequence[ObjectStore] = ()
    ) -> None:
        name = entry_name(self.run.name, self.run.sessions - 1, self._number, kind)
        content = json.dumps({"schema": SCHEMA, **document}).encode()
        self._number += 1
        for store in stores or self.stores:
            if store.write(name, content, 0) is None:
                raise Refused(
                    f"run {self.run.name} is being resumed elsewhere: {name} exists",
                    hint=f"`flowdeploy history {self.run.name}` shows how far it is.",
                )
