"""Brings files into apps' staging buckets.

The buckets are looked into before the first file is sent, so that no bytes travel
that one of them has. A step that waits for somebody else's upload occupies no
worker; where that upload fails, those who wait take it over.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowdeploy.rollout import Notify, Pause
from flowdeploy.steps.deploy.upload.transfer import LOOK_AGAIN, BucketTransfer
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects, ObjectRegistry

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets

UPLOADS = 8  # files on their way at once, over all buckets


@dataclass(slots=True)
class _Bucket:
    """What a bucket has of the objects that the run is about; tuples, for there are many.

    ``lock`` is held while it is listed, and by the one step that completes it.
    """

    there: tuple[str, ...] = ()
    expiring: tuple[str, ...] = ()
    listed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class StagingBuckets:
    """One for each run. ``wanted`` are the names of all objects that some bucket may need."""

    def __init__(self, buckets: Buckets, wanted: Collection[str]) -> None:
        self._buckets = buckets
        self._wanted = wanted
        self._ledger = ObjectRegistry()
        self._known: dict[str, _Bucket] = {}
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")

    def look(self, bucket: str) -> None:
        """See what a bucket has, once a run. Raises ServiceError."""
        known = self._known.setdefault(bucket, _Bucket())
        if known.listed:
            return
        with known.lock:
            if not known.listed:
                listing = self._buckets.list_objects(bucket)
                known.there = tuple(listing.lasting.intersection(self._wanted))
                known.expiring = tuple(listing.expiring.intersection(self._wanted))
                known.listed = True
        self._ledger.add(bucket, known.there)

    def has(self, bucket: str, name: str) -> bool:
        """Whether a bucket that was looked into had it, or has been brought it."""
        return name in self._known[bucket].there

    def fill(
        self, bucket: str, needed: NeededObjects, notify: Notify
    ) -> Generator[Pause, None, tuple[str, ...]]:
        """Complete a bucket that was looked into; remarks for the report. Raises ServiceError."""
        known = self._known[bucket]
        while not known.lock.acquire(blocking=False):
            yield Pause(LOOK_AGAIN, "waiting for another service of the same app")
        try:
            missing = needed.missing_from(bucket, frozenset(known.there))
            visit = BucketTransfer(
                self._buckets, self._ledger, bucket, needed, frozenset(known.expiring)
            )
            yield from visit.complete(missing, self._uploads, notify)
            known.there += missing
            return visit.remarks
        finally:
            known.lock.release()
