"""Reads index.yaml: composite indexes in the form of the Datastore Admin API.

The keys are those of the index.yaml reference, the meaning that of gcloud 528: a final
ascending ``__key__`` is implied, and equal indexes are one. Geospatial and vector indexes
are refused, because that API does not have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.config_files.changes import CreateIndex
from flowdeploy.appengine.config_files.fields import APPLICATION
from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import Key, block, choice, list_of, unusable

ASCENDING, DESCENDING = "ASCENDING", "DESCENDING"
READY = "READY"

_KEY = ("__key__", ASCENDING)
_NOT_THERE = ("cannot be sent: the Datastore API has no such index", "remove the index")


@dataclass(frozen=True, slots=True)
class Index:
    """A composite index; ``properties`` are names and directions, in order."""

    kind: str
    ancestor: bool
    properties: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return str(CreateIndex(self.body)).removesuffix(": create")

    @property
    def body(self) -> dict[str, Any]:
        """The body of the API's Index."""
        return {
            "kind": self.kind,
            "ancestor": "ALL_ANCESTORS" if self.ancestor else "NONE",
            "properties": [{"name": n, "direction": d} for n, d in self.properties],
        }

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> Index:
        """Convert an Index of the API."""
        named = [(item["name"], item.get("direction")) for item in resource.get("properties", ())]
        directed = (
            (name, DESCENDING if direction == DESCENDING else ASCENDING)
            for name, direction in named
        )
        return cls(resource["kind"], resource.get("ancestor") != "NONE", _normal(directed))


def read(values: Mapping[str, Any], place: Place) -> tuple[Index, ...]:
    """Read the data of the file, each index once; problems are added to the place."""
    given = _FILE(values, place)
    found = [index for index in given.get("indexes", []) if index]
    return tuple(dict.fromkeys(found))


def for_file(
    wanted: Iterable[Index], there: Iterable[Mapping[str, Any]]
) -> tuple[CreateIndex, ...]:
    """The indexes to create beside the existing ones (the API's). None is deleted.

    An index that failed to build or is being deleted counts as existing, as for gcloud.
    """
    existing = {Index.of(resource) for resource in there}
    return tuple(CreateIndex(index.body) for index in wanted if index not in existing)


def unready(
    wanted: Iterable[Index], there: Iterable[Mapping[str, Any]]
) -> tuple[tuple[Index, str], ...]:
    """The indexes that do not serve queries yet, with the API's state; ``""`` if missing."""
    states = {Index.of(resource): str(resource.get("state", "")) for resource in there}
    found = ((index, states.get(index, "")) for index in wanted)
    return tuple((index, state) for index, state in found if state != READY)


def _normal(properties: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    found = tuple(properties)
    return found[:-1] if found and found[-1] == _KEY else found


def _text(value: Any, _place: Place) -> str:
    if not isinstance(value, str) or not value:
        raise Wrong("a name as text, in quotes if it looks like something else")
    return value


def _switch(value: Any, _place: Place) -> bool:
    if not isinstance(value, bool):
        raise Wrong("yes or no, without quotes")
    return value


_PROPERTY = block(
    {
        "name": Key(_text, required=True),
        "direction": Key(choice("asc", "ascending", "desc", "descending")),
        "mode": Key(unusable(*_NOT_THERE)),
        "vectorConfig": Key(unusable(*_NOT_THERE)),
    },
    "a property",
)
_INDEX = block(
    {
        "kind": Key(_text, required=True),
        "ancestor": Key(_switch, nullable=False),
        "properties": Key(list_of(_PROPERTY), required=True),
    },
    "an index",
)


def _index(value: Any, place: Place) -> Index | None:
    before = len(place.problems)
    given: dict[str, Any] = _INDEX(value, place)
    if len(place.problems) > before:
        return None
    directed = (
        (item["name"], DESCENDING if item.get("direction", "").startswith("desc") else ASCENDING)
        for item in given["properties"]
    )
    properties = _normal(directed)
    if not properties:
        (place / "properties").problem("needs no index of its own", "remove the index")
    return Index(given["kind"], given.get("ancestor", False), properties)


_FILE = block({"application": APPLICATION, "indexes": Key(list_of(_index))}, "index.yaml")
