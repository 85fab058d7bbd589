"""Brings the files of a package into an app's staging bucket."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from flowdeploy.executors.package import Package
from flowdeploy.rollout import Notify, Pause

if TYPE_CHECKING:
    from flowdeploy.executors.storage import Buckets

LOOK_AGAIN = 0.1  # seconds between looks at uploads that are under way


def stage(
    buckets: Buckets, bucket: str, package: Package, notify: Notify
) -> Generator[Pause, None, None]:
    """Send the files that the bucket lacks; equal content travels once. Raises ServiceError."""
    there = buckets.lasting(bucket)
    missing = {sha1: path for sha1, path in package.contents.items() if sha1 not in there}
    uploads = buckets.send(bucket, missing)
    while not all(upload.done() for upload in uploads):
        notify(f"uploading {sum(u.done() for u in uploads)}/{len(uploads)} files")
        yield Pause(LOOK_AGAIN)
    for upload in uploads:
        upload.result()
