"""Cloud Scheduler v1beta1: the cron jobs of an application's cron.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any

from google.cloud import scheduler_v1beta1 as scheduler
from pydantic import Field

from flowdeploy.clients.answers import (
    CLEAN,
    AnswerForm,
    Duration,
    Page,
    PageForm,
    Whole,
    bad_answer,
    fits,
)
from flowdeploy.clients.google_api import (
    JsonApi,
    Locations,
    RoutingForm,
    open_client,
    parse_message,
    send_change,
)
from flowdeploy.clients.http import GoogleSession


class AppEngineTargetForm(AnswerForm):
    relative_uri: str = ""
    http_method: str = ""
    app_engine_routing: RoutingForm | None = None
    headers: dict[str, str] | None = None


class HttpTargetForm(AnswerForm):
    uri: str = ""


class JobRetryForm(AnswerForm):
    retry_count: Whole = 0
    max_retry_duration: Duration = "0s"
    min_backoff_duration: Duration = "0s"
    max_backoff_duration: Duration = "0s"
    max_doublings: Whole = 0


class JobForm(AnswerForm):
    """All that is compared of a cron job."""

    name: Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/jobs/[^/]+$")]
    state: str = ""
    description: str = ""
    schedule: str = ""
    time_zone: str = ""
    retry_config: JobRetryForm | None = None
    app_engine_http_target: AppEngineTargetForm | None = None
    http_target: HttpTargetForm | None = None


JOBS = PageForm(Page[Annotated[dict[str, Any], fits(JobForm), CLEAN]], "jobs")


class Scheduler:
    """A client as `google_api` describes.

    Only jobs that are marked ``legacyAppEngineCron`` are seen or touched: no other is from
    a cron.yaml. A job is called by its whole name, which the service chooses. There is no
    update: as in gcloud, a job whose settings change is deleted and made anew.
    """

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._api = JsonApi(f"{root}/v1beta1", session)
        self._locations = Locations(self._api)
        self._jobs = open_client(scheduler.CloudSchedulerClient, root, session)

    def jobs(self, project: str) -> tuple[dict[str, Any], ...]:
        """Every job of cron.yaml as the API's resource. Raises ServiceError."""
        path = f"{self._locations.parent(project)}/jobs"
        return tuple(self._api.items(path, JOBS, pageSize="100", legacyAppEngineCron="true"))

    def create(self, project: str, body: Mapping[str, Any]) -> str:
        """Create a job from JSON without a name; return its new name. Raises ServiceError."""
        job = parse_message(scheduler.Job, {**body, "legacyAppEngineCron": True})
        parent = self._locations.parent(project)
        name: str = send_change(self._jobs.create_job, parent=parent, job=job).name
        if not name:
            raise bad_answer("Google's client library", "it does not name the new job")
        return name

    def delete(self, job: str) -> None:
        """Raises NotFound where there is no such job of cron.yaml (any more), ServiceError."""
        send_change(self._jobs.delete_job, name=job, legacy_app_engine_cron=True)

    def pause(self, job: str) -> None:
        """Raises ServiceError."""
        send_change(self._jobs.pause_job, name=job)

    def resume(self, job: str) -> None:
        """Raises ServiceError."""
        send_change(self._jobs.resume_job, name=job)
