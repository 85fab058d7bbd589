"""What Cloud Tasks and Cloud Scheduler have in common: resources in a location of a project.

Queues and jobs are named ``projects/P/locations/L/queues/Q``, are listed, read, deleted,
paused and resumed alike, and belong to the one location that the application is in.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from aiohttp import web

from flowdeploy.sandbox.answers import json_response, list_response, read_json, resource_response
from flowdeploy.sandbox.errors import ApiError, not_found
from flowdeploy.sandbox.hosts import hostname, region
from flowdeploy.sandbox.messages import Message, merge
from flowdeploy.sandbox.paging import page
from flowdeploy.sandbox.serviceusage import location_of
from flowdeploy.sandbox.state import State


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of a resource: a name of its state enum, and what was set.

    ``updated`` are seconds since 1970.
    """

    id: str
    state: str
    body: dict[str, Any]
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request's resources are: ``name`` is ``projects/P/locations/L``."""

    project: str
    name: str
    hostname: str


class Located(ABC):
    """The resources of one API; a subclass keeps the rows, creates them and shows them."""

    api: ClassVar[str]
    plural: ClassVar[str]
    message: ClassVar[Message]
    running: ClassVar[str]
    absent: ClassVar[str]  # the API's words, with ``{name}``

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
        """One location: that of the application, from which gcloud takes its region."""
        project = request.match_info["project"]
        with self._state.read() as db:
            name = region(location_of(db, project, self.api))
        location = {
            "name": f"projects/{project}/locations/{name}",
            "locationId": name,
            "labels": {"cloud.googleapis.com/region": name},
        }
        return json_response({"locations": [location]})

    async def list_all(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            place = self.place(db, request)
            rows = sorted(self.rows(db, place.project).items())
        listed = [(key, row) for key, row in rows if self.is_asked_for(request, row)]
        chosen, token = page(listed, request.query, lambda item: item[0])
        items = [self.resource(place, row) for _, row in chosen]
        return list_response(request, self.plural, self.message, items, token)

    async def get(self, request: web.Request) -> web.Response:
        with self._state.read() as db:
            place = self.place(db, request)
            return self.reply(request, place, self.named(db, request, place))

    async def delete(self, request: web.Request) -> web.Response:
        with self._state.write() as db:
            place = self.place(db, request)
            row = self.named(db, request, place)
            if not self.is_asked_for(request, row):
                raise self.missing(request, place)
            self.forget(db, place.project, row.id)
        return json_response({})

    async def pause(self, request: web.Request) -> web.Response:
        return await self._set_state(request, "PAUSED")

    async def resume(self, request: web.Request) -> web.Response:
        return await self._set_state(request, self.running)

    async def _set_state(self, request: web.Request, state: str) -> web.Response:
        await read_json(request)
        with self._state.write() as db:
            place = self.place(db, request)
            row = self.named(db, request, place)
            changed = replace(row, state=state, updated=self._state.now())
            self.save(db, place.project, changed)
        return self.reply(request, place, changed)

    def place(self, db: sqlite3.Connection, request: web.Request) -> Place:
        """Raises ApiError: NOT_FOUND for a location that is not the application's."""
        project, asked = request.match_info["project"], request.match_info["location"]
        location = location_of(db, project, self.api)
        name = f"projects/{project}/locations/{asked}"
        if asked != region(location):
            raise not_found(f"Location '{name}' not found.")
        return Place(project, name, hostname(project, location))

    def named(self, db: sqlite3.Connection, request: web.Request, place: Place) -> Row:
        """The row that the request's path names. Raises ApiError NOT_FOUND."""
        row = self.rows(db, place.project).get(request.match_info["id"])
        if row is None:
            raise self.missing(request, place)
        return row

    def reply(self, request: web.Request, place: Place, row: Row) -> web.Response:
        return resource_response(request, self.message, self.resource(place, row))

    def missing(self, request: web.Request, place: Place) -> ApiError:
        name = f"{place.name}/{self.plural}/{request.match_info['id']}"
        return not_found(self.absent.format(name=name))

    def is_asked_for(self, _request: web.Request, _row: Row, /) -> bool:
        """Whether a request that lists or deletes means resources of this sort."""
        return True

    @abstractmethod
    async def create(self, request: web.Request) -> web.Response: ...

    @abstractmethod
    async def patch(self, request: web.Request) -> web.Response: ...

    @abstractmethod
    def rows(self, db: sqlite3.Connection, project: str) -> dict[str, Row]:
        """By id."""

    @abstractmethod
    def save(self, db: sqlite3.Connection, project: str, row: Row) -> None: ...

    @abstractmethod
    def forget(self, db: sqlite3.Connection, project: str, name: str) -> None: ...

    @abstractmethod
    def resource(self, place: Place, row: Row) -> dict[str, Any]:
        """As the API shows it."""


def patched(
    request: web.Request, current: Mapping[str, Any], body: Mapping[str, Any]
) -> dict[str, Any]:
    """``current`` with the fields of the request's mask; without one, with all that were sent."""
    return merge(current, body, request.query.get("updateMask") or ",".join(body))
