"""What the clients of Google's services share: credentials, JSON requests, Google's libraries.

The clients read plain JSON, repeatedly where that may help, and send changes once, through
Google's own libraries. Their methods raise ServiceError, and may be called from any thread.

Imported only by commands that speak to Google (or to the sandbox), because
google-auth and requests take a noticeable part of a second to load.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseError

from flowdeploy.clients.answers import Answer, AnswerForm, Form, Page, PageForm, Text, bad_answer
from flowdeploy.clients.failures import Retries, require_success, send_once
from flowdeploy.clients.http import (
    TIMEOUT,
    GoogleSession,
    TokenRequest,
    exchange,
    name_odd_tokens,
    prepare,
)
from flowdeploy.endpoints import Endpoints
from flowdeploy.errors import NotFound, ServiceError

T = TypeVar("T")
P = TypeVar("P", bound=Page[Any])

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# Of one list; a thousand objects are on a page, with some 110 bytes each.
MOST_PAGES = 2000
MOST_BYTES = 64 << 20
LONGEST = 300.0  # seconds


class LocationForm(AnswerForm):
    location_id: Text


class RoutingForm(AnswerForm):
    """Where a queue or a cron job sends its requests."""

    service: str = ""
    version: str = ""
    instance: str = ""
    host: str = ""


LOCATIONS = PageForm(Page[LocationForm], "locations")


def credentials_for(endpoints: Endpoints, retries: Retries) -> tuple[Credentials, str]:
    """Credentials and a word on whose they are.

    A token is fetched here, once, so that threads that start together do not
    each fetch their own. Raises ServiceError with what to do where there are none.
    """
    if endpoints.anonymous:
        return AnonymousCredentials(), "anonymous"
    credentials = retries.run(_find_credentials)
    info = credentials.get_cred_info() or {}
    return credentials, info.get("principal") or info.get("credential_type") or "unknown"


def _find_credentials() -> Credentials:
    """Credentials with a token. Raises GoogleAuthError."""
    request = TokenRequest()  # what names a user in CI is exchanged for a token at once
    with name_odd_tokens():
        credentials, _ = google.auth.default(scopes=[SCOPE], request=request)
        credentials.refresh(request)
    found: Credentials = credentials
    return found


class JsonApi:
    """One Google API, as plain JSON.

    Reads do not go through the service's library: a FULL view of a version with 400 files
    takes it 8 ms of CPU and the forms one, and it fails on answers that carry a type that
    it does not know.
    """

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._root = root
        self._session = session

    def get(self, path: str, form: Form[T], **params: str) -> T:
        """Read a resource; repeated where that may help. Raises ServiceError."""
        return self.get_with_source(path, form, **params)[0]

    def get_with_source(self, path: str, form: Form[T], **params: str) -> tuple[T, Any]:
        """As `get`, with the JSON that the value was read from. Raises ServiceError."""
        answer, source = self._session.retry(lambda: self._ask("GET", path, params))
        return form.check(answer, source), source

    def find(self, path: str, form: Form[T], **params: str) -> T | None:
        """As `get`; None for what does not exist. Raises ServiceError."""
        try:
            return self.get(path, form, **params)
        except NotFound:
            return None

    def items(self, path: str, form: Form[Page[T]], **params: str) -> Iterator[T]:
        """Every item of a list. Raises ServiceError."""
        for page in self.pages(path, form, **params):
            yield from page.items or ()

    def pages(self, path: str, form: Form[P], **params: str) -> Iterator[P]:
        """Every page of a list. Raises ServiceError."""
        seen = {""}
        token, size, ends = "", 0, time.monotonic() + LONGEST
        for count in range(1, MOST_PAGES + 1):
            query = {**params, **({"pageToken": token} if token else {})}
            answer, source = self._session.retry(partial(self._ask, "GET", path, query))
            yield (page := form.check(answer, source))
            token = page.next_page_token or ""
            size += len(answer.content)
            if not token:
                return
            if token in seen:
                raise _endless(f"{self._root}/{path}", "a page comes again")
            seen.add(token)
            if count == MOST_PAGES or size > MOST_BYTES or time.monotonic() > ends:
                raise _endless(f"{self._root}/{path}", f"its end has not come after {count} pages")

    def change(
        self, method: str, path: str, body: Mapping[str, Any], form: Form[T], **params: str
    ) -> T:
        """Send a change, once, and read its answer. Raises ServiceError; BadAnswer and
        ConnectionFailed leave open whether it took effect."""
        # google-auth would send it again after a new token, without a look at the lock.
        once = {"_credential_refresh_attempt": math.inf}
        answer, value = send_once(lambda: self._ask(method, path, params, json=body, **once))
        return form.check(answer, value)

    def _ask(
        self, method: str, path: str, params: dict[str, str], **content: Any
    ) -> tuple[Answer, Any]:
        url = f"{self._root}/{path}"
        answer = require_success(exchange(self._session, method, url, params=params, **content))
        return answer, answer.parse_json()


class Locations:
    """The App Engine application's location is the first of its project's, as for gcloud.

    An application never moves, so each project is asked about once.
    """

    def __init__(self, api: JsonApi) -> None:
        self._api = api
        self._parents: dict[str, str] = {}

    def parent(self, project: str) -> str:
        """``projects/P/locations/L``. Raises NotFound where there is no location, ServiceError."""
        if project not in self._parents:
            self._parents[project] = self._first(project)
        return self._parents[project]

    def _first(self, project: str) -> str:
        path = f"projects/{project}/locations"
        locations = self._api.get(path, LOCATIONS).items
        if not locations:
            raise NotFound(
                "NOT_FOUND",
                f"{path} is empty: the project has no App Engine application",
                hint=f"Create it: gcloud app create --project {project}",
            )
        return f"{path}/{locations[0].location_id}"


def open_client(kind: Callable[..., T], root: str, session: GoogleSession) -> T:
    """A client of the class ``kind``, with the credentials and the rules of our ``session``."""
    options = {"api_endpoint": root}
    client: Any = kind(transport="rest", credentials=session.credentials, client_options=options)
    # Its own session reads .netrc, has ten connections, and would send a change after a redirect
    # and once more with a new token.
    prepare(client.transport._session, session.connections)
    client.transport._session._auth_request = session._auth_request
    client.transport._session._max_refresh_attempts = 0
    client.transport._session.get_redirect_target = session.get_redirect_target
    opened: T = client
    return opened


def send_change(method: Callable[..., Any], **request: Any) -> Any:
    """Send a change by a client's method, as `send_once` does. Raises ServiceError."""
    return send_once(lambda: method(request, retry=None, timeout=TIMEOUT))


def parse_message(kind: Any, body: Mapping[str, Any]) -> Any:
    """The API's JSON as a message. Raises ServiceError for what the library does not know."""
    try:
        return kind.from_json(json.dumps(body))
    except ParseError as error:
        words = f"Google's client library takes no such {kind.__name__}: {error}"
        raise ServiceError(
            "INVALID_ARGUMENT", words, hint="A newer google-cloud library may take it."
        ) from error


def update_mask(paths: Iterable[str]) -> FieldMask:
    """An update mask from paths as JSON has them: ``rateLimits.maxBurstSize``."""
    mask = FieldMask()
    mask.FromJsonString(",".join(paths))
    return mask


def _endless(url: str, reason: str) -> ServiceError:
    return bad_answer(f"GET {url}", reason)
