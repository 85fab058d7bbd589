"""Where runs, releases and locks are remembered: objects under a prefix of a bucket.

Cloud Storage's JSON API through google-auth's session, not google-cloud-storage:
that library shows neither the server's clock nor an object's generation
together with its content, and it takes long to load for a promotion.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from flowdeploy.clients.answers import (
    Answer,
    AnswerForm,
    Form,
    Page,
    PageForm,
    Text,
    Time,
    parse_http_date,
)
from flowdeploy.clients.failures import require_success
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.clients.http import GoogleSession, exchange
from flowdeploy.clients.transfers import OBJECT, is_intact
from flowdeploy.errors import NotFound, PermissionDenied, PreconditionFailed, ServiceError
from flowdeploy.records.store import Listed, Stored

LISTED = "items(name,generation,timeCreated),nextPageToken"
_GENERATION = re.compile(r"[0-9]{1,20}")
_GRANT = (
    "Grant roles/storage.objectAdmin on this bucket to the identity that runs flowdeploy, or name"
    " another place with `records:` in the configuration."
)


class ListedForm(AnswerForm):
    name: Text
    generation: Annotated[str, Field(pattern=_GENERATION.pattern)]
    time_created: Time


class WrittenForm(AnswerForm):
    updated: Time


FOLDERS = PageForm(Page[Text], "prefixes")
LISTING = Form(Page[ListedForm])
WRITTEN = Form(WrittenForm)


@dataclass(frozen=True, slots=True)
class BucketStore:
    """An `ObjectStore` in a bucket; every method raises ServiceError.

    ``root`` is Cloud Storage's address; ``prefix`` ends in a slash, or is empty; ``page`` is
    how many names are listed at once, of which Cloud Storage gives at most 1,000. A request
    has ``timeout`` seconds: a lease is refreshed every 15 s and lost after 30, and one that
    hangs is sent again in between.
    """

    session: GoogleSession
    root: str
    bucket: str
    prefix: str
    page: int = 1000
    timeout: float = 6.0

    def read(self, name: str) -> Stored | None:
        """As `ObjectStore.read`. Raises ServiceError."""
        with suppress(NotFound), self._name_records():
            answer = self.session.retry(lambda: self._ask_for_content(name))
            generation = answer.headers.get("X-Goog-Generation", "")
            if not _GENERATION.fullmatch(generation):
                raise answer.misfit("it has no X-Goog-Generation")
            age = (_date(answer) - self._write_time(name, generation, answer)).total_seconds()
            return Stored(answer.content, int(generation), max(0.0, age))
        return None

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        """As `ObjectStore.write`. A write whose answer was lost is found by its content."""
        url = f"{self.root}/upload/storage/v1/b/{self.bucket}/o"
        params = {
            "uploadType": "media",
            "name": self.prefix + name,
            "ifGenerationMatch": str(generation),
        }
        try:
            with self._name_records():
                ask = partial(self._ask, "POST", url, params=params, data=content)
                return int(self.session.retry(lambda: OBJECT.read(ask())).generation)
        except PreconditionFailed:
            found = self.read(name)
            return found.generation if found and found.content == content else None

    def delete(self, name: str, generation: int) -> None:
        """As `ObjectStore.delete`. Raises ServiceError."""
        params = {"ifGenerationMatch": str(generation)}
        with suppress(NotFound, PreconditionFailed), self._name_records():
            self.session.retry(lambda: self._ask("DELETE", self._url(name), params=params))

    def objects(self, prefix: str) -> tuple[Listed, ...]:
        """As `ObjectStore.objects`. An object of the prefix's own name is not under it."""
        parent = self.prefix + prefix
        return tuple(sorted(each for each in self._list(parent) if each.name != prefix))

    def folders(self, prefix: str) -> tuple[str, ...]:
        """As `ObjectStore.folders`. Raises ServiceError."""
        parent = self.prefix + prefix
        asked = {"prefix": parent, "delimiter": "/", "fields": "prefixes,nextPageToken"}
        api = JsonApi(f"{self.root}/storage/v1", self.session)
        with self._name_records():
            found = api.items(f"b/{self.bucket}/o", FOLDERS, **asked, maxResults=str(self.page))
            return tuple(sorted(name.removeprefix(parent).rstrip("/") for name in found))

    def now(self) -> datetime:
        """The time by Cloud Storage's clock, to the second. Raises ServiceError."""
        url = f"{self.root}/storage/v1/b/{self.bucket}/o"
        params = {"prefix": self.prefix, "maxResults": "1", "fields": "kind"}
        with self._name_records():
            return _date(self.session.retry(lambda: self._ask("GET", url, params=params)))

    def _list(self, parent: str) -> Iterator[Listed]:
        """Page by page, without what is in folders."""
        api = JsonApi(f"{self.root}/storage/v1", self.session)
        asked = {"prefix": parent, "delimiter": "/", "fields": LISTED}
        with self._name_records():
            for item in api.items(
                f"b/{self.bucket}/o", LISTING, maxResults=str(self.page), **asked
            ):
                name = item.name.removeprefix(self.prefix)
                yield Listed(item.time_created, int(item.generation), name)

    def _write_time(self, name: str, generation: str, answer: Answer) -> datetime:
        """When the object in an answer was written. Not every answer has a Last-Modified."""
        if (written := parse_http_date(answer.headers.get("Last-Modified"))) is not None:
            return written
        params = {"generation": generation, "fields": "updated"}
        ask = partial(self._ask, "GET", self._url(name), params=params)
        try:
            return self.session.retry(lambda: WRITTEN.read(ask())).updated
        except NotFound:  # replaced between the two requests
            return _date(answer)

    def _url(self, name: str) -> str:
        return f"{self.root}/storage/v1/b/{self.bucket}/o/{quote(self.prefix + name, safe='')}"

    def _ask_for_content(self, name: str) -> Answer:
        """Raises BadAnswer, too, for other bytes than are kept: half a lock would be nobody's."""
        answer = self._ask("GET", self._url(name), params={"alt": "media"})
        digest = hashlib.md5(answer.content, usedforsecurity=False).digest()
        if not is_intact(answer.headers, digest):
            raise answer.misfit("its bytes are not those that are kept")
        return answer

    def _ask(self, method: str, url: str, **content: Any) -> Answer:
        return require_success(exchange(self.session, method, url, self.timeout, **content))

    @contextmanager
    def _name_records(self) -> Iterator[None]:
        """Adds to a ServiceError which of all buckets it is about."""
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


def _date(answer: Answer) -> datetime:
    """The server's clock. Raises BadAnswer: this machine's may be wrong by hours."""
    now = parse_http_date(answer.headers.get("Date"))
    if now is None:
        raise answer.misfit("it has no Date")
    return now
