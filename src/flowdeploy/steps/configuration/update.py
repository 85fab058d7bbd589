"""Bringing an instance's indexes, queues, cron jobs and dispatch rules to a version's.

Everything is compared with what is there before anything is sent, and again after
every failure and at the end: so what a lost answer did is found out, and what was
cut off is finished by comparing once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import AppConfig, Snapshot
from flowdeploy.appengine.config_files.changes import Change as ConfigChange
from flowdeploy.appengine.config_files.changes import LeaveQueue
from flowdeploy.checks.deploy import Finding, group_findings
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.failures import backoff
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
from flowdeploy.report import Change, Outcome, State
from flowdeploy.rollout import Done, Intent, Notify, Pause, Request, Running, StepFailed
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps.configuration.indexes import wait_for_indexes
from flowdeploy.steps.configuration.kinds import (
    ASPECTS,
    PARTS,
    as_json,
    parts_of,
    read,
    switched_off,
    written,
)
from flowdeploy.steps.configuration.restore import ConfigurationRestorer
from flowdeploy.steps.configuration.send_change import outcome_unknown, send_change

ATTEMPTS = 6  # without getting any further
FRESH = 60.0  # seconds for which it is believed that nothing is to be done

NOTHING = AppConfig()
Progress = Callable[[int, int], None]
Changes = tuple[ConfigChange, ...]


@dataclass
class ConfigurationUpdater:
    """What the configuration of instances is changed with.

    ``config`` is the version's, ``taking_back`` is for steps that undo runs; ``prune`` is
    whether queues are paused that the version does not list.
    """

    cloud: GoogleClients
    taking_back: ConfigurationRestorer
    config: AppConfig = NOTHING
    prune: bool = False
    _settled: dict[tuple[str, Phase], tuple[float, Changes]] = field(default_factory=dict)

    def preview_steps(self, steps: Sequence[Configure]) -> tuple[str, ...]:
        """What these steps of one instance would do now, a line each.

        Raises ServiceError where it cannot be seen, and Refused where an API is switched
        off, or somebody else's changes would be overwritten.
        """
        try:
            looks = [(step, self._read(step)) for step in steps]
        except ServiceError as error:
            raise self._refusal(error, steps) from error
        return tuple(
            str(change) for step, there in looks for change in self._preview_step(step, there)
        )

    def preview(self, plan: Plan) -> tuple[dict[str, tuple[str, ...]], tuple[Finding, ...]]:
        """What the plan's steps would do now, a line each by instance, and what refuses them.

        Of a promotion, also what it would wait for.
        """
        steps = configure_steps_by_instance(plan)
        verified = {step.instance.id: step.instance for step in plan.steps_of(Verify)}

        def look(name: str) -> tuple[str, ...] | FlowdeployError:
            try:
                waits = self._first_wait(verified[name]) if name in verified else ()
                return (*waits, *self.preview_steps(steps.get(name, [])))
            except FlowdeployError as error:
                return error

        names = dict.fromkeys((*verified, *steps))
        results = dict(map_in_threads(look, names, self.cloud.connections))
        lines = {name: results[name] for name in names}
        return (
            {
                n: each
                for n, each in lines.items()
                if each and not isinstance(each, FlowdeployError)
            },
            tuple(
                Finding(n, e.message) for n, e in lines.items() if isinstance(e, FlowdeployError)
            ),
        )

    def _first_wait(self, instance: Instance) -> tuple[str, ...]:
        """What a promotion of the instance would wait for, if for anything."""
        notes: list[str] = []
        next(self.wait_until_ready(instance, [], notes.append), None)
        return tuple(notes)

    def check(self, steps: Mapping[str, Sequence[Configure]], progress: Progress) -> None:
        """Look at every instance, by id. Raises Refused with all that cannot be seen."""
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
        """Before the traffic of an instance is moved: all of its steps can be taken, and every
        index that the version needs serves queries.

        Raises ServiceError and Refused as `foreseen`, and Refused for an index that does
        not become ready within half an hour.
        """
        self.preview_steps(steps)
        yield from self._wait_for_indexes(instance, notify)

    def update_before_live(self, instance: Instance, version: str, notify: Notify) -> Running:
        """What is due between a live deploy's version and its traffic."""
        yield from self._wait_for_indexes(instance, notify)
        step = Configure(instance, Phase.BEFORE_TRAFFIC, version)
        return (yield from self.update(step, notify))

    def update(self, step: Configure, notify: Notify) -> Running:
        """Bring the step's part to what it is to be, and read back that it is.

        Raises ServiceError where its first change was refused, and StepFailed where
        something may have been changed by then.
        """
        there = self._read(step) if self._is_stale(step) else None
        told = self._missing(step, there) if there else self._settled[_key(step)][1]
        notes = tuple(map(str, told))
        if there is None or not changes_to_send(told):
            return Done(Outcome.UNCHANGED, notes=notes)
        meant = _intended_change(step, there, told)
        attempts, now = yield from self._send_until_done(step, meant, told, notify)
        if step.phase is not Phase.ADD:
            with outcome_unknown():
                yield Intent(replace(meant, after=as_json(now)))
        return Done(attempts=attempts, notes=notes)

    def _wait_for_indexes(self, instance: Instance, notify: Notify) -> Generator[Pause, None, None]:
        if self.config.indexes:
            datastore, project = self.cloud.datastore, instance.project
            yield from wait_for_indexes(datastore, project, self.config.indexes, notify)

    def _objection(self, named: tuple[str, Sequence[Configure]]) -> str | None:
        """Why an instance's steps cannot be taken, if they cannot."""
        try:
            self.preview_steps(named[1])
        except (Refused, ServiceError) as error:
            if isinstance(error, ConnectionFailed):
                raise
            return " ".join(filter(None, (f"{error.message}.", error.hint)))
        return None

    def _refusal(self, error: ServiceError, steps: Sequence[Configure]) -> FlowdeployError:
        """Where the services are there for nobody, they are so for good: all that are."""
        if not isinstance(error, PermissionDenied):
            return error
        parts = [part for step in steps for part in self._parts(step)]
        hint = switched_off(self.cloud, steps[0].instance.project, parts)
        return Refused(error.message, hint=hint or error.hint)

    def _send_until_done(
        self, step: Configure, meant: Change, told: Changes, notify: Notify
    ) -> Generator[Request, None, tuple[int, Snapshot]]:
        """Send what is missing until nothing is; in how many attempts, and what is there then."""
        yield Intent(meant)
        missing, idle = told, 0
        for attempt in count(1):
            error = yield from self._send(step, missing, notify)
            with outcome_unknown():
                now = self._read(step)
                left = self._missing(step, now)
            if not changes_to_send(left):
                return attempt, now
            if error and not is_transient(error.code, error.message):
                raise error if left == told else StepFailed(error, Done(state=State.UNKNOWN))
            missing, idle = left, 0 if left != missing else idle + 1
            if idle == ATTEMPTS or attempt == ATTEMPTS + len(told):
                raise StepFailed(error or _not_as_asked(left), Done(state=State.UNKNOWN))
            with outcome_unknown():
                yield Pause(backoff(idle + 1), f"looking again after {error.code}" if error else "")
                yield Intent(meant)
        raise AssertionError

    def _send(
        self, step: Configure, missing: Changes, notify: Notify
    ) -> Generator[Pause, None, ServiceError | None]:
        """Why not all of it could be sent, if it could not."""
        for change in changes_to_send(missing):
            notify(str(change))
            try:
                yield from send_change(self.cloud, step.instance.project, change)
            except ServiceError as error:
                error.details += (f"met by this change: {change}",)
                return error
        return None

    def _preview_step(self, step: Configure, there: Snapshot) -> Changes:
        """What is missing; where that is nothing, the step need not look again for a while."""
        missing = self._missing(step, there)
        if not changes_to_send(missing):
            self._settled[_key(step)] = time.monotonic(), missing
        return missing

    def _is_stale(self, step: Configure) -> bool:
        """Whether it is not known well enough that nothing is to be done."""
        at, _ = self._settled.get(_key(step), (-FRESH, ()))
        return time.monotonic() - at >= FRESH

    def _missing(self, step: Configure, there: Snapshot) -> Changes:
        if step.undoes:
            return self.taking_back.changes(step, there)
        config = written(self.config, step.phase)
        changes = config_files.changes(config, there, prune_queues=self.prune)
        return changes.unfelt if step.phase is Phase.ADD else changes.all

    def _read(self, step: Configure) -> Snapshot:
        return read(self.cloud, step.instance.project, self._parts(step))

    def _parts(self, step: Configure) -> Sequence[str]:
        return PARTS[step.phase] if step.undoes else parts_of(written(self.config, step.phase))


def _key(step: Configure) -> tuple[str, Phase]:
    return step.instance.id, step.phase


def changes_to_send(changes: Sequence[ConfigChange]) -> list[ConfigChange]:
    """The changes without those that are only named."""
    return [change for change in changes if not isinstance(change, LeaveQueue)]


def _intended_change(step: Configure, there: Snapshot, told: Changes) -> Change:
    """What is put on record beforehand: of what is only added nothing is ever taken back."""
    if step.phase is Phase.ADD:
        return Change(ASPECTS[step.phase], None, list(map(str, told)))
    return Change(ASPECTS[step.phase], as_json(there), None)


def _not_as_asked(missing: Sequence[ConfigChange]) -> ServiceError:
    return ServiceError(
        "NOT_AS_ASKED",
        "the configuration was sent, but reading it back shows something else",
        details=[str(change) for change in changes_to_send(missing)],
        hint="Somebody else may be changing it: look who, then run the same command again.",
    )
