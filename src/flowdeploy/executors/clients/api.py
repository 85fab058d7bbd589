"""What all of Google's services share: who we are, how errors read, how a request is repeated.

Imported only by commands that speak to Google (or to the sandbox), because
google-auth and requests take a noticeable part of a second to load.
"""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import google.auth
import requests
from google.api_core.exceptions import GoogleAPICallError, from_http_response
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.protobuf.json_format import ParseError
from requests.adapters import HTTPAdapter

from flowdeploy.endpoints import Endpoints
from flowdeploy.errors import ServiceError
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


def authorized_session(credentials: Credentials, connections: int) -> AuthorizedSession:
    session = AuthorizedSession(credentials)
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
    """Reads of one Google API, as plain JSON.

    Not through the service's library, for reads are most of what a fleet costs:
    a FULL view of a version with 400 files takes the library 8 ms of CPU and
    ``json`` one, and the library's operations client fails on answers that carry
    a type it does not know.
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
        except ServiceError as error:
            if error.code == "NOT_FOUND":
                return None
            raise

    def pages(self, path: str, key: str, **params: str) -> Iterator[dict[str, Any]]:
        """The items under ``key`` of every page."""
        token = ""
        while True:
            page = self.get(path, **params, **({"pageToken": token} if token else {}))
            yield from page.get(key, [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    def _get(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        response = self._session.get(f"{self._root}/{path}", params=params, timeout=TIMEOUT)
        if response.status_code >= 400:
            raise from_http_response(response)
        body: dict[str, Any] = response.json()
        return body


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


def service_error(failure: Exception) -> ServiceError:
    """The failure of a request in the service's own words. What is none of these goes on up."""
    match failure:
        case ServiceError():
            return failure
        case GoogleAPICallError():
            code, message = _api_words(failure)
        case requests.RequestException():
            code, message = "CONNECTION", _connection_words(failure)
        case GoogleAuthError():
            code, message = "UNAUTHENTICATED", str(failure)
        case ParseError():
            # The library could not read the answer; whether the request took effect is open.
            code, message = "UNKNOWN", f"the answer could not be read: {failure}"
        case _:
            raise failure
    return ServiceError(code, message, hint=_hint(code, message, failure))


def is_passing(failure: Exception, error: ServiceError) -> bool:
    """Whether the same request may succeed in a moment. A refused connection is told at once."""
    return is_transient(error.code, error.message) and not _nobody_listens(failure)


def _api_words(failure: GoogleAPICallError) -> tuple[str, str]:
    response = failure.response
    fallback = _STATUS.get(int(failure.code or 0), f"HTTP_{failure.code}")
    try:
        error = response.json()["error"]
        return error.get("status") or fallback, error["message"]
    except (AttributeError, ValueError, KeyError, TypeError):
        return fallback, str(failure.message)


def _connection_words(failure: requests.RequestException) -> str:
    url = failure.request.url if failure.request else None
    where = re.sub(r"(://[^/]+).*", r"\1", url or "the service")
    if _nobody_listens(failure):
        return f"nobody listens at {where}"
    reason = _innermost(failure)
    words = reason.strerror if isinstance(reason, OSError) else None
    return f"the connection to {where} failed: {words or reason or type(reason).__name__}"


def _hint(code: str, message: str, failure: Exception) -> str | None:
    if _nobody_listens(failure):
        return "Is the address right, and the sandbox running (`flowdeploy sandbox serve`)?"
    if isinstance(_innermost(failure), socket.gaierror):
        return "Its name could not be looked up: is it right, and is there a network?"
    return hint_for(code, message)


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
    """Seconds; the header may also hold a date, which no Google API sends."""
    headers = getattr(getattr(failure, "response", None), "headers", {})
    text = headers.get("Retry-After", "")
    return min(float(text), 60.0) if re.fullmatch(r"[0-9]+", text) else 0.0
