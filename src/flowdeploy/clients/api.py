"""What all of Google's services share: who we are, how errors read, how a request is repeated.

Imported only by commands that speak to Google (or to the sandbox), because
google-auth and requests take a noticeable part of a second to load. The clients
of Google's libraries and what they share, google-api-core and grpc, take twice
that again, so nothing here is of them; but their errors are understood, for
there are commands that need one.
"""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

import google.auth
import requests
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.protobuf.json_format import ParseError
from requests.adapters import HTTPAdapter

from flowdeploy.endpoints import Endpoints
from flowdeploy.errors import (
    ConnectionFailed,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ServiceError,
)
from flowdeploy.known_errors import hint_for, is_transient

T = TypeVar("T")

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT = 60.0  # seconds for one request; the libraries' own default is to wait for ever
ATTEMPTS = 7
# For answers that carry no status of google.rpc, as those of front ends do.
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "BAD_GATEWAY",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_CLASSES = {
    "FAILED_PRECONDITION": PreconditionFailed,
    "FORBIDDEN": PermissionDenied,
    "NOT_FOUND": NotFound,
    "PERMISSION_DENIED": PermissionDenied,
}


def credentials_for(endpoints: Endpoints) -> tuple[Credentials, str]:
    """Credentials and a word on whose they are.

    A token is fetched here, once, so that threads that start together do not
    each fetch their own. Raises ServiceError with what to do where there are none.
    """
    if endpoints.anonymous:
        return AnonymousCredentials(), "anonymous"
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        credentials.refresh(Request())
    except GoogleAuthError as error:
        raise ServiceError(
            "UNAUTHENTICATED",
            f"no usable Google credentials: {error}",
            hint=hint_for("UNAUTHENTICATED", ""),
        ) from error
    info = credentials.get_cred_info() or {}
    return credentials, info.get("principal") or info.get("credential_type") or "unknown"


class _ApiSession(AuthorizedSession):
    """Looks once for each host into the environment, for proxies and authorities to trust: that
    is a third of a request's CPU."""

    @cached_property
    def _environment(self) -> dict[str, Any]:
        return {}

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._environment:
            found = super().merge_environment_settings(url, proxies, None, verify, cert)
            self._environment[host] = found
        return {**self._environment[host], "stream": bool(stream)}


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """In the place of a .netrc, which would win over the credentials."""
    return request


def authorized_session(credentials: Credentials, connections: int) -> AuthorizedSession:
    session = _ApiSession(credentials)  # type: ignore[no-untyped-call]  # as all of google-auth
    session.auth = _unchanged
    pool_connections(session, connections)
    return session


def pool_connections(session: requests.Session, connections: int) -> None:
    """Keep a connection for each worker; requests keeps ten and drops the others."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
    for host in ("127.0.0.1", "localhost", "[::1]"):
        session.mount(f"http://{host}", _Direct(pool_connections=4, pool_maxsize=connections))


class _Direct(HTTPAdapter):
    """Leaves out the environment's proxy, which cannot reach this machine."""

    def send(self, *arguments: Any, **named: Any) -> requests.Response:
        return super().send(*arguments, **{**named, "proxies": {}})


