"""Staging buckets: which files are there, and sending those that are not.

Objects are named by the SHA-1 of their bytes, as gcloud names them, so an object
that exists never needs to be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.auth.credentials import Credentials
from google.cloud.storage import Client

from flowdeploy.executors.google import TIMEOUT, authorized_session, retried

UPLOADS = 8  # files on their way at once, over all buckets
# gcloud takes what a lifecycle rule removes within a day for absent: the build of a
# second-generation runtime reads it some time after the deploy began.
SAFETY = timedelta(days=1)


class Buckets:
    """Cloud Storage, through google-cloud-storage. Every method raises ServiceError."""

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        self._client = Client(
            project="unused",  # only buckets are named, never a project
            credentials=credentials,
            _http=authorized_session(credentials, connections + UPLOADS),
            client_options={"api_endpoint": root},
        )
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")

    def lasting(self, name: str) -> frozenset[str]:
        """The objects of a bucket that no delete-by-age rule is about to remove."""
        bucket = retried(lambda: self._client.get_bucket(name, timeout=TIMEOUT, retry=None))
        oldest = _oldest_that_lasts(bucket.lifecycle_rules)
        listed = retried(lambda: self._listed(name))
        return frozenset(o for o, created in listed if oldest is None or created > oldest)

    def send(self, bucket: str, contents: Mapping[str, Path]) -> list[Future[None]]:
        """Begin to upload local files by their SHA-1 in hex; the futures raise ServiceError."""
        return [
            self._uploads.submit(self._send, bucket, name, path) for name, path in contents.items()
        ]

    def _listed(self, name: str) -> list[tuple[str, datetime]]:
        blobs = self._client.list_blobs(
            name,
            fields="items(name,timeCreated),nextPageToken",
            page_size=1000,
            timeout=TIMEOUT,
            retry=None,
        )
        return [(blob.name, blob.time_created) for blob in blobs]

    def _send(self, bucket: str, name: str, path: Path) -> None:
        """Without a precondition: what is written twice has the same bytes, and a new age."""
        blob = self._client.bucket(bucket).blob(name)
        retried(
            lambda: blob.upload_from_filename(
                str(path), content_type="application/octet-stream", timeout=TIMEOUT, retry=None
            )
        )


def _oldest_that_lasts(rules: Iterable[Mapping[str, Any]]) -> datetime | None:
    """The creation time before which a rule deletes soon; None without such a rule."""
    ages = [
        rule["condition"]["age"]
        for rule in rules
        if rule["action"]["type"] == "Delete" and set(rule["condition"]) == {"age"}
    ]
    return datetime.now(UTC) - timedelta(days=min(ages)) + SAFETY if ages else None
