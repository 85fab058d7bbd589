"""Updates an instance's indexes, queues, cron jobs and dispatch rules to those of a version.

The actual configuration is compared before anything is sent, after every failure, and at
the end. So the effect of a lost answer is seen, and an interrupted update is completed by
comparing once more.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import AppConfig, Snapshot
from flowdeploy.appengine.config_files.changes import Change as ConfigChange
from flowdeploy.appengine.config_files.changes import LeaveQueue
from flowdeploy.checks.findings import Finding, group_findings
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.failures import Waits
from flowdeploy.errors import (
    ConnectionFailed,
    FlowdeployError,
    PermissionDenied,
    Refused,
    ServiceError,
)
from flowdeploy.known_errors import is_transient
from flowdeploy.planning.configure_steps import configure_steps_by_instance
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Configure, Phase, Plan, Verify
from flowdeploy.report import Change, Outcome
from flowdeploy.rollout.contract import (
    Done,
    Intent,
    LockCheck,
    Notify,
    Pause,
    Request,
    Running,
    StepFailed,
)
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps.change import UNKNOWN, fail_leaving
from flowdeploy.steps.configuration.indexes import wait_for_indexes
from flowdeploy.steps.configuration.kinds import (
    ASPECTS,
    Kind,
    config_due,
    enable_hint,
    kinds_due,
    kinds_in,
    read_kinds,
    snapshot_to_json,
)
from flowdeploy.steps.configuration.restore import ConfigurationRestorer
from flowdeploy.steps.configuration.send_change import send_change

ATTEMPTS = 6  # without any progress
FRESH = 60.0  # seconds for which a look that found nothing to do is trusted

NOTHING = AppConfig()
Progress = Callable[[int, int], None]
Changes = tuple[ConfigChange, ...]


@dataclass
class ConfigurationUpdater:
    """Updates the configuration of instances.

    ``config`` is the version's; ``restorer`` is for steps that undo runs; with ``prune``
    queues are paused that the version does not list.
    """

    cloud: GoogleClients
    restorer: ConfigurationRestorer
    config: AppConfig = NOTHING
    prune: bool = False
    _unchanged: dict[tuple[str, Phase], tuple[float, Changes]] = field(default_factory=dict)

    def preview_steps(self, steps: Sequence[Configure]) -> tuple[str, ...]:
        """What these steps of one instance would do now, a line each.

        Raises ServiceError where the configuration cannot be read; Refused where an API is
        disabled, or outside changes would be overwritten.
        """
        try:
            snapshots = [(step, self._read(step)) for step in steps]
        except PermissionDenied as error:
            # Hints at the disabled APIs of all steps at once.
            kinds = [kind for step in steps for kind in self._kinds(step)]
            hint = enable_hint(self.cloud, steps[0].instance.project, kinds)
            raise Refused(error.message, hint=hint or error.hint) from error
        changes: list[str] = []
        for step, actual in snapshots:
            missing = self._missing(step, actual)
            if not changes_to_send(missing):  # `update` need not look again for a while
                self._unchanged[_key(step)] = time.monotonic(), missing
            changes += map(str, missing)
        return tuple(changes)

    def preview(self, plan: Plan) -> tuple[dict[str, tuple[str, ...]], tuple[Finding, ...]]:
        """What the plan's steps would do now, and what a promotion would wait for."""
        steps = configure_steps_by_instance(plan)
        verified = {step.instance.id: step.instance for step in plan.steps_of(Verify)}

        def look(name: str) -> tuple[str, ...] | FlowdeployError:
            try:
                waits: list[str] = []
                if name in verified:
                    next(self.wait_until_ready(verified[name], [], waits.append), None)
                return (*waits, *self.preview_steps(steps.get(name, [])))
            except FlowdeployError as error:
                return error

        names = dict.fromkeys((*verified, *steps))
        results = dict(map_in_threads(look, names, self.cloud.connections))
        changes: dict[str, tuple[str, ...]] = {}
        findings: list[Finding] = []
        for name in names:
            result = results[name]
            if isinstance(result, FlowdeployError):
                findings.append(Finding(name, result.message))
            elif result:
                changes[name] = result
        return changes, tuple(findings)

    def check(self, steps: Mapping[str, Sequence[Configure]], progress: Progress) -> None:
        """Look at the instances of these steps, by id.

        Raises Refused with all that cannot be updated, ConnectionFailed where there is no
        connection.
        """
        looks = map_in_threads(self._objection, steps.items(), self.cloud.connections)
        findings: list[Finding] = []
        for done, ((name, _), objection) in enumerate(looks, 1):
            progress(done, len(steps))
            findings += [Finding(name, objection)] if objection else []
        if findings:
            raise Refused(
                "the configuration cannot be deployed, and nothing was changed",
                details=group_findings(sorted(findings, key=lambda finding: finding.instance)),
            )

    def wait_until_ready(
        self, instance: Instance, steps: Sequence[Configure], notify: Notify
    ) -> Generator[Pause, None, None]:
        """Before a promotion: check the instance's steps, and wait for the version's indexes.

        Raises ServiceError and Refused as `preview_steps`, and Refused for an index that is
        not ready within half an hour.
        """
        self.preview_steps(steps)
        yield from self._wait_for_indexes(instance, notify)

    def update_before_live(self, instance: Instance, version: str, notify: Notify) -> Running:
        """Make the updates of a live deploy that come between its version and its traffic.

        Raises as `update`, and Refused for an index that is not ready.
        """
        yield from self._wait_for_indexes(instance, notify)
        step = Configure(instance, Phase.BEFORE_TRAFFIC, version)
        return (yield from self.update(step, notify))

    def update(self, step: Configure, notify: Notify) -> Running:
        """Make the changes of a step, and read them back.

        Raises ServiceError where the first change was refused; StepFailed where something may
        have been changed.
        """
        actual = self._read(step) if self._is_stale(step) else None
        missing = self._missing(step, actual) if actual else self._unchanged[_key(step)][1]
        notes = tuple(map(str, missing))
        if actual is None or not changes_to_send(missing):
            return Done(Outcome.UNCHANGED, notes=notes)
        intended = _intended_change(step, actual, missing)
        result = yield from self._send_until_done(step, intended, missing, notify)
        if step.phase is not Phase.ADD:
            with fail_leaving(UNKNOWN):
                yield Intent(replace(intended, after=snapshot_to_json(result)))
        return Done(notes=notes)

    def _wait_for_indexes(self, instance: Instance, notify: Notify) -> Generator[Pause, None, None]:
        if self.config.indexes:
            datastore, project = self.cloud.datastore, instance.project
            yield from wait_for_indexes(datastore, project, self.config.indexes, notify)

    def _objection(self, named: tuple[str, Sequence[Configure]]) -> str | None:
        """Why an instance's steps cannot be made, if they cannot."""
        try:
            self.preview_steps(named[1])
        except ConnectionFailed:
            raise
        except (Refused, ServiceError) as error:
            return " ".join(filter(None, (f"{error.message}.", error.hint)))
        return None

    def _send_until_done(
        self, step: Configure, intended: Change, changes: Changes, notify: Notify
    ) -> Generator[Request, None, Snapshot]:
        """Send changes until none is missing; what is there then."""
        yield Intent(intended)
        missing, waits, idle = changes, Waits(ATTEMPTS + len(changes)), Waits(ATTEMPTS)
        while True:
            error = yield from self._send(step, missing, notify)
            with fail_leaving(UNKNOWN):
                actual = self._read(step)
                left = self._missing(step, actual)
            if not changes_to_send(left):
                return actual
            if error and not is_transient(error.code, error.message):
                raise error if left == changes else StepFailed(error, UNKNOWN)
            if left != missing:
                missing, idle = left, Waits(ATTEMPTS)
            wait = idle.after(error)
            if wait is None or waits.after(error) is None:
                if error and error.is_refusal and left == changes:
                    raise error
                raise StepFailed(error or _not_as_asked(left), UNKNOWN)
            self.cloud.retries.announce(wait, error)
            with fail_leaving(UNKNOWN):
                yield Pause(wait, f"looking again after {error.code}" if error else "")
                yield Intent(intended)

    def _send(
        self, step: Configure, missing: Changes, notify: Notify
    ) -> Generator[Request, None, ServiceError | None]:
        """Send the changes up to the first error; that error, if any."""
        for number, change in enumerate(changes_to_send(missing)):
            notify(str(change))
            if number:
                with fail_leaving(UNKNOWN):
                    yield LockCheck()
            try:
                yield from send_change(self.cloud, step.instance.project, change)
            except ServiceError as error:
                error.details += (f"met by this change: {change}",)
                return error
        return None

    def _is_stale(self, step: Configure) -> bool:
        """Whether no recent look has found that nothing is missing."""
        at, _ = self._unchanged.get(_key(step), (-FRESH, ()))
        return time.monotonic() - at >= FRESH

    def _missing(self, step: Configure, actual: Snapshot) -> Changes:
        if step.undoes:
            return self.restorer.changes(step, actual)
        config = config_due(self.config, step.phase)
        changes = config_files.changes(config, actual, prune_queues=self.prune)
        return changes.unfelt if step.phase is Phase.ADD else changes.all

    def _read(self, step: Configure) -> Snapshot:
        return read_kinds(self.cloud, step.instance.project, self._kinds(step))

    def _kinds(self, step: Configure) -> Sequence[Kind]:
        if step.undoes:
            return kinds_due(step.phase)
        return kinds_in(config_due(self.config, step.phase))


def _key(step: Configure) -> tuple[str, Phase]:
    return step.instance.id, step.phase


def changes_to_send(changes: Sequence[ConfigChange]) -> list[ConfigChange]:
    """The changes without those that are only reported."""
    return [change for change in changes if not isinstance(change, LeaveQueue)]


def _intended_change(step: Configure, actual: Snapshot, missing: Changes) -> Change:
    """The change to record before it is made. Additions are never undone: they need no state."""
    if step.phase is Phase.ADD:
        return Change(ASPECTS[step.phase], None, list(map(str, missing)))
    return Change(ASPECTS[step.phase], snapshot_to_json(actual), None)


def _not_as_asked(missing: Sequence[ConfigChange]) -> ServiceError:
    return ServiceError(
        "NOT_AS_ASKED",
        "the configuration was sent, but is not in effect",
        details=[str(change) for change in changes_to_send(missing)],
        hint="Somebody else may be changing it: find out who, then run the same command again.",
    )
