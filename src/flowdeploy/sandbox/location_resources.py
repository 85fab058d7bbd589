"""Resources in a location of a project: what Cloud Tasks and Cloud Scheduler share.

Queues and jobs have names like ``projects/P/locations/L/queues/Q``, are listed, read,
deleted, paused and resumed in the same way, and exist in the application's location only.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from aiohttp import web

from flowdeploy.sandbox.google_api.errors import ApiError, not_found
from flowdeploy.sandbox.google_api.hostnames import hostname, region
from flowdeploy.sandbox.google_api.messages import MessageType, apply_mask
from flowdeploy.sandbox.google_api.paging import take_page
from flowdeploy.sandbox.google_api.request_body import read_json
from flowdeploy.sandbox.google_api.responses import json_response, list_response, resource_response
from flowdeploy.sandbox.service_usage import find_location
from flowdeploy.sandbox.state import State


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A stored resource: its state as an enum name, and the settings that were sent.

    ``updated`` is in seconds since 1970.
    """

    id: str
    state: str
    body: dict[str, Any]
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Location:
    """Where a request's resources are: ``name`` is ``projects/P/locations/L``."""

    project: str
    name: str
    hostname: str


class LocationResources(ABC):
    """The handlers of one API; a subclass stores, creates and describes its resources."""

    api: ClassVar[str]
    plural: ClassVar[str]
    message: ClassVar[MessageType]
    running_state: ClassVar[str]
    not_found_text: ClassVar[str]  # the API's error text, with ``{name}``

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self, version: str) -> Iterator[web.AbstractRouteDef]:
        locations = f"/{version}/projects/{{project}}/locations"
        all_of_them = f"{locations}/{{location}}/{self.plural}"
        one = f"{all_of_them}/{{id}}"
        yield web.get(locations, self.list_locations)
        yield web.get(all_of_them, self.list_all)
        yield web.post(all_of_them, self.create)
        yield web.post(f"{one}:pause", self.pause)
        yield web.post(f"{one}:resume", self.resume)
        yield web.get(one, self.get)
        yield web.patch(one, self.patch)
        yield web.delete(one, self.delete)

    async def list_locations(self, request: web.Request) -> web.Response:
        """List one location, the application's; gcloud takes its region from it."""
        project = request.match_info["project"]
        with self._state.read() as db:
            name = region(find_location(db, project, self.api))
        location = {
            "name": f"projects/{project}/locations/{name}",
            "locationId": name,
            "labels": {"cloud.googleapis.com/region": name},
        }
        return json_response({"locations": [location]})

    async def list_all(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            location = self.find_location(db, request)
            rows = sorted(self.rows(db, location.project).items())
        listed = [(key, row) for key, row in rows if self.is_requested(request, row)]
        chosen, token = take_page(listed, request.query, lambda item: item[0])
        items = [self.resource(location, row) for _, row in chosen]
        return list_response(request, self.plural, self.message, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            location = self.find_location(db, request)
            return self.reply(request, location, self.find(db, request, location))

    async def delete(self, request: web.Request) -> web.Response:
        with self._state.write() as db:
            location = self.find_location(db, request)
            row = self.find(db, request, location)
            if not self.is_requested(request, row):
                raise self.not_found_error(request, location)
            self.remove(db, location.project, row.id)
        return json_response({})

    async def pause(self, request: web.Request) -> web.Response:
        return await self._set_state(request, "PAUSED")

    async def resume(self, request: web.Request) -> web.Response:
        return await self._set_state(request, self.running_state)

    async def _set_state(self, request: web.Request, state: str) -> web.Response:
        await read_json(request)
        with self._state.write() as db:
            location = self.find_location(db, request)
            row = self.find(db, request, location)
            changed = replace(row, state=state, updated=self._state.now())
            self.save(db, location.project, changed)
        return self.reply(request, location, changed)

    def find_location(self, db: sqlite3.Connection, request: web.Request) -> Location:
        """The request's location. Raises ApiError NOT_FOUND if it is not the application's."""
        project, asked = request.match_info["project"], request.match_info["location"]
        location = find_location(db, project, self.api)
        name = f"projects/{project}/locations/{asked}"
        if asked != region(location):
            raise not_found(f"Location '{name}' not found.")
        return Location(project, name, hostname(project, location))

    def find(self, db: sqlite3.Connection, request: web.Request, location: Location) -> ResourceRow:
        """Find the resource in the request's path. Raises ApiError NOT_FOUND."""
        row = self.rows(db, location.project).get(request.match_info["id"])
        if row is None:
            raise self.not_found_error(request, location)
        return row

    def reply(self, request: web.Request, location: Location, row: ResourceRow) -> web.Response:
        return resource_response(request, self.message, self.resource(location, row))

    def not_found_error(self, request: web.Request, location: Location) -> ApiError:
        name = f"{location.name}/{self.plural}/{request.match_info['id']}"
        return not_found(self.not_found_text.format(name=name))

    def is_requested(self, _request: web.Request, _row: ResourceRow, /) -> bool:
        """Whether a request to list or delete applies to this resource."""
        return True

    @abstractmethod
    async def create(self, request: web.Request) -> web.Response: ...

    @abstractmethod
    async def patch(self, request: web.Request) -> web.Response: ...

    @abstractmethod
    def rows(self, db: sqlite3.Connection, project: str) -> dict[str, ResourceRow]:
        """All resources of a project, by id."""

    @abstractmethod
    def save(self, db: sqlite3.Connection, project: str, row: ResourceRow) -> None: ...

    @abstractmethod
    def remove(self, db: sqlite3.Connection, project: str, name: str) -> None: ...

    @abstractmethod
    def resource(self, location: Location, row: ResourceRow) -> dict[str, Any]:
        """The resource in the API's format."""


def apply_patch(
    request: web.Request, current: Mapping[str, Any], body: Mapping[str, Any]
) -> dict[str, Any]:
    """``current`` with the fields in the request's mask; without a mask, with all sent fields."""
    return apply_mask(current, body, request.query.get("updateMask") or ",".join(body))
