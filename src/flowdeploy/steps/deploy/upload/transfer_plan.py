"""Plans transfers: each object is uploaded once, and copied from there at Google."""

import threading
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowdeploy.clients.files import BucketFolder


@dataclass(frozen=True, slots=True)
class NeededObjects:
    """The objects that a bucket needs, by name.

    ``here`` are their files on this machine; ``sources`` are bucket folders that have all
    of them but the bucket's ``own``.
    """

    names: Collection[str]
    here: Mapping[str, Path]
    sources: tuple[BucketFolder, ...] = ()
    own: Container[str] = frozenset()

    def missing_from(self, bucket: str, there: Container[str]) -> tuple[str, ...]:
        """The objects that the bucket lacks. If it is a source, it lacks only its own."""
        is_source = BucketFolder(bucket) in self.sources
        names = (name for name in self.names if name not in there)
        return tuple(name for name in names if not is_source or name in self.own)


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """How a bucket gets what it lacks: each name is in one of these, in order.

    ``copy`` is by the source; ``wait`` is for another step's upload; ``lost`` are available
    nowhere.
    """

    copy: Mapping[BucketFolder, tuple[str, ...]] = field(default_factory=dict)
    upload: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


Refusals = Container[tuple[str, BucketFolder]]


def plan_transfers(
    missing: Iterable[str],
    needed: NeededObjects,
    holders: Mapping[str, BucketFolder],
    uploading: Container[str],
    refused: Refusals = frozenset(),
) -> TransferPlan:
    """Plan the transfers of the missing objects.

    ``holders`` has a known place of each object; ``uploading`` are objects of which an upload
    is under way; ``refused`` are objects with the places from which they cannot be copied.
    """
    copy: dict[BucketFolder, list[str]] = {}
    rest: dict[str, list[str]] = {"upload": [], "wait": [], "lost": []}
    for name in missing:
        holder = holders.get(name)
        places = () if name in needed.own else needed.sources
        giving = (s for s in (holder, *places) if s and (name, s) not in refused)
        if source := next(giving, None):
            copy.setdefault(source, []).append(name)
        elif name not in needed.here:
            rest["lost"].append(name)
        elif name in uploading and holder is None:
            rest["wait"].append(name)
        else:
            rest["upload"].append(name)
    copies = {source: tuple(names) for source, names in copy.items()}
    return TransferPlan(copies, **{way: tuple(names) for way, names in rest.items()})


class ObjectRegistry:
    """The places of the objects of one run, and the uploads under way. Thread-safe.

    Every name that `plan` gives out for upload comes back by `end_upload` or `abandon_upload`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, BucketFolder] = {}
        self._uploading: set[str] = set()

    def add(self, bucket: str, names: Iterable[str]) -> None:
        source = BucketFolder(bucket)
        with self._lock:
            for name in names:
                self._holders.setdefault(name, source)

    def plan(
        self, missing: Iterable[str], needed: NeededObjects, refused: Refusals
    ) -> TransferPlan:
        """Like `plan_transfers`; other steps wait for the uploads from now on."""
        with self._lock:
            found = plan_transfers(missing, needed, self._holders, self._uploading, refused)
            self._uploading.update(found.upload)
            return found

    def end_upload(self, bucket: str, name: str) -> None:
        """The bucket has the object; later plans copy it from there."""
        with self._lock:
            self._holders[name] = BucketFolder(bucket)
            self._uploading.discard(name)

    def abandon_upload(self, name: str) -> None:
        """The upload has failed; a waiting step makes it."""
        with self._lock:
            self._uploading.discard(name)

    def is_uploading(self, name: str) -> bool:
        return name in self._uploading
