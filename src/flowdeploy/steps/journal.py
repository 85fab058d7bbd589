"""The record and the locks of a run, where the configuration has them kept."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.planning.fleet import Role
from flowdeploy.planning.plan import Plan
from flowdeploy.planning.plan_json import plan_json
from flowdeploy.records.clock import OURS, Clock
from flowdeploy.records.lease import Holder
from flowdeploy.records.locks import Locks
from flowdeploy.records.recorder import Recorder
from flowdeploy.records.runs import Ending, Header, Run
from flowdeploy.records.store import ObjectStore
from flowdeploy.report import Report, report_json
from flowdeploy.rollout import Ended, Placed
from flowdeploy.steps.context import Context

if TYPE_CHECKING:
    from flowdeploy.clients.cloud import GoogleClients


class RunJournal:
    """The rollout's journal (see `flowdeploy.rollout.Journal`), one for each run.

    The record is kept in flowdeploy's own folder, and where the configuration's
    ``records`` says, for other machines; ``cloud`` is asked for only then.
    """

    def __init__(self, job: Context, cloud: Callable[[], GoogleClients]) -> None:
        self._job = job
        self._cloud = cloud
        self._recorder: Recorder | None = None
        self._locks: Locks | None = None

    def begin(self, plan: Plan, *, shared: bool, earlier: Run | None) -> None:
        """Put the run on record; ``shared``: for other machines as well. Raises ServiceError."""
        site = self._job.site
        stores: list[ObjectStore] = [FolderStore(site.home)]
        clock = OURS
        if shared:
            store = self._cloud().records(self._job.config)
            stores.append(store)
            clock = Clock.set_by(store.now())
        header = self._header(plan, clock)
        recorder = Recorder.of(stores, header, self._confirm, earlier, clock)
        recorder.begin({"user": site.user, "host": socket.gethostname(), "command": site.command})
        self._recorder = recorder

    def replan(self, plan: Plan) -> None:
        """Put on record the plan as it is known by now. Raises ServiceError."""
        if self._recorder is not None:
            self._recorder.replan(plan_json(plan, self._job.endpoints.target))

    def lock(self, notify: Callable[[str], None]) -> None:
        """Keep others from the instances of this plan. Raises LockHeld and ServiceError."""
        wanted = roles(self._job.plan)
        if self._locks is None and wanted:
            claim, site = self._job.claim, self._job.site
            holder = Holder.here(self._job.run, site.user, site.command)
            self._locks = Locks(
                self._lock_store(), holder, claim.wait, bool(claim.take_over), claim.hint
            )
            self._locks.acquire(wanted, notify)

    def record(self, intents: Sequence[Placed], ended: Sequence[Ended]) -> None:
        assert self._recorder is not None  # noqa: S101  (the crew has begun it)
        self._recorder.record(intents, ended)

    def end(self, report: Report) -> None:
        """Record how the run has ended, if it has begun. Raises ServiceError."""
        if self._recorder is not None:
            endings = {place: Ending.of(step) for place, step in enumerate(report.steps)}
            self._recorder.end(report_json(report), endings)

    def release(self) -> None:
        """Give the locks back; those that cannot be lapse."""
        if self._locks is not None:
            self._locks.release()

    def _confirm(self) -> None:
        if self._locks is not None:
            self._locks.confirm()

    def _lock_store(self) -> ObjectStore:
        if self._job.config.records == "local":
            return FolderStore(self._job.site.home / "records")
        return self._cloud().records(self._job.config)

    def _header(self, plan: Plan, clock: Clock) -> Header:
        job = self._job
        return Header(
            run=job.run,
            started=clock.now(),
            user=job.site.user,
            host=socket.gethostname(),
            command=job.site.command,
            target=job.endpoints.target,
            plan=plan_json(plan, job.endpoints.target),
            places={each.id: (each.project, each.service) for each in plan.instances},
            orders=asdict(job.orders),
            commit=job.commit,
            modified=job.modified,
        )


def roles(plan: Plan) -> set[Role]:
    return {instance.role for instance in plan.instances}
