"""Fills the staging buckets of apps with objects.

All buckets are listed before the first upload, so that no bytes are uploaded that one of
them has. A step that waits for another step's upload occupies no worker; if that upload
fails, a waiting step takes it over.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowdeploy.rollout.contract import Notify, Pause
from flowdeploy.steps.deploy.upload.transfer import LOOK_AGAIN, BucketTransfer
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects, ObjectRegistry

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets

UPLOADS = 8  # files that are uploaded at once, over all buckets


@dataclass(slots=True)
class _Bucket:
    """The objects of the run that a bucket has; tuples, to save memory.

    ``lock`` is held while it is listed, and by the step that fills it.
    """

    there: tuple[str, ...] = ()
    expiring: tuple[str, ...] = ()
    listed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class StagingBuckets:
    """The buckets of one run. ``wanted`` are the names of all objects that any may need."""

    def __init__(self, buckets: Buckets, wanted: Collection[str]) -> None:
        self._buckets = buckets
        self._wanted = wanted
        self._registry = ObjectRegistry()
        self._known: dict[str, _Bucket] = {}
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")

    def look(self, bucket: str) -> None:
        """List a bucket, once in a run. Raises ServiceError."""
        known = self._known.setdefault(bucket, _Bucket())
        if known.listed:
            return
        with known.lock:
            if not known.listed:
                listing = self._buckets.list_objects(bucket)
                known.there = tuple(listing.lasting.intersection(self._wanted))
                known.expiring = tuple(listing.expiring.intersection(self._wanted))
                known.listed = True
        self._registry.add(bucket, known.there)

    def has(self, bucket: str, name: str) -> bool:
        """Whether a listed bucket has an object by now."""
        return name in self._known[bucket].there

    def fill(
        self, bucket: str, needed: NeededObjects, notify: Notify
    ) -> Generator[Pause, None, tuple[str, ...]]:
        """Add the missing objects to a listed bucket; the remarks for the report.

        Raises ServiceError, and FlowdeployError where a file has changed.
        """
        known = self._known[bucket]
        while not known.lock.acquire(blocking=False):
            yield Pause(LOOK_AGAIN, "waiting for another service of the same app")
        try:
            missing = needed.missing_from(bucket, frozenset(known.there))
            transfer = BucketTransfer(
                self._buckets, self._registry, bucket, needed, frozenset(known.expiring)
            )
            yield from transfer.complete(missing, self._uploads, notify)
            known.there += missing
            return tuple(transfer.remarks)
        finally:
            known.lock.release()
