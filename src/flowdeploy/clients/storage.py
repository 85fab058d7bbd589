"""Cloud Storage: what a bucket has, uploads, and copies that move no bytes through here.

All of it is plain JSON: of 400 objects google-cloud-storage makes 6 ms of CPU where
``json`` takes 2, and it has no rewrites in batches, which take a fifteenth of the
1.4 ms that one rewrite takes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from google.auth.credentials import Credentials

from flowdeploy.clients import batch
from flowdeploy.clients.api import (
    ATTEMPTS,
    TIMEOUT,
    JsonApi,
    accepted,
    authorized_session,
    backoff,
    error_of,
    retried,
    retry_after,
)
from flowdeploy.clients.batch import BatchAnswer
from flowdeploy.clients.objects import BucketFolder
from flowdeploy.clients.transfers import Upload, download
from flowdeploy.errors import NotFound, PermissionDenied, PreconditionFailed, ServiceError
from flowdeploy.known_errors import is_transient

# gcloud takes what a lifecycle rule removes within a day for absent: the build of a
# second-generation runtime reads it some time after the deploy began.
SAFETY = timedelta(days=1)
_NOT_GIVEN = (NotFound, PermissionDenied)
KEPT = 60.0  # seconds for which a listing may stand for the bucket


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a bucket by name; ``expiring`` are those that a rule removes soon."""

    lasting: frozenset[str]
    expiring: frozenset[str] = frozenset()


class Buckets:
    """Every method raises ServiceError, and may be called from any thread.

    Where an object is expected to be absent, that is a precondition; that it
    exists after all is success, since equal names have equal bytes. ``replacing``
    are names of objects that are there and about to expire.
    """

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        self._root = root
        self._session = authorized_session(credentials, connections)
        self._api = JsonApi(f"{root}/storage/v1", self._session)
        self._batches = True
        self._seen: dict[str, tuple[float, Listing] | None] = {}

    def keep_listing(self, bucket: str) -> None:
        """Take what is listed of a bucket for true for a minute, unless it is written to here.
        Not for many buckets: listings are large."""
        self._seen.setdefault(bucket, None)

    def list_objects(self, bucket: str) -> Listing:
        seen, now = self._seen.get(bucket), time.monotonic()
        if seen and now - seen[0] < KEPT:
            return seen[1]
        listing = self._listed(bucket)
        self._note(bucket, (now, listing))
        return listing

    def _note(self, bucket: str, seen: tuple[float, Listing] | None) -> None:
        if bucket in self._seen:
            self._seen[bucket] = seen

    def _listed(self, bucket: str) -> Listing:
        rules = self._api.get(f"b/{bucket}", fields="lifecycle").get("lifecycle", {})
        oldest = _oldest_that_lasts(rules.get("rule", []))
        objects = self._api.pages(
            f"b/{bucket}/o",
            "items",
            fields="items(name,timeCreated),nextPageToken",
            maxResults="1000",
        )
        lasts = {o["name"]: oldest is None or _created(o) > oldest for o in objects}
        expiring = frozenset(name for name, lasting in lasts.items() if not lasting)
        return Listing(frozenset(lasts.keys() - expiring), expiring)

    def upload(self, bucket: str, name: str, path: Path, replacing: Container[str]) -> int:
        """The bytes that were sent. Raises FlowdeployError for a file that has changed."""
        url = f"{self._root}/upload/storage/v1/b/{bucket}/o"
        self._note(bucket, None)
        query = {} if name in replacing else {"ifGenerationMatch": "0"}
        try:
            return Upload(self._session, url, name, path, query).run()
        except PreconditionFailed:
            return 0

    def download(self, bucket: str, name: str, path: Path) -> None:
        url = f"{self._root}/storage/v1/{_object(bucket, name)}"
        retried(lambda: download(self._session, url, path))

    def copy(
        self, source: BucketFolder, bucket: str, names: Collection[str], replacing: Container[str]
    ) -> frozenset[str]:
        """Copy objects on the server's side; those that it does not give."""
        self._note(bucket, None)
        given = tuple(names)
        forbidden: frozenset[str] = frozenset()
        for start in range(0, len(given), batch.MOST_CALLS):
            some = given[start : start + batch.MOST_CALLS]
            forbidden |= self._copied(source, bucket, some, replacing)
        return forbidden

    def _copied(
        self, source: BucketFolder, bucket: str, names: Sequence[str], replacing: Container[str]
    ) -> frozenset[str]:
        """As `copy`. A large object between distant places takes several calls, by a token."""
        left = dict.fromkeys(names, "")
        forbidden: set[str] = set()
        failures = 0
        while left:
            paths = [_rewrite(source, bucket, n, t, n in replacing) for n, t in left.items()]
            answers = self._answers(paths)
            outcomes = dict(zip(left, map(_outcome, answers), strict=True))
            errors = {n: o for n, o in outcomes.items() if isinstance(o, ServiceError)}
            forbidden |= {
                n for n, error in errors.items() if isinstance(error, NotFound | PermissionDenied)
            }
            again = {n: left[n] for n in errors.keys() - forbidden}
            failures += 1 if again else 0
            _raise_lasting((errors[name] for name in again), failures)
            left = again | {n: token for n, token in outcomes.items() if isinstance(token, str)}
            asked = max(answer.retry_after for answer in answers)
            time.sleep(max(backoff(failures), asked) if again else 0)
        return frozenset(forbidden)

    def compose(self, bucket: str, name: str, parts: Sequence[str]) -> None:
        """Make one object of up to 32 others of its bucket, one after the other."""
        url = f"{self._root}/storage/v1/{_object(bucket, name)}/compose"
        body = {
            "sourceObjects": [{"name": part} for part in parts],
            "destination": {"contentType": "application/zip"},
        }
        retried(lambda: accepted(self._session.post(url, json=body, timeout=TIMEOUT)))

    def _answers(self, paths: Sequence[str]) -> Sequence[BatchAnswer]:
        """One request for all; one each where the server, as a stand-in may, knows no batches."""
        if self._batches:
            try:
                return retried(lambda: self._batch(paths))
            except NotFound:
                self._batches = False
        return [retried(lambda path=path: self._single(path)) for path in paths]  # type: ignore[misc]

    def _batch(self, paths: Sequence[str]) -> Sequence[BatchAnswer]:
        response = accepted(
            self._session.post(
                f"{self._root}/{batch.PATH}",
                data=batch.encoded(paths),
                headers={"Content-Type": batch.CONTENT_TYPE},
                timeout=TIMEOUT,
            )
        )
        try:
            return batch.decoded(response.headers["Content-Type"], response.content, len(paths))
        except ValueError as error:
            raise ServiceError("UNKNOWN", f"the answer to a batch holds {error}") from error

    def _single(self, path: str) -> BatchAnswer:
        response = self._session.post(f"{self._root}{path}", timeout=TIMEOUT)
        after = retry_after(response.headers)
        return BatchAnswer(response.status_code, response.content, after)


