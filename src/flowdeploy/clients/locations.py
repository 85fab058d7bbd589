"""The location in which a project's queues and cron jobs are."""

from __future__ import annotations

from flowdeploy.clients.answers import AnswerForm, Form, Page, Text
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.errors import NotFound


class LocationForm(AnswerForm):
    location_id: Text


LOCATIONS = Form(Page[LocationForm])


class Locations:
    """The App Engine application's location is the first of its project's, as for gcloud.

    An application never moves, so each project is asked about once.
    """

    def __init__(self, api: JsonApi) -> None:
        self._api = api
        self._parents: dict[str, str] = {}

    def parent(self, project: str) -> str:
        """``projects/P/locations/L``. Raises NotFound where there is no location, ServiceError."""
        if project not in self._parents:
            self._parents[project] = self._first(project)
        return self._parents[project]

    def _first(self, project: str) -> str:
        path = f"projects/{project}/locations"
        locations = self._api.get(path, LOCATIONS).items
        if not locations:
            raise NotFound(
                "NOT_FOUND",
                f"{path} is empty: the project has no App Engine application",
                hint=f"Create it: gcloud app create --project {project}",
            )
        return f"{path}/{locations[0].location_id}"
