"""Cloud Storage: what a bucket has, uploads, and copies that move no bytes through here.

All of it is plain JSON: of 400 objects google-cloud-storage makes 6 ms of CPU where
the forms take 2, and it has no rewrites in batches, which take a fifteenth of the
1.4 ms that one rewrite takes.
"""

import time
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from flowdeploy.clients import batch
from flowdeploy.clients.answers import Answer, AnswerForm, Flag, Form, Page, Time
from flowdeploy.clients.failures import ATTEMPTS, Waits, require_success
from flowdeploy.clients.files import BucketFolder
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.clients.http import GoogleSession, exchange
from flowdeploy.clients.transfers import OBJECT, Upload, download
from flowdeploy.errors import (
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    QuotaExceeded,
    ServiceError,
)
from flowdeploy.known_errors import is_transient

# gcloud takes what a lifecycle rule removes within a day for absent: the build of a
# second-generation runtime reads it some time after the deploy began.
SAFETY = timedelta(days=1)
LONGEST_AGE = 100_000  # days; of a rule that ever deletes
_NOT_GIVEN = (NotFound, PermissionDenied)
MOST_ROUNDS = 100  # of a rewrite, each of which copies for up to half a minute
KEPT = 60.0  # seconds for which a listing may stand for the bucket


class ActionForm(AnswerForm):
    type: str | None = None


class LifecycleRuleForm(AnswerForm):
    action: ActionForm | None = None
    condition: dict[str, Any] | None = None


class LifecycleForm(AnswerForm):
    rule: list[LifecycleRuleForm] | None = None


class BucketForm(AnswerForm):
    lifecycle: LifecycleForm | None = None


class ListedObjectForm(AnswerForm):
    name: str
    time_created: Time


class RewriteForm(AnswerForm):
    done: Flag
    rewrite_token: str | None = None


