"""Configuration is brought to an application and taken back, with the real client libraries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import AppConfig, Snapshot
from flowdeploy.appengine.config_files.changes import (
    Change,
    CreateCronJob,
    CreateIndex,
    CreateQueue,
    CronJobChange,
    DeleteCronJob,
    PauseCronJob,
    PauseQueue,
    QueueChange,
    ReplaceCronJob,
    ResumeCronJob,
    ResumeQueue,
    SetDispatch,
    UpdateQueue,
)
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.datastore import Datastore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.scheduler import Scheduler
from flowdeploy.clients.tasks import Tasks
from flowdeploy.sandbox.exports import gcloud_environment

from .conftest import Remote

OLD = {
    "index.yaml": """
indexes:
- {kind: Message, properties: [{name: about}, {name: updated, direction: desc}]}
""",
    "queue.yaml": """
queue:
- {name: default, rate: 5/s}
- {name: mail, rate: 2000/d, bucket_size: 10, retry_parameters: {min_backoff_seconds: 10.0}}
- {name: reports, rate: 1/h, max_concurrent_requests: 1, target: default}
- {name: still, rate: 0/s, mode: push}
""",
    "cron.yaml": """
cron:
- {url: /cron/purge, schedule: every 24 hours, description: purge}
- {url: /cron/remind, schedule: "every monday 00:05", timezone: Europe/Amsterdam}
- {url: /cron/retry, schedule: every 2 hours, target: default,
   retry_parameters: {job_retry_limit: 3, job_age_limit: 2.5h}}
""",
    "dispatch.yaml": """
dispatch:
- {url: "*/mobile/*", service: default}
""",
}
NEW = {
    "index.yaml": """
indexes:
- {kind: Message, properties: [{name: about}, {name: updated, direction: desc}]}
- {kind: Region, ancestor: yes, properties: [{name: order}]}
""",
    "queue.yaml": """
queue:
- {name: default, rate: 10/s}
- {name: mail, rate: 1/m, retry_parameters: {max_backoff_seconds: 60, task_retry_limit: 3}}
- {name: still, rate: 2/s, mode: push}
- {name: thumbnails, rate: 0.5/s, retry_parameters: {task_age_limit: 1d, max_doublings: 2}}
""",
    "cron.yaml": """
cron:
- {url: /cron/purge, schedule: every 12 hours, description: purge}
- {url: /cron/retry, schedule: every 2 hours, target: default,
   retry_parameters: {job_retry_limit: 3, job_age_limit: 2.5h}}
- {url: /cron/new, schedule: "1st,third mon of month 04:05"}
""",
    "dispatch.yaml": """
dispatch:
- {url: "*/work/*", service: default}
- {url: "*/mobile/*", service: default}
""",
}


@dataclass(frozen=True)
class Cloud:
    """The four services at the sandbox."""

    tasks: Tasks
    scheduler: Scheduler
    datastore: Datastore
    engine: AppEngine

    def snapshot(self, project: str) -> Snapshot:
        return Snapshot(
            self.datastore.indexes(project),
            self.tasks.queues(project),
            self.scheduler.jobs(project),
            self.engine.dispatch_rules(project),
        )

    def deploy(self, project: str, config: AppConfig) -> None:
        there = self.snapshot(project)
        self.apply(project, config_files.changes(config, there, prune_queues=True).all)

    def apply(self, project: str, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case CreateIndex(body):
                    self.datastore.create(project, body)
                case SetDispatch(rules):
                    self.engine.set_dispatch_rules(project, rules)
                case (
                    CreateCronJob()
                    | ReplaceCronJob()
                    | DeleteCronJob()
                    | PauseCronJob()
                    | ResumeCronJob()
                ):
                    self._apply_to_job(project, change)
                case _:
                    self._apply_to_queue(project, change)

    def _apply_to_queue(self, project: str, change: QueueChange) -> None:
        match change:
            case CreateQueue(name, body, mask) | UpdateQueue(name, body, mask):
                self.tasks.put(project, name, body, mask)
                if isinstance(change, CreateQueue) and change.paused:
                    self.tasks.pause(project, name)
            case PauseQueue(name):
                self.tasks.pause(project, name)
            case ResumeQueue(name):
                self.tasks.resume(project, name)

    def _apply_to_job(self, project: str, change: CronJobChange) -> None:
        match change:
            case CreateCronJob(body, paused):
                name = self.scheduler.create(project, body)
                if paused:
                    self.scheduler.pause(name)
            case ReplaceCronJob(name, body):
                self.scheduler.create(project, body)
                self.scheduler.delete(name)
            case DeleteCronJob(name):
                self.scheduler.delete(name)
            case PauseCronJob(name):
                self.scheduler.pause(name)
            case ResumeCronJob(name):
                self.scheduler.resume(name)


@pytest.fixture
def cloud(remote: Remote) -> Cloud:
    kinds: Any = (Tasks, Scheduler, Datastore, AppEngine)
    session = GoogleSession(AnonymousCredentials(), 2)
    return Cloud(*(kind(remote.url, session) for kind in kinds))


def told(snapshot: Snapshot, project: str) -> dict[str, Any]:
    """A state without what servers make up, and without the project's name."""
    made_up = ("indexId", "projectId", "userUpdateTime", "lastAttemptTime", "scheduleTime")
    found = {
        "indexes": snapshot.indexes or (),
        "queues": snapshot.queues or (),
        "jobs": [{**job, "name": ""} for job in snapshot.jobs or ()],
    }
    plain = {
        part: sorted(
            ({key: value for key, value in item.items() if key not in made_up} for item in items),
            key=lambda item: json.dumps(item, sort_keys=True),
        )
        for part, items in found.items()
    }
    text = json.dumps({**plain, "dispatch": snapshot.dispatch}).replace(project, "P")
    whole: dict[str, Any] = json.loads(text)
    return whole


def test_a_promotion_is_taken_back_field_by_field(cloud: Cloud) -> None:
    project = "akvoflow-1"
    cloud.deploy(project, config_files.read(OLD))
    before = cloud.snapshot(project)
    cloud.deploy(project, config_files.read(NEW))
    after = cloud.snapshot(project)
    assert not config_files.changes(config_files.read(NEW), after, prune_queues=True)
    assert config_files.find_outside_changes(before, after, cloud.snapshot(project)) == ()

    cloud.apply(project, config_files.restore(before, after).all)
    back = cloud.snapshot(project)
    known = {queue["name"] for queue in before.queues or ()}
    queues = tuple(queue for queue in back.queues or () if queue["name"] in known)
    restored = Snapshot(before.indexes, queues, back.jobs, back.dispatch)
    assert told(restored, project) == told(before, project)
    assert not config_files.restore(before, back)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_the_state_is_the_one_that_gcloud_makes(
    cloud: Cloud, remote: Remote, tmp_path: Path
) -> None:
    for version in (OLD, NEW):
        cloud.deploy("akvoflow-1", config_files.read(version))
        deploy_with_gcloud("akvoflow-2", version, remote.url, tmp_path)
        found = {name: told(cloud.snapshot(name), name) for name in ("akvoflow-1", "akvoflow-2")}
        assert found["akvoflow-1"] == found["akvoflow-2"]


def deploy_with_gcloud(project: str, files: dict[str, str], url: str, folder: Path) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {
        **os.environ,
        **gcloud_environment(url),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    }
    command = ["gcloud", "app", "deploy", f"--project={project}", *files]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
