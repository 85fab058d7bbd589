"""Uploads the files of versions one by one."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowdeploy.rollout.contract import Notify, Pause
from flowdeploy.steps.deploy.package import VersionPackage
from flowdeploy.steps.deploy.upload.staging_buckets import StagingBuckets
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The body of versions.create for the uploaded files; ``remarks`` are for the report."""

    body: dict[str, Any]
    remarks: tuple[str, ...] = ()


class Uploader(Protocol):
    """Uploads packages into staging buckets; only one step at a time works on a bucket."""

    def look(self, bucket: str) -> None:
        """List a bucket; done for all buckets before the first upload. Raises ServiceError."""

    def upload(
        self, bucket: str, package: VersionPackage, notify: Notify
    ) -> Generator[Pause, None, UploadResult]:
        """Upload what a listed bucket lacks.

        Raises ServiceError, and FlowdeployError where a file has changed since it was read.
        """


class FileUploader:
    """Uploads an object for each distinct file, named by its SHA-1, as gcloud does."""

    def __init__(
        self, buckets: Buckets, packages: Iterable[VersionPackage], remarks: tuple[str, ...] = ()
    ) -> None:
        names = frozenset(sha1 for package in packages for sha1 in package.manifest.by_sha1)
        self._staging = StagingBuckets(buckets, names)
        self._remarks = remarks

    def look(self, bucket: str) -> None:
        self._staging.look(bucket)

    def upload(
        self, bucket: str, package: VersionPackage, notify: Notify
    ) -> Generator[Pause, None, UploadResult]:
        needed = NeededObjects(
            tuple(package.manifest.by_sha1), package.contents, package.sources, package.own
        )
        remarks = yield from self._staging.fill(bucket, needed, notify)
        return UploadResult(package.to_version_body(bucket), self._remarks + remarks)
