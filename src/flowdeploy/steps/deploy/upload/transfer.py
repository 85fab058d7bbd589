"""Transfers the missing objects of one bucket: copies, uploads and waits."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowdeploy.clients.batch import MOST_CALLS
from flowdeploy.clients.files import BucketFolder
from flowdeploy.errors import ServiceError
from flowdeploy.rollout.contract import Notify, Pause
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects, ObjectRegistry

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets

LOOK_AGAIN = 0.1  # seconds between the first looks at other steps' uploads
LONGEST_LOOK = 1.0


@dataclass(slots=True)
class BucketTransfer:
    """The work of one step at one bucket.

    ``replacing`` are the bucket's objects that are about to expire; ``remarks`` are for the
    report.
    """

    buckets: Buckets
    registry: ObjectRegistry
    bucket: str
    needed: NeededObjects
    replacing: frozenset[str]
    remarks: list[str] = field(default_factory=list)
    _refused: set[tuple[str, BucketFolder]] = field(default_factory=set)

    def complete(
        self, missing: Sequence[str], pool: Executor, notify: Notify
    ) -> Generator[Pause, None, None]:
        """Transfer the missing objects.

        Raises ServiceError, and FlowdeployError for a file that has changed or is gone.
        """
        while missing:
            plan = self.registry.plan(missing, self.needed, self._refused)
            uploads = [self._start_upload(name, pool) for name in plan.upload]
            try:
                self._remark(plan.upload)
                if plan.lost:
                    raise ServiceError(
                        "NOT_FOUND",
                        f"{len(plan.lost)} files are neither on this machine nor in a bucket",
                        details=plan.lost[:3],
                        hint="The release's files may have expired: build it again.",
                    )
                refused = self._copy(plan.copy, notify)
                yield from _wait_for_uploads(uploads, notify)
            finally:
                for upload in uploads:  # those that have not started
                    upload.cancel()
            if not refused:
                yield from self._wait_for_others(plan.wait)
            missing = (*refused, *plan.wait)

    def _start_upload(self, name: str, pool: Executor) -> Future[int]:
        """Start to upload a file; the result is the number of bytes sent.

        The registry learns of its end even if this step has failed.
        """

        def end(upload: Future[int]) -> None:
            if upload.cancelled() or upload.exception():
                self.registry.abandon_upload(name)
            else:
                self.registry.end_upload(self.bucket, name)

        file = self.needed.here[name]
        upload = pool.submit(self.buckets.upload, self.bucket, name, file, self.replacing)
        upload.add_done_callback(end)
        return upload

    def _copy(
        self, copies: Mapping[BucketFolder, Sequence[str]], notify: Notify
    ) -> tuple[str, ...]:
        """Copy objects at Google; those that are refused, which must come another way."""
        total, done = sum(map(len, copies.values())), 0
        refused: list[str] = []
        for source, names in copies.items():
            for start in range(0, len(names), MOST_CALLS):
                notify(f"copying {done}/{total} files")
                batch = names[start : start + MOST_CALLS]
                failed = self.buckets.copy(source, self.bucket, batch, self.replacing)
                self._refused.update((name, source) for name in failed)
                refused += failed
                done += len(batch)
        return tuple(refused)

    def _remark(self, sent: Sequence[str]) -> None:
        """Remark on uploads of objects whose copies were refused."""
        again = {name: source.bucket for name, source in self._refused if name in sent}
        if again:
            buckets = ", ".join(sorted(set(again.values())))
            self.remarks.append(
                f"{len(again)} files were uploaded, since copies from {buckets} are refused"
            )

    def _wait_for_others(self, names: Sequence[str]) -> Generator[Pause, None, None]:
        """Wait until other steps have ended their uploads of a batch of these objects.

        They upload in this order, so the last of a batch stands for all of it.
        """
        note, waited = "waiting for files that are being uploaded", 0.0
        while names and self.registry.is_uploading(names[:MOST_CALLS][-1]):
            pause = min(LONGEST_LOOK, max(LOOK_AGAIN, waited / 5))
            yield Pause(pause, note)
            note, waited = "", waited + pause


def _wait_for_uploads(
    uploads: Sequence[Future[int]], notify: Notify
) -> Generator[Pause, None, None]:
    """Wait for all uploads. Raises the first error."""
    pending: set[Future[int]] = set(uploads)
    while pending:
        done, pending = wait(uploads, timeout=0)
        sent = sum(upload.result() for upload in done)
        notify(f"uploading {len(done)}/{len(uploads)} files, {sent / 1e6:.1f} MB")
        if pending:
            yield Pause(LOOK_AGAIN)
