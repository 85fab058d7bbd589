"""Bringing an instance's indexes, queues, cron jobs and dispatch rules to a version's.

Everything is compared with what is there before anything is sent, and again after
every failure and at the end: so what a lost answer did is found out, and what was
cut off is finished by comparing once more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowdeploy import appconfig
from flowdeploy.appconfig import AppConfig, Snapshot
from flowdeploy.appconfig.changes import Change as ConfigChange
from flowdeploy.appconfig.changes import LeaveQueue
from flowdeploy.checks import Finding, grouped
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.executors.clients.api import backoff
from flowdeploy.executors.clients.cloud import Cloud
from flowdeploy.executors.instance.indexes import ready
from flowdeploy.executors.instance.sending import send
from flowdeploy.executors.together import together
from flowdeploy.fleet import Instance
from flowdeploy.journal.runs import Run
from flowdeploy.journal.undo import configuration_before
from flowdeploy.known_errors import is_transient
from flowdeploy.plan import Configure, Phase
from flowdeploy.report import Aspect, Change, Outcome, State
from flowdeploy.rollout import Done, Intent, Notify, Pause, Request, Running, StepFailed

ATTEMPTS = 6

ASPECTS = {
    Phase.ADD: Aspect.ADDITIONS,
    Phase.BEFORE_TRAFFIC: Aspect.QUEUES,
    Phase.AFTER_TRAFFIC: Aspect.SCHEDULES,
}
_PARTS = {
    Phase.ADD: ("indexes", "queues"),
    Phase.BEFORE_TRAFFIC: ("queues",),
    Phase.AFTER_TRAFFIC: ("jobs", "dispatch"),
}
NOTHING = AppConfig()
Progress = Callable[[int, int], None]


@dataclass
class Configurator:
    """What the configuration of instances is changed with.

    ``config`` is the version's, ``recorded`` finds the record of a run whose changes
    are to be taken back; ``prune`` is whether queues are paused that the version does
    not list, ``force`` whether what somebody else has changed is overwritten.
    """

    cloud: Cloud
    recorded: Callable[[str], Run]
    config: AppConfig = NOTHING
    prune: bool = False
    force: bool = False

    def foreseen(self, steps: Sequence[Configure]) -> tuple[str, ...]:
        """What these steps of one instance would do now, a line each.

        Raises ServiceError where it cannot be seen, because an API is not enabled or for
        another reason, and Refused where somebody else's changes would be overwritten.
        """
        looks = ((step, self._read(step)) for step in steps)
        return tuple(str(change) for step, there in looks for change in self._missing(step, there))

    def check(self, steps: Mapping[str, Sequence[Configure]], progress: Progress) -> None:
        """Look at every instance, by id. Raises Refused with all that cannot be seen."""
        looks = together(self._objection, steps.items(), self.cloud.connections)
        findings: list[Finding] = []
        for count, ((name, _), objection) in enumerate(looks, 1):
            progress(count, len(steps))
            findings += [Finding(name, objection)] if objection else []
        if findings:
            raise Refused(
                "the configuration cannot be deployed, and nothing was changed",
                details=grouped(sorted(findings, key=lambda finding: finding.instance)),
            )

    def ready(
        self, instance: Instance, steps: Sequence[Configure], notify: Notify
    ) -> Generator[Pause, None, None]:
        """Before the traffic of an instance is moved: all of its steps can be taken, and every
        index that the version needs serves queries.

        Raises ServiceError and Refused as `foreseen`, and Refused for an index that does
        not become ready within half an hour.
        """
        if objection := self._objection((instance.id, steps)):
            raise Refused(objection)
        yield from self._indexes_ready(instance, notify)

    def before_live(self, instance: Instance, version: str, notify: Notify) -> Running:
        """What is due between a live deploy's version and its traffic."""
        yield from self._indexes_ready(instance, notify)
        step = Configure(instance, Phase.BEFORE_TRAFFIC, version)
        return (yield from self.configure(step, notify))

    def configure(self, step: Configure, notify: Notify) -> Running:
        """Bring the step's part to what it is to be, and read back that it is.

        Raises StepFailed where something may have been changed by then.
        """
        there = self._read(step)
        told = self._missing(step, there)
        if not _to_send(told):
            return Done(Outcome.UNCHANGED, notes=tuple(map(str, told)))
        changing = Change(ASPECTS[step.phase], _json(there), None)
        attempts = yield from self._carried_out(step, changing, told, notify)
        now = self._read(step)
        yield Intent(replace(changing, after=_json(now)))
        return Done(attempts=attempts, notes=tuple(map(str, told)))

    def _indexes_ready(self, instance: Instance, notify: Notify) -> Generator[Pause, None, None]:
        if self.config.indexes:
            datastore, project = self.cloud.datastore, instance.project
            yield from ready(datastore, project, self.config.indexes, notify)

    def _objection(self, named: tuple[str, Sequence[Configure]]) -> str | None:
        """Why an instance's steps cannot be taken, if they cannot."""
        try:
            self.foreseen(named[1])
        except ServiceError as error:
            if error.code == "CONNECTION":
                raise
            return " ".join(filter(None, (f"{error.message}.", error.hint)))
        except Refused as refused:
            return " ".join(filter(None, (f"{refused.message}.", refused.hint)))
        return None

    def _carried_out(
        self,
        step: Configure,
        changing: Change,
        missing: Sequence[ConfigChange],
        notify: Notify,
    ) -> Generator[Request, None, int]:
        """Send what is missing until nothing is; how many attempts that has taken."""
        sent: list[ConfigChange] = []
        for attempt in range(1, ATTEMPTS + 1):
            yield Intent(changing)
            try:
                for change in _to_send(missing):
                    notify(str(change))
                    yield from send(self.cloud, step.instance.project, change)
                    sent.append(change)
                missing = self._missing(step, self._read(step))
            except ServiceError as error:
                if attempt == ATTEMPTS or not is_transient(error.code, error.message):
                    raise _failed(error, begun=bool(sent) or attempt > 1) from error
                yield Pause(backoff(attempt), f"looking again after {error.code}")
                missing = self._missing(step, self._read(step))
            if not _to_send(missing):
                return attempt
        raise _failed(_not_as_asked(missing), begun=True)

    def _missing(self, step: Configure, there: Snapshot) -> tuple[ConfigChange, ...]:
        if step.undoes:
            return self._taken_back(step, there)
        wanted = _part(self.config, step.phase)
        changes = appconfig.changes(wanted, there, prune_queues=self.prune)
        return changes.unfelt if step.phase is Phase.ADD else changes.all

    def _taken_back(self, step: Configure, there: Snapshot) -> tuple[ConfigChange, ...]:
        runs = [self.recorded(name) for name in step.undoes]
        before, after = configuration_before(step.instance, runs, ASPECTS[step.phase])
        back = appconfig.restore(_snapshot(before), there).all
        if after is None or self.force or not _to_send(back):
            return back
        if others := appconfig.foreign(_snapshot(after), there):
            raise Refused(
                f"somebody else has changed the configuration since run {step.undoes[-1]}:"
                f" {'; '.join(others)}",
                hint="Look who. --force takes the run's changes back all the same, and theirs.",
            )
        return back

    def _read(self, step: Configure) -> Snapshot:
        """What there is of that which the step is about, and nothing else."""
        project = step.instance.project
        return Snapshot(**{part: self._resources(part, project) for part in self._parts(step)})

    def _resources(self, part: str, project: str) -> tuple[dict[str, Any], ...]:
        match part:
            case "indexes":
                return self.cloud.datastore.indexes(project)
            case "queues":
                return self.cloud.tasks.queues(project)
            case "jobs":
                return self.cloud.scheduler.jobs(project)
            case _:
                return self.cloud.dispatch.rules(project)

    def _parts(self, step: Configure) -> Sequence[str]:
        if step.undoes:
            return _PARTS[step.phase]
        config = self.config
        written = {
            "indexes": config.indexes,
            "queues": config.queues,
            "jobs": config.cron,
            "dispatch": config.dispatch,
        }
        return [part for part in _PARTS[step.phase] if written[part] is not None]


