"""Where runs, releases and locks are remembered: objects under a prefix of a bucket.

Cloud Storage's JSON API through google-auth's session, not google-cloud-storage:
that library shows neither the server's clock nor an object's generation
together with its content, and it takes long to load for a promotion.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from google.auth.transport.requests import AuthorizedSession
from requests import Response

from flowdeploy.clients.api import TIMEOUT, JsonApi, accepted, retried
from flowdeploy.errors import NotFound, PermissionDenied, PreconditionFailed, ServiceError
from flowdeploy.records.store import Stored

LISTED = "items(name),prefixes,nextPageToken"
_GRANT = (
    "Grant roles/storage.objectAdmin on this bucket to the identity that runs flowdeploy, or name"
    " another place with `records:` in the configuration."
)


@dataclass(frozen=True, slots=True)
class BucketStore:
    """``root`` is Cloud Storage's address; ``prefix`` ends in a slash, or is empty.

    ``page`` is how many names are listed at once; Cloud Storage gives at most 1,000.
    """

    session: AuthorizedSession
    root: str
    bucket: str
    prefix: str
    page: int = 1000

    def read(self, name: str) -> Stored | None:
        answer = self._ask("GET", self._url(name), alt="media")
        if answer is None:
            return None
        headers = answer.headers
        now, written = (parsedate_to_datetime(headers[name]) for name in ("Date", "Last-Modified"))
        age = max(0.0, (now - written).total_seconds())
        return Stored(answer.content, int(headers["X-Goog-Generation"]), age)

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        """As `ObjectStore.write`. A write whose answer was lost is found by its content."""
        url = f"{self.root}/upload/storage/v1/b/{self.bucket}/o"
        parameters = {
            "uploadType": "media",
            "name": self.prefix + name,
            "ifGenerationMatch": str(generation),
        }
        try:
            answer = self._ask("POST", url, content, **parameters)
        except PreconditionFailed:
            found = self.read(name)
            return found.generation if found and found.content == content else None
        return int(answer.json()["generation"]) if answer else None

    def delete(self, name: str, generation: int) -> None:
        with suppress(PreconditionFailed):
            self._ask("DELETE", self._url(name), ifGenerationMatch=str(generation))

    def children(self, prefix: str) -> tuple[str, ...]:
        """As `ObjectStore.children`. An object of the prefix's own name is no child of it."""
        parent = self.prefix + prefix
        names = {name for name in self._names_under(parent) if name != parent}
        return tuple(sorted(name.removeprefix(self.prefix) for name in names))

    def now(self) -> datetime:
        """The time by Cloud Storage's clock, to the second. Raises ServiceError."""
        url = f"{self.root}/storage/v1/b/{self.bucket}/o"
        asked = {"prefix": self.prefix, "maxResults": "1", "fields": "kind"}
        with self._told():
            answer = retried(lambda: accepted(self.session.get(url, params=asked, timeout=TIMEOUT)))
        return parsedate_to_datetime(answer.headers["Date"])

    def _names_under(self, parent: str) -> Iterator[str]:
        """Objects and folders, page by page. Only their names travel."""
        api = JsonApi(f"{self.root}/storage/v1", self.session)
        asked = {"prefix": parent, "delimiter": "/", "fields": LISTED}
        token: dict[str, str] = {}
        while True:
            with self._told():
                page = api.get(f"b/{self.bucket}/o", maxResults=str(self.page), **asked, **token)
            yield from (item["name"] for item in page.get("items", []))
            yield from page.get("prefixes", [])
            if not page.get("nextPageToken"):
                return
            token = {"pageToken": page["nextPageToken"]}

    def _url(self, name: str) -> str:
        return f"{self.root}/storage/v1/b/{self.bucket}/o/{quote(self.prefix + name, safe='')}"

    def _ask(
        self, method: str, url: str, content: bytes | None = None, **parameters: str
    ) -> Response | None:
        """The answer; None for 404 where an object is named."""

        def once() -> Response | None:
            answer: Response = self.session.request(
                method, url, params=parameters, data=content, timeout=TIMEOUT
            )
            if answer.status_code == 404 and method != "POST":
                return None
            return accepted(answer)

        with self._told():
            return retried(once)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Of what goes wrong in here, which of all buckets it is about."""
        try:
            yield
        except ServiceError as error:
            granted = isinstance(error, NotFound | PermissionDenied)
            raise type(error)(
                error.code,
                f"the records in gs://{self.bucket}/{self.prefix} cannot be used: {error.message}",
                details=error.details,
                hint=_GRANT if granted else error.hint,
            ) from error
