"""Cloud Tasks v2beta3: an application's queues, without the tasks in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.auth.credentials import Credentials
from google.cloud import tasks_v2beta3 as tasks

from flowdeploy.clients.api import JsonApi, authorized_session
from flowdeploy.clients.google_library import ONCE, changed, connected, mask, message
from flowdeploy.clients.locations import Locations


class Tasks:
    """Reads are plain JSON (see `JsonApi`), so that a queue can be kept as it was read;
    changes go through Google's own client library.

    A queue is called by its id, ``mail``. Every method raises ServiceError, and may be
    called from any thread. Reads are repeated where that may help; changes are sent once.
    """

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        session = authorized_session(credentials, connections)
        self._api = JsonApi(f"{root}/v2beta3", session)
        # gcloud asks v2 for the locations.
        self._locations = Locations(JsonApi(f"{root}/v2", session))
        self._queues = connected(tasks.CloudTasksClient, root, credentials, connections)

    def queues(self, project: str) -> tuple[dict[str, Any], ...]:
        """Every queue as the API's resource, with its whole ``name`` and its ``state``."""
        path = f"{self._locations.parent(project)}/queues"
        return tuple(self._api.pages(path, "queues", pageSize="100"))

    def put(self, project: str, queue: str, body: Mapping[str, Any], paths: Iterable[str]) -> None:
        """Set the fields at ``paths`` (``rateLimits.maxBurstSize``) as the API's JSON has them.

        A queue that does not exist is created. What is at a path but not in ``body`` goes
        back to its default.
        """
        named = {**body, "name": self._name(project, queue)}
        request = tasks.UpdateQueueRequest(
            queue=message(tasks.Queue, named), update_mask=mask(paths)
        )
        changed(lambda: self._queues.update_queue(request, **ONCE))

    def pause(self, project: str, queue: str) -> None:
        """Let the queue take tasks and hand out none. It may be paused already."""
        request = tasks.PauseQueueRequest(name=self._name(project, queue))
        changed(lambda: self._queues.pause_queue(request, **ONCE))

    def resume(self, project: str, queue: str) -> None:
        """Let the queue run, also one that App Engine has disabled. It may run already."""
        request = tasks.ResumeQueueRequest(name=self._name(project, queue))
        changed(lambda: self._queues.resume_queue(request, **ONCE))

    def _name(self, project: str, queue: str) -> str:
        return f"{self._locations.parent(project)}/queues/{queue}"
