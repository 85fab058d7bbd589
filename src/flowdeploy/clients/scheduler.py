"""Cloud Scheduler v1beta1: the jobs of an application's cron.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.auth.credentials import Credentials
from google.cloud import scheduler_v1beta1 as scheduler

from flowdeploy.clients.api import JsonApi, authorized_session
from flowdeploy.clients.google_library import ONCE, changed, connected, message
from flowdeploy.clients.locations import Locations


class Scheduler:
    """Reads are plain JSON (see `JsonApi`), so that a job can be kept as it was read;
    changes go through Google's own client library.

    Only jobs that are marked ``legacyAppEngineCron`` are seen or touched: all others are
    none of cron.yaml's. A job is called by its whole name, which the service chooses. There
    is no update: as in gcloud, a job whose settings change is deleted and made anew.

    Every method raises ServiceError, and may be called from any thread. Reads are repeated
    where that may help; changes are sent once.
    """

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        self._api = JsonApi(f"{root}/v1beta1", authorized_session(credentials, connections))
        self._locations = Locations(self._api)
        self._jobs = connected(scheduler.CloudSchedulerClient, root, credentials, connections)

    def jobs(self, project: str) -> tuple[dict[str, Any], ...]:
        """Every job of cron.yaml as the API's resource, with its ``name`` and its ``state``."""
        path = f"{self._locations.parent(project)}/jobs"
        return tuple(self._api.pages(path, "jobs", pageSize="100", legacyAppEngineCron="true"))

    def create(self, project: str, body: Mapping[str, Any]) -> str:
        """The name of the new job. ``body`` is the API's JSON without a name."""
        request = scheduler.CreateJobRequest(
            parent=self._locations.parent(project),
            job=message(scheduler.Job, {**body, "legacyAppEngineCron": True}),
        )
        created: str = changed(lambda: self._jobs.create_job(request, **ONCE)).name
        return created

    def delete(self, job: str) -> None:
        """Raises ServiceError NOT_FOUND where there is no such job of cron.yaml (any more)."""
        request = scheduler.DeleteJobRequest(name=job, legacy_app_engine_cron=True)
        changed(lambda: self._jobs.delete_job(request, **ONCE))

    def pause(self, job: str) -> None:
        changed(lambda: self._jobs.pause_job(scheduler.PauseJobRequest(name=job), **ONCE))

    def resume(self, job: str) -> None:
        changed(lambda: self._jobs.resume_job(scheduler.ResumeJobRequest(name=job), **ONCE))
