"""The location in which a project's queues and jobs are."""

from __future__ import annotations

from flowdeploy.clients.api import JsonApi
from flowdeploy.errors import NotFound


class Locations:
    """Found as gcloud finds it: of the locations of a project the App Engine application's
    is listed first. An application never moves, so each project is asked about once.
    """

    def __init__(self, api: JsonApi) -> None:
        self._api = api
        self._known: dict[str, str] = {}

    def parent(self, project: str) -> str:
        """``projects/P/locations/L``. Raises ServiceError, also where there is no location."""
        if project not in self._known:
            self._known[project] = self._first(project)
        return self._known[project]

    def _first(self, project: str) -> str:
        path = f"projects/{project}/locations"
        found = self._api.get(path).get("locations")
        if not found:
            raise NotFound(
                "NOT_FOUND",
                f"{path} is empty: the project has no App Engine application",
                hint=f"Create it: gcloud app create --project {project}",
            )
        return f"{path}/{found[0]['locationId']}"
