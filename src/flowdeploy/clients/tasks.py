"""Cloud Tasks v2beta3: an application's queues, without the tasks in them."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from google.cloud import tasks_v2beta3 as tasks
from pydantic import Field

from flowdeploy.clients.answers import (
    CLEAN,
    AnswerForm,
    Duration,
    Number,
    Page,
    PageForm,
    Whole,
    fits,
)
from flowdeploy.clients.google_api import (
    JsonApi,
    Locations,
    RoutingForm,
    open_client,
    parse_message,
    send_change,
    update_mask,
)
from flowdeploy.clients.http import GoogleSession


class QueueRoutingForm(AnswerForm):
    app_engine_routing_override: RoutingForm | None = None


class RateLimitsForm(AnswerForm):
    max_dispatches_per_second: Number = 0.0
    max_burst_size: Whole = 0
    max_concurrent_dispatches: Whole = 0


class QueueRetryForm(AnswerForm):
    max_attempts: Whole = 0
    min_backoff: Duration = "0s"
    max_backoff: Duration = "0s"
    max_doublings: Whole = 0
    max_retry_duration: Duration = "0s"


class LoggingForm(AnswerForm):
    sampling_ratio: Number = 0.0


class QueueForm(AnswerForm):
    """All that is compared of a queue."""

    name: Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/queues/[^/]+$")]
    state: str = ""
    type: str = ""
    rate_limits: RateLimitsForm | None = None
    retry_config: QueueRetryForm | None = None
    app_engine_http_queue: QueueRoutingForm | None = None
    stackdriver_logging_config: LoggingForm | None = None
    task_ttl: Duration = "0s"
    tombstone_ttl: Duration = "0s"


QUEUES = PageForm(Page[Annotated[dict[str, Any], fits(QueueForm), CLEAN]], "queues")


class Tasks:
    """A client as `google_api` describes. A queue is called by its id, ``mail``."""

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._api = JsonApi(f"{root}/v2beta3", session)
        # gcloud asks v2 for the locations.
        self._locations = Locations(JsonApi(f"{root}/v2", session))
        self._queues = open_client(tasks.CloudTasksClient, root, session)

    def queues(self, project: str) -> tuple[dict[str, Any], ...]:
        """Every queue as the API's resource. Raises ServiceError."""
        path = f"{self._locations.parent(project)}/queues"
        return tuple(self._api.items(path, QUEUES, pageSize="100"))

    def put(self, project: str, queue: str, body: Mapping[str, Any], paths: Iterable[str]) -> None:
        """Set the fields at ``paths`` (``rateLimits.maxBurstSize``) as the API's JSON has them.

        A queue that does not exist is created. A field at a path that ``body`` lacks goes
        back to its default. Raises ServiceError.
        """
        named = parse_message(tasks.Queue, {**body, "name": self._name(project, queue)})
        send_change(self._queues.update_queue, queue=named, update_mask=update_mask(paths))

    def pause(self, project: str, queue: str) -> None:
        """Let the queue take tasks and hand out none. Raises ServiceError."""
        send_change(self._queues.pause_queue, name=self._name(project, queue))

    def resume(self, project: str, queue: str) -> None:
        """Let the queue run, also one that App Engine has disabled. Raises ServiceError."""
        send_change(self._queues.resume_queue, name=self._name(project, queue))

    def _name(self, project: str, queue: str) -> str:
        return f"{self._locations.parent(project)}/queues/{queue}"
