"""The record and the locks of one run."""

from collections.abc import Callable, Sequence

from flowdeploy.planning.plan import Plan
from flowdeploy.planning.plan_json import plan_json
from flowdeploy.records.clock import OURS, Clock
from flowdeploy.records.locks import WAIT, WAIT_OR_TAKE_OVER, Holder, Locks
from flowdeploy.records.recorder import Recorder
from flowdeploy.records.runs import Ending, Header, Run
from flowdeploy.records.store import ObjectStore
from flowdeploy.report import Report, report_json
from flowdeploy.rollout.contract import FinishedStep, IntendedChange
from flowdeploy.steps.context import Context
from flowdeploy.steps.stores import open_records


class RunJournal:
    """The rollout's journal (see `flowdeploy.rollout.contract.Journal`), with its locks.

    A run is recorded on this machine, and where the configuration's ``records`` are a
    bucket, there as well, for other machines.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._recorder: Recorder | None = None
        self._locks: Locks | None = None

    def begin(self, plan: Plan, *, shared: bool, resumed: Run | None) -> None:
        """Put the run on record; ``shared``: for other machines as well. Raises ServiceError."""
        context = self._context
        stores = open_records(context.config, context.clients, context.home)
        copies: list[ObjectStore] = [stores.machine]
        clock = OURS
        if shared and stores.are_shared:
            copies.append(stores.common)
            clock = Clock.synchronize(stores.common.now())
        header = self._header(plan, clock)
        recorder = Recorder.for_run(copies, header, resumed, clock)
        recorder.begin({"user": context.user, "host": context.host, "command": context.command})
        self._recorder = recorder

    def replan(self, plan: Plan) -> None:
        """Record the plan as it is known by now. Raises ServiceError."""
        if self._recorder is not None:
            self._recorder.replan(plan_json(plan, self._context.clients.endpoints.target))

    def lock(self, plan: Plan, notify: Callable[[str], None]) -> None:
        """Keep other runs from this plan's instances. Raises LockHeld and ServiceError.

        Locks are acquired once: what was acquired for a plan is kept for its successors.
        """
        if self._locks is not None or not plan.roles:
            return
        context, locking = self._context, self._context.locking
        self._locks = Locks(
            open_records(context.config, context.clients, context.home).common,
            Holder.here(context.run, context.user, context.command),
            locking.wait,
            take_over=bool(locking.take_over),
            hint=WAIT if locking.take_over is None else WAIT_OR_TAKE_OVER,
        )
        self._locks.acquire(plan.roles, notify)
        if self._recorder is not None:
            self._recorder.index()

    def record(self, intents: Sequence[IntendedChange], finished: Sequence[FinishedStep]) -> None:
        assert self._recorder is not None  # noqa: S101  (`begin` comes before the first step)
        self._recorder.record(intents, finished)

    def ensure_locks(self) -> None:
        if self._locks is not None:
            self._locks.ensure()

    def end(self, report: Report) -> None:
        """Record how the run has ended, if it has begun. Raises ServiceError."""
        if self._recorder is not None:
            endings = {place: Ending.of(step) for place, step in enumerate(report.steps)}
            self._recorder.end(report_json(report), endings)

    def release(self) -> None:
        """Release the locks; those that cannot be released lapse."""
        if self._locks is not None:
            self._locks.release()

    def _header(self, plan: Plan, clock: Clock) -> Header:
        context, target = self._context, self._context.clients.endpoints.target
        return Header(
            run=context.run,
            started=clock.now(),
            user=context.user,
            host=context.host,
            command=context.command,
            target=target,
            plan=plan_json(plan, target),
            places={each.id: (each.project, each.service) for each in plan.instances},
            orders=context.permissions.to_json(),
            commit=context.source.commit,
            modified=context.source.modified,
            configuration=context.configuration,
        )
