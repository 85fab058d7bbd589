"""How the files of a version reach App Engine."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowdeploy.rollout import Notify, Pause
from flowdeploy.steps.deploy.package import Package
from flowdeploy.steps.deploy.upload.sharing import Needed
from flowdeploy.steps.deploy.upload.stager import Stager

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets


@dataclass(frozen=True, slots=True)
class Delivered:
    """The body of versions.create, whose files are in place now; ``remarks`` are for the report."""

    body: dict[str, Any]
    remarks: tuple[str, ...] = ()


class Delivery(Protocol):
    """Brings packages into staging buckets, one step at a time in each."""

    def look(self, bucket: str) -> None:
        """See what a bucket has, before any step brings something. Raises ServiceError."""

    def bring(
        self, bucket: str, package: Package, notify: Notify
    ) -> Generator[Pause, None, Delivered]:
        """Complete a bucket that was looked into. Raises ServiceError."""


class FileDelivery:
    """One object for every different content, named by its SHA-1, as gcloud does it."""

    def __init__(
        self, buckets: Buckets, packages: Iterable[Package], remarks: tuple[str, ...] = ()
    ) -> None:
        names = frozenset(sha1 for package in packages for sha1 in package.manifest.by_sha1)
        self._stager = Stager(buckets, names)
        self._remarks = remarks

    def look(self, bucket: str) -> None:
        self._stager.look(bucket)

    def bring(
        self, bucket: str, package: Package, notify: Notify
    ) -> Generator[Pause, None, Delivered]:
        needed = Needed(
            tuple(package.manifest.by_sha1), package.contents, package.sources, package.own
        )
        remarks = yield from self._stager.bring(bucket, needed, notify)
        return Delivered(package.body(bucket), self._remarks + remarks)