def _part(config: AppConfig, phase: Phase) -> AppConfig:
    """Of the configuration what is due in a phase."""
    parts = _PARTS[phase]
    return AppConfig(
        indexes=config.indexes if "indexes" in parts else None,
        queues=config.queues if "queues" in parts else None,
        cron=config.cron if "jobs" in parts else None,
        dispatch=config.dispatch if "dispatch" in parts else None,
    )


def _to_send(changes: Sequence[ConfigChange]) -> list[ConfigChange]:
    return [change for change in changes if not isinstance(change, LeaveQueue)]


def _json(snapshot: Snapshot) -> dict[str, Any]:
    """What was read; of indexes and new queues nothing is taken back, but it is small."""
    parts = ("indexes", "queues", "jobs", "dispatch")
    return {part: list(value) for part in parts if (value := getattr(snapshot, part)) is not None}


def _snapshot(document: Mapping[str, Any]) -> Snapshot:
    return Snapshot(**{part: tuple(value) for part, value in document.items()})


def _failed(error: FlowdeployError, *, begun: bool) -> FlowdeployError | StepFailed:
    return StepFailed(error, Done(state=State.UNKNOWN)) if begun else error


def _not_as_asked(missing: Sequence[ConfigChange]) -> ServiceError:
    return ServiceError(
        "NOT_AS_ASKED",
        "the configuration was sent, but reading it back shows something else",
        details=[str(change) for change in missing],
        hint="Somebody else may be changing it: look who, then run the same command again.",
    )