BUCKET = Form(BucketForm)
OBJECTS = Form(Page[ListedObjectForm])
REWRITE = Form(RewriteForm)


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

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._root = root
        self._session = session
        self._api = JsonApi(f"{root}/storage/v1", session)
        self._batches = True
        self._seen: dict[str, tuple[float, Listing] | None] = {}

    def keep_listing(self, bucket: str) -> None:
        """Cache a bucket's listing for a minute, or until this client writes to the bucket.

        Not for many buckets: listings are large.
        """
        self._seen.setdefault(bucket, None)

    def list_objects(self, bucket: str) -> Listing:
        """All objects of a bucket. Raises ServiceError."""
        seen, now = self._seen.get(bucket), time.monotonic()
        if seen and now - seen[0] < KEPT:
            return seen[1]
        listing = self._list_objects(bucket)
        self._note(bucket, (now, listing))
        return listing

    def _note(self, bucket: str, seen: tuple[float, Listing] | None) -> None:
        if bucket in self._seen:
            self._seen[bucket] = seen

    def _list_objects(self, bucket: str) -> Listing:
        lifecycle = self._api.get(f"b/{bucket}", BUCKET, fields="lifecycle").lifecycle
        oldest = oldest_that_lasts(lifecycle)
        fields = "items(name,timeCreated),nextPageToken"
        items = self._api.items(f"b/{bucket}/o", OBJECTS, fields=fields, maxResults="1000")
        lasts = {item.name: oldest is None or item.time_created > oldest for item in items}
        expiring = frozenset(name for name, lasting in lasts.items() if not lasting)
        return Listing(frozenset(lasts.keys() - expiring), expiring)

    def upload(self, bucket: str, name: str, path: Path, replacing: Container[str]) -> int:
        """Upload a file, and return how many bytes were sent; errors as of `Upload.run`."""
        url = f"{self._root}/upload/storage/v1/b/{bucket}/o"
        self._note(bucket, None)
        query = {} if name in replacing else {"ifGenerationMatch": "0"}
        try:
            return Upload(self._session, url, name, path, query).run()
        except PreconditionFailed:
            return 0

    def download(self, bucket: str, name: str, path: Path) -> None:
        """Write an object to a file. Raises ServiceError."""
        url = f"{self._root}/storage/v1/{_object(bucket, name)}"
        self._session.retry(lambda: download(self._session, url, path))

    def copy(
        self, source: BucketFolder, bucket: str, names: Collection[str], replacing: Container[str]
    ) -> frozenset[str]:
        """Copy objects at Google; return those that may not be read. Raises ServiceError."""
        self._note(bucket, None)
        given = tuple(names)
        forbidden: frozenset[str] = frozenset()
        for start in range(0, len(given), batch.MOST_CALLS):
            some = given[start : start + batch.MOST_CALLS]
            forbidden |= self._copy(source, bucket, some, replacing)
        return forbidden

    def _copy(
        self, source: BucketFolder, bucket: str, names: Sequence[str], replacing: Container[str]
    ) -> frozenset[str]:
        """As `copy`. A large object between distant places takes several calls, by a token."""
        left = dict.fromkeys(names, "")
        forbidden: set[str] = set()
        waits = Waits(ATTEMPTS)
        count = 0
        while left:
            count += 1
            if count > MOST_ROUNDS:
                raise ServiceError(
                    "UNKNOWN", f"{next(iter(left))} is not in {bucket} after {MOST_ROUNDS} requests"
                )
            paths = [_rewrite(source, bucket, n, t, n in replacing) for n, t in left.items()]
            answers = self._post_all(paths)
            outcomes = dict(zip(left, map(_outcome, answers), strict=True))
            errors = {n: o for n, o in outcomes.items() if isinstance(o, ServiceError)}
            forbidden |= {n for n, error in errors.items() if isinstance(error, _NOT_GIVEN)}
            again = {n: left[n] for n in errors.keys() - forbidden}
            left = again | {n: token for n, token in outcomes.items() if isinstance(token, str)}
            self._wait([errors[name] for name in again], waits)
        return frozenset(forbidden)

    def _wait(self, errors: Sequence[ServiceError], waits: Waits) -> None:
        """Wait until all may pass. Raises the first that will not, or that has not for too long."""
        for error in errors:
            if not is_transient(error.code, error.message):
                raise error
        if errors:
            longest = max(errors, key=lambda e: (isinstance(e, QuotaExceeded), e.retry_after))
            seconds = waits.after(longest)
            if seconds is None:
                raise longest
            self._session.retries.pause(seconds, longest)

    def compose(self, bucket: str, name: str, parts: Sequence[str]) -> None:
        """Join up to 32 objects of a bucket, in their order. Raises ServiceError."""
        url = f"{self._root}/storage/v1/{_object(bucket, name)}/compose"
        body = {
            "sourceObjects": [{"name": part} for part in parts],
            "destination": {"contentType": "application/zip"},
        }
        self._session.retry(
            lambda: OBJECT.read(require_success(exchange(self._session, "POST", url, json=body)))
        )

    def _post_all(self, paths: Sequence[str]) -> Sequence[Answer]:
        """One batch request for all; one request each if the server knows no batches."""
        if self._batches:
            try:
                return self._session.retry(lambda: self._post_batch(paths))
            except NotFound:
                self._batches = False
        return [self._post(path) for path in paths]

    def _post_batch(self, paths: Sequence[str]) -> Sequence[Answer]:
        answer = exchange(
            self._session,
            "POST",
            f"{self._root}/{batch.PATH}",
            data=batch.encode_calls(paths),
            headers={"Content-Type": batch.CONTENT_TYPE},
        )
        return batch.decode_answers(require_success(answer), len(paths))

    def _post(self, path: str) -> Answer:
        return self._session.retry(lambda: exchange(self._session, "POST", f"{self._root}{path}"))


def oldest_that_lasts(lifecycle: LifecycleForm | None) -> datetime | None:
    """The creation time before which a rule deletes soon; None without such a rule."""
    rules = (lifecycle.rule if lifecycle else None) or ()
    ages = [age for rule in rules if (age := _lifetime_days(rule)) is not None]
    return datetime.now(UTC) - timedelta(days=min(ages)) + SAFETY if ages else None


def _lifetime_days(rule: LifecycleRuleForm) -> int | None:
    """The days after which a rule deletes every object; None where it does not."""
    match rule:
        case LifecycleRuleForm(
            action=ActionForm(type="Delete"), condition={"age": int(age), **others}
        ) if not others:
            return age if 0 <= age < LONGEST_AGE else None
        case _:
            return None


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


def _outcome(answer: Answer) -> str | ServiceError | None:
    """None for a copy that is there, a token for one that is to be continued."""
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        return None
    try:
        rewrite = REWRITE.read(require_success(answer))
    except ServiceError as error:
        return error
    return None if rewrite.done else rewrite.rewrite_token or answer.misfit("it has no token")