def _oldest_that_lasts(rules: Iterable[Mapping[str, Any]]) -> datetime | None:
    """The creation time before which a rule deletes soon; None without such a rule."""
    ages = [
        rule["condition"]["age"]
        for rule in rules
        if rule["action"]["type"] == "Delete" and set(rule["condition"]) == {"age"}
    ]
    return datetime.now(UTC) - timedelta(days=min(ages)) + SAFETY if ages else None


def _created(item: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(item["timeCreated"])


def _rewrite(source: BucketFolder, bucket: str, name: str, token: str, replaces: bool) -> str:
    """Path and query of objects.rewrite; only what is read of the answer is asked for."""
    query = {
        "fields": "done,rewriteToken",
        **({"rewriteToken": token} if token else {}),
        **({} if replaces else {"ifGenerationMatch": "0"}),
    }
    original, target = _object(source.bucket, source.prefix + name), _object(bucket, name)
    return f"/storage/v1/{original}/rewriteTo/{target}?{urlencode(query)}"


def _object(bucket: str, name: str) -> str:
    return f"b/{bucket}/o/{quote(name, safe='')}"


def _outcome(answer: BatchAnswer) -> str | ServiceError | None:
    """None for a copy that is there, a token for one that is to go on."""
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        return None
    try:
        body = json.loads(answer.body)
        if answer.status < HTTPStatus.BAD_REQUEST:
            return None if body["done"] else str(body["rewriteToken"])
        message = body["error"]["message"]
    except (ValueError, LookupError, TypeError):
        message = f"an answer that is no JSON of Cloud Storage: {answer.body[:200]!r}"
    return error_of(answer.status, None, message)


def _raise_lasting(errors: Iterable[ServiceError], failures: int) -> None:
    """Raise the first error that will not pass, or that has not for too long."""
    for error in errors:
        if failures >= ATTEMPTS or not is_transient(error.code, error.message):
            raise error