class JsonApi:
    """One Google API, as plain JSON.

    Not through the service's library: a FULL view of a version with 400 files takes
    it 8 ms of CPU and ``json`` one, loading it costs as much as 300 requests, and
    it fails on answers that carry a type it does not know.
    """

    def __init__(self, root: str, session: AuthorizedSession) -> None:
        self._root = root
        self._session = session

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """Raises ServiceError; repeated where that may help."""
        return retried(lambda: self._get(path, params))

    def get_or_none(self, path: str, **params: str) -> dict[str, Any] | None:
        """As `get`; None for what does not exist."""
        try:
            return self.get(path, **params)
        except NotFound:
            return None

    def pages(self, path: str, key: str, **params: str) -> Iterator[dict[str, Any]]:
        """The items under ``key`` of every page."""
        token = ""
        while True:
            page = self.get(path, **params, **({"pageToken": token} if token else {}))
            yield from page.get(key, [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    def change(
        self, method: str, path: str, body: Mapping[str, Any], **params: str
    ) -> dict[str, Any]:
        """The answer to a change, which is sent once. Raises ServiceError; one of the code
        UNKNOWN or CONNECTION leaves open whether it took effect."""
        try:
            return self._ask(method, path, params, body)
        except Exception as failure:
            raise service_error(failure) from failure

    def _get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        return self._ask("GET", path, params)

    def _ask(
        self,
        method: str,
        path: str,
        params: dict[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        url = f"{self._root}/{path}"
        response = self._session.request(method, url, params=params, json=body, timeout=TIMEOUT)
        answer = accepted(response).json()
        if not isinstance(answer, dict):
            raise ServiceError("UNKNOWN", f"the answer is no JSON object: {str(answer)[:200]}")
        return answer


def accepted(response: requests.Response) -> requests.Response:
    """An answer that is no error. Raises HTTPError, of which `retried` makes a ServiceError."""
    if response.status_code >= 400:
        raise requests.HTTPError(response=response)
    return response


def retried(call: Callable[[], T]) -> T:
    """``call()``, repeated while it fails in a way that may pass. Only for what may be repeated.

    Raises ServiceError. Waits between 0.2 s and 10 s, and as long as the server
    asks with Retry-After.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except Exception as failure:
            error = service_error(failure)
            if attempt == ATTEMPTS or not is_passing(failure, error):
                raise error from failure
            time.sleep(max(backoff(attempt), _retry_after(failure)))
    raise AssertionError


def backoff(attempt: int) -> float:
    """Seconds before the attempt after this one: doubling, at most 10, evenly scattered."""
    return random.uniform(0.5, 1.0) * min(10.0, 0.2 * float(2**attempt))  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, at most 60; the header may also hold a date, which no Google API sends."""
    text = headers.get("Retry-After", "")
    return min(float(text), 60.0) if re.fullmatch(r"[0-9]+", text) else 0.0


def service_error(failure: Exception) -> ServiceError:
    """The failure of a request in the service's own words. What is none of these goes on up."""
    if (answer := _answer(failure)) is not None:
        return error_of(answer.status_code, *_words(answer))
    match failure:
        case ServiceError():
            return failure
        case requests.JSONDecodeError() | ParseError():
            # Whether the request took effect is open.
            return error_of(0, "UNKNOWN", f"the answer could not be read: {failure}")
        case requests.RequestException():
            message = _connection_words(failure)
            return ConnectionFailed("CONNECTION", message, hint=_connection_hint(failure))
        case GoogleAuthError():
            return error_of(0, "UNAUTHENTICATED", str(failure))
        case _:
            raise failure


def error_of(http_status: int, code: str | None, message: str) -> ServiceError:
    """The error of an answer; its ``code`` where it carries a status of google.rpc."""
    code = code or _STATUS.get(http_status, f"HTTP_{http_status}")
    kind = _CLASSES.get(code, ServiceError)
    return kind(code, message, hint=hint_for(code, message))


def is_passing(failure: Exception, error: ServiceError) -> bool:
    """Whether the same request may succeed in a moment. A refused connection is told at once."""
    return is_transient(error.code, error.message) and not _nobody_listens(failure)


def _answer(failure: Exception) -> requests.Response | None:
    """What requests' HTTPError holds, and the errors of Google's libraries do."""
    answer = getattr(failure, "response", None)
    return answer if isinstance(answer, requests.Response) else None


def _words(answer: requests.Response) -> tuple[str | None, str]:
    """Status and message of an error; the whole answer where it is none of Google's."""
    try:
        error = answer.json()["error"]
        return error.get("status"), error["message"]
    except (AttributeError, ValueError, LookupError, TypeError):
        asked = f"{answer.request.method} {answer.request.url}"
        return None, f"{asked}: {answer.text or 'no reason is given'}"


def _connection_words(failure: requests.RequestException) -> str:
    url = failure.request.url if failure.request else None
    where = re.sub(r"(://[^/]+).*", r"\1", url or "the service")
    if _nobody_listens(failure):
        return f"nobody listens at {where}"
    reason = _innermost(failure)
    words = reason.strerror if isinstance(reason, OSError) else None
    return f"the connection to {where} failed: {words or reason or type(reason).__name__}"


def _connection_hint(failure: requests.RequestException) -> str | None:
    if _nobody_listens(failure):
        return "Is the address right, and the sandbox running (`flowdeploy sandbox serve`)?"
    if isinstance(_innermost(failure), socket.gaierror):
        return "Its name could not be looked up: is it right, and is there a network?"
    return hint_for("CONNECTION", "")


def _nobody_listens(failure: Exception) -> bool:
    return isinstance(_innermost(failure), ConnectionRefusedError)


def _innermost(failure: BaseException) -> BaseException:
    """What began it: requests and urllib3 wrap the system's few words in many of their own."""
    while True:
        held = (getattr(failure, "reason", None), *failure.args, failure.__cause__)
        cause = next((each for each in held if isinstance(each, BaseException)), None)
        if cause is None:
            return failure
        failure = cause


def _retry_after(failure: Exception) -> float:
    answer = _answer(failure)
    return 0.0 if answer is None else retry_after(answer.headers)
