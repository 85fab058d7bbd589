"""How the files of a version reach App Engine."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowdeploy.rollout import Notify, Pause
from flowdeploy.steps.deploy.package import VersionPackage
from flowdeploy.steps.deploy.upload.staging_buckets import StagingBuckets
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The body of versions.create, whose files are in place now; ``remarks`` are for the report."""

    body: dict[str, Any]
    remarks: tuple[str, ...] = ()


class Uploader(Protocol):
    """Brings packages into staging buckets, one step at a time in each."""

    def look(self, bucket: str) -> None:
        """See what a bucket has, before any step brings something. Raises ServiceError."""

    def bring(
        self, bucket: str, package: VersionPackage, notify: Notify
    ) -> Generator[Pause, None, UploadResult]:
        """Complete a bucket that was looked into. Raises ServiceError."""


class FileUploader:
    """One object for every different content, named by its SHA-1, as gcloud does it."""

    def __init__(
        self, buckets: Buckets, packages: Iterable[VersionPackage], remarks: tuple[str, ...] = ()
    ) -> None:
        names = frozenset(sha1 for package in packages for sha1 in package.manifest.by_sha1)
        self._stager = StagingBuckets(buckets, names)
        self._remarks = remarks

    def look(self, bucket: str) -> None:
        self._stager.look(bucket)

    def bring(
        self, bucket: str, package: VersionPackage, notify: Notify
    ) -> Generator[Pause, None, UploadResult]:
        needed = NeededObjects(
            tuple(package.manifest.by_sha1), package.contents, package.sources, package.own
        )
        remarks = yield from self._stager.fill(bucket, needed, notify)
        return UploadResult(package.to_version_body(bucket), self._remarks + remarks)
