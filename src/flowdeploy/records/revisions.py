"""Which revisions there may be: an object for each, written before the revision is created.

So one listing tells a promotion. Whether a revision came to be, only App Engine knows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.revisions import base_of, revision_id, revision_number, revisions_of
from flowdeploy.records.store import ObjectStore

_NAME = re.compile(r"(?P<project>.+)\.(?P<service>[a-z0-9-]+)\.r(?P<number>[1-9][0-9]*)", re.ASCII)
Place = tuple[str, str]  # project and service


@dataclass(frozen=True, slots=True)
class RevisionRecords:
    """The records in a store. Every method raises ServiceError."""

    store: ObjectStore

    def add(self, instance: Instance, version: str, content: str) -> None:
        """Record a revision, and the digest of what is asked for. The first record is kept."""
        self.store.write(_object_name(instance, version), content.encode(), 0)

    def content(self, instance: Instance, version: str) -> str | None:
        """The digest of what was asked for as a revision; None where it is not recorded."""
        found = self.store.read(_object_name(instance, version))
        return found.content.decode(errors="replace") if found else None

    def find(self, version: str) -> Mapping[Place, tuple[str, ...]]:
        """The recorded revisions of a version by place, the newest first."""
        found: dict[Place, set[str]] = {}
        for listed in self.store.objects(_folder(version)):
            if name := _NAME.fullmatch(listed.name.rpartition("/")[2]):
                revision = revision_id(version, int(name["number"]))
                found.setdefault((name["project"], name["service"]), set()).add(revision)
        return {place: revisions_of(version, ids) for place, ids in found.items()}


def _folder(version: str) -> str:
    return f"revisions/{version}/"


def _object_name(instance: Instance, version: str) -> str:
    name = f"{instance.project}.{instance.service}.r{revision_number(version)}"
    return _folder(base_of(version)) + name
