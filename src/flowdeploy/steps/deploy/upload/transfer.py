"""One step at one bucket: it copies, sends and waits until nothing is missing."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowdeploy.clients.batch import MOST_CALLS
from flowdeploy.clients.objects import BucketFolder
from flowdeploy.errors import ServiceError
from flowdeploy.rollout import Notify, Pause
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects, ObjectRegistry

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets

LOOK_AGAIN = 0.1  # seconds between the first looks at what others are doing
LONGEST_LOOK = 1.0


@dataclass(slots=True)
class BucketTransfer:
    """``replacing`` are the bucket's objects that are about to expire."""

    buckets: Buckets
    ledger: ObjectRegistry
    bucket: str
    needed: NeededObjects
    replacing: frozenset[str]
    _refused: set[tuple[str, BucketFolder]] = field(default_factory=set)
    _remarks: list[str] = field(default_factory=list)

    @property
    def remarks(self) -> tuple[str, ...]:
        return tuple(self._remarks)

    def complete(
        self, missing: Sequence[str], pool: Executor, notify: Notify
    ) -> Generator[Pause, None, None]:
        """Bring what is missing. Raises ServiceError, FlowdeployError for files that are gone."""
        while missing:
            todo = self.ledger.plan(missing, self.needed, self._refused)
            uploads = [self._start_upload(name, pool) for name in todo.send]
            try:
                self._remark(todo.send)
                _require_obtainable(todo.lost)
                refused = self._copy(todo.copy, notify)
                yield from _wait_for_uploads(uploads, notify)
            finally:
                for upload in uploads:  # of those that have not begun
                    upload.cancel()
            if not refused:
                yield from self._wait_for_others(todo.wait)
            missing = (*refused, *todo.wait)

    def _start_upload(self, name: str, pool: Executor) -> Future[int]:
        """Upload a file; how it ends is in the ledger, whoever is still interested."""

        def note(upload: Future[int]) -> None:
            if upload.cancelled() or upload.exception():
                self.ledger.abandon_upload(name)
            else:
                self.ledger.end_upload(self.bucket, name)

        upload = pool.submit(self._upload, name)
        upload.add_done_callback(note)
        return upload

    def _upload(self, name: str) -> int:
        """The bytes that were sent."""
        return self.buckets.upload(self.bucket, name, self.needed.here[name], self.replacing)

    def _copy(
        self, copies: Mapping[BucketFolder, Sequence[str]], notify: Notify
    ) -> tuple[str, ...]:
        """Copy at Google, and say what is refused; that has to come another way."""
        total, done = sum(map(len, copies.values())), 0
        refused: list[str] = []
        for source, names in copies.items():
            for start in range(0, len(names), MOST_CALLS):
                notify(f"copying {done}/{total} files")
                some = names[start : start + MOST_CALLS]
                kept_back = self.buckets.copy(source, self.bucket, some, self.replacing)
                self._refused.update((name, source) for name in kept_back)
                refused += kept_back
                done += len(some)
        return tuple(refused)

    def _remark(self, sent: Sequence[str]) -> None:
        """Say it where bytes travel again, because Cloud Storage does not copy them."""
        again = {name: source.bucket for name, source in self._refused if name in sent}
        if again:
            buckets = ", ".join(sorted(set(again.values())))
            self._remarks.append(
                f"{len(again)} files were uploaded, since copies from {buckets} are refused"
            )

    def _wait_for_others(self, names: Sequence[str]) -> Generator[Pause, None, None]:
        """Wait until others have ended their uploads of a batch of these, one way or the other.

        They are sent in this order, so the last of a batch stands for all of it.
        """
        note, waited = "waiting for files that are being uploaded", 0.0
        while names and self.ledger.is_uploading(names[:MOST_CALLS][-1]):
            pause = min(LONGEST_LOOK, max(LOOK_AGAIN, waited / 5))
            yield Pause(pause, note)
            note, waited = "", waited + pause


def _wait_for_uploads(
    uploads: Sequence[Future[int]], notify: Notify
) -> Generator[Pause, None, None]:
    """Raises what one of them failed with."""
    pending: set[Future[int]] = set(uploads)
    while pending:
        done, pending = wait(uploads, timeout=0)
        sent = sum(upload.result() for upload in done)
        notify(f"uploading {len(done)}/{len(uploads)} files, {sent / 1e6:.1f} MB")
        if pending:
            yield Pause(LOOK_AGAIN)


def _require_obtainable(lost: Sequence[str]) -> None:
    if lost:
        raise ServiceError(
            "NOT_FOUND",
            f"{len(lost)} files are not on this machine, and no bucket gives them",
            details=lost[:3],
            hint="The release's files may have expired: build it again.",
        )
