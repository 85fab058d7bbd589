"""Which bucket has which bytes: so that each travels once, and the rest is copied at Google."""

from __future__ import annotations

import threading
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowdeploy.clients.objects import BucketFolder


@dataclass(frozen=True, slots=True)
class NeededObjects:
    """Objects that a bucket is to have, by name.

    ``here`` are the files on this machine that hold their bytes; ``sources`` are
    places that have them, but for what is the bucket's ``own``.
    """

    names: Collection[str]
    here: Mapping[str, Path]
    sources: tuple[BucketFolder, ...] = ()
    own: Container[str] = frozenset()

    def missing_from(self, bucket: str, there: Container[str]) -> tuple[str, ...]:
        """What is not ``there`` in the bucket, nor known to be by its being a source."""
        kept = BucketFolder(bucket) in self.sources
        names = (name for name in self.names if name not in there)
        return tuple(name for name in names if not kept or name in self.own)


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """What completes a bucket: every name that it lacks is in one of these, in order.

    ``copy`` is by the place to copy from; for ``wait`` somebody else's upload is
    under way; ``lost`` can be had from nowhere.
    """

    copy: Mapping[BucketFolder, tuple[str, ...]] = field(default_factory=dict)
    send: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


Refusals = Container[tuple[str, BucketFolder]]


def plan_transfers(
    missing: Iterable[str],
    needed: NeededObjects,
    holders: Mapping[str, BucketFolder],
    sending: Container[str],
    refused: Refusals = frozenset(),
) -> TransferPlan:
    """How a bucket comes to what it lacks.

    ``holders`` is where each name is known to be, ``sending`` what is on its way
    to one of these; ``refused`` are names with the places that did not give them.
    """
    copy: dict[BucketFolder, list[str]] = {}
    rest: dict[str, list[str]] = {"send": [], "wait": [], "lost": []}
    for name in missing:
        holder = holders.get(name)
        places = () if name in needed.own else needed.sources
        giving = (s for s in (holder, *places) if s and (name, s) not in refused)
        if source := next(giving, None):
            copy.setdefault(source, []).append(name)
        elif name not in needed.here:
            rest["lost"].append(name)
        elif name in sending and holder is None:
            rest["wait"].append(name)
        else:
            rest["send"].append(name)
    copies = {source: tuple(names) for source, names in copy.items()}
    return TransferPlan(copies, **{way: tuple(names) for way, names in rest.items()})


class ObjectRegistry:
    """Who has what, and who is sending it, in one run. Used by many threads.

    Every name that `claim` gives out to be sent comes back, by `sent` or `gave_up`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, BucketFolder] = {}
        self._sending: set[str] = set()

    def add(self, bucket: str, names: Iterable[str]) -> None:
        source = BucketFolder(bucket)
        with self._lock:
            for name in names:
                self._holders.setdefault(name, source)

    def plan(
        self, missing: Iterable[str], needed: NeededObjects, refused: Refusals
    ) -> TransferPlan:
        """As `todo`; what is to be sent is from now on awaited by all others."""
        with self._lock:
            found = plan_transfers(missing, needed, self._holders, self._sending, refused)
            self._sending.update(found.send)
            return found

    def end_upload(self, bucket: str, name: str) -> None:
        """The bucket has it, and gives it to those who come later."""
        with self._lock:
            self._holders[name] = BucketFolder(bucket)
            self._sending.discard(name)

    def abandon_upload(self, name: str) -> None:
        """Whoever waits for it is to send it."""
        with self._lock:
            self._sending.discard(name)

    def is_uploading(self, name: str) -> bool:
        return name in self._sending
