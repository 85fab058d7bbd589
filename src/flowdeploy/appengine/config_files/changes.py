"""Changes of an application's configuration, in an order that works.

A change holds everything that is needed to send it except the names of the project and
the region; its ``str()`` describes it. A body is the JSON of the API's resource;
``mask`` holds the paths of its update mask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.config_files.fields import at
from flowdeploy.appengine.config_files.queue_settings import RATE, value_text


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting by its name in the file: the actual and the wanted value."""

    setting: str
    actual: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.setting} {self.actual} → {self.wanted}"


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """Create a Datastore Admin Index; it serves queries once it is READY."""

    body: Mapping[str, Any]

    def __str__(self) -> str:
        names = (
            item["name"] + (" desc" if item["direction"] == "DESCENDING" else "")
            for item in self.body["properties"]
        )
        ancestor = "ancestor, " if self.body["ancestor"] == "ALL_ANCESTORS" else ""
        return f"index {self.body['kind']} ({ancestor}{', '.join(names)}): create"


@dataclass(frozen=True, slots=True)
class CreateQueue:
    """Create a Cloud Tasks Queue by an update; ``paused`` means: pause it right after."""

    name: str
    body: Mapping[str, Any]
    mask: tuple[str, ...]
    paused: bool = False

    def __str__(self) -> str:
        rate = at(self.body, RATE)
        said = "paused" if self.paused else value_text(RATE, rate) if rate else "a pull queue"
        return f"queue {self.name}: create, {said}"


@dataclass(frozen=True, slots=True)
class UpdateQueue:
    name: str
    body: Mapping[str, Any]
    mask: tuple[str, ...]
    differences: tuple[SettingChange, ...]

    def __str__(self) -> str:
        return f"queue {self.name}: {_join(self.differences)}"


@dataclass(frozen=True, slots=True)
class PauseQueue:
    name: str
    why: str = ""

    def __str__(self) -> str:
        return f"queue {self.name}: pause" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True)
class ResumeQueue:
    name: str

    def __str__(self) -> str:
        return f"queue {self.name}: resume"


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Report a queue that keeps running; nothing is sent."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"queue {self.name}: leave as it is ({self.why})"


@dataclass(frozen=True, slots=True)
class CreateCronJob:
    """Create a Cloud Scheduler Job; the server chooses its name."""

    body: Mapping[str, Any]
    paused: bool = False

    def __str__(self) -> str:
        return f"cron job {job_name(self.body)}: create, {_schedule_text(self.body)}" + (
            ", paused" if self.paused else ""
        )


@dataclass(frozen=True, slots=True)
class ReplaceCronJob:
    """Create ``body``, then delete the job ``name`` (the full resource name).

    In this order a failure between the two leaves a job too many instead of one too
    few, and the next comparison finds only the deletion.
    """

    name: str
    body: Mapping[str, Any]
    differences: tuple[SettingChange, ...]
    paused: bool = False

    def __str__(self) -> str:
        return f"cron job {job_name(self.body)}: {_join(self.differences)}"


@dataclass(frozen=True, slots=True)
class DeleteCronJob:
    """Delete a job; ``name`` is the full resource name, ``body`` describes the job."""

    name: str
    body: Mapping[str, Any]

    def __str__(self) -> str:
        return f"cron job {job_name(self.body)}: delete ({_schedule_text(self.body)})"


@dataclass(frozen=True, slots=True)
class PauseCronJob:
    """Pause a job; ``name`` is the full resource name, ``title`` the one for people."""

    name: str
    title: str

    def __str__(self) -> str:
        return f"cron job {self.title}: pause"


@dataclass(frozen=True, slots=True)
class ResumeCronJob:
    """Resume a job; fields as in `PauseCronJob`."""

    name: str
    title: str

    def __str__(self) -> str:
        return f"cron job {self.title}: resume"


@dataclass(frozen=True, slots=True)
class SetDispatch:
    """Replace all dispatch rules of the application; their order counts.

    Each is a UrlDispatchRule: ``domain``, ``path``, ``service``.
    """

    rules: tuple[Mapping[str, str], ...]
    actual: tuple[Mapping[str, str], ...]

    def __str__(self) -> str:
        wanted, actual = (
            [rule_text(rule) for rule in rules] for rules in (self.rules, self.actual)
        )
        added = [f"add {rule}" for rule in wanted if rule not in actual]
        removed = [f"remove {rule}" for rule in actual if rule not in wanted]
        return f"dispatch rules: {', '.join(added + removed) or 'other order'}"


QueueChange = CreateQueue | UpdateQueue | PauseQueue | ResumeQueue | LeaveQueue
CronJobChange = CreateCronJob | ReplaceCronJob | DeleteCronJob | PauseCronJob | ResumeCronJob
Change = CreateIndex | QueueChange | CronJobChange | SetDispatch


@dataclass(frozen=True, slots=True)
class ConfigChanges:
    """All changes of one application."""

    indexes: tuple[CreateIndex, ...] = ()
    queues: tuple[QueueChange, ...] = ()
    cron: tuple[CronJobChange, ...] = ()
    dispatch: tuple[SetDispatch, ...] = ()

    @property
    def unfelt(self) -> tuple[Change, ...]:
        """Changes that do not affect the live version: new indexes and queues."""
        created = (change for change in self.queues if isinstance(change, CreateQueue))
        return (*self.indexes, *created)

    @property
    def all(self) -> tuple[Change, ...]:
        """In the order in which they are made: indexes and queues before the traffic moves."""
        return (*self.indexes, *self.queues, *self.cron, *self.dispatch)

    def __bool__(self) -> bool:
        """Whether there is a change to send."""
        return any(not isinstance(change, LeaveQueue) for change in self.all)


def job_name(job: Mapping[str, Any]) -> str:
    """A cron job's name for people: the path or address that it calls."""
    path = at(job, "appEngineHttpTarget.relativeUri") or at(job, "httpTarget.uri")
    return str(path or job.get("name", "").rpartition("/")[2] or "without a path")


def rule_text(rule: Mapping[str, str]) -> str:
    return f"{rule['domain']}{rule['path']} → {rule['service']}"


def _schedule_text(job: Mapping[str, Any]) -> str:
    zone = job.get("timeZone") or "UTC"
    return f"{job.get('schedule')}" + (f" {zone}" if zone != "UTC" else "")


def _join(differences: tuple[SettingChange, ...]) -> str:
    return ", ".join(map(str, differences)) or "replace"
