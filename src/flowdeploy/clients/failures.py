"""Failed requests: each failure becomes a ServiceError, and `retry` repeats some requests."""

import random
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

import requests
from google.auth.exceptions import GoogleAuthError, TransportError
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

from flowdeploy.clients.answers import Answer, bad_answer, request_words
from flowdeploy.errors import (
    ConnectionFailed,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    QuotaExceeded,
    ServiceError,
    Unauthenticated,
)
from flowdeploy.known_errors import hint_for, is_transient

T = TypeVar("T")

ATTEMPTS = 7
WORTH_TELLING = 5.0  # seconds
SLOW_ATTEMPTS = 2  # of those, as many that were ended for taking too long
CHANCE = random.Random()  # noqa: S311  (scatters waits)
QUOTA_PATIENCE = 240.0  # seconds of waits for a quota, most of which are per minute
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
    "RESOURCE_EXHAUSTED": QuotaExceeded,
    "UNAUTHENTICATED": Unauthenticated,
}
_UNDECIDED = (HTTPStatus.REQUEST_TIMEOUT, 499)  # 499: the client is said to have gone


@dataclass(slots=True)
class Waits:
    """The waits between up to ``attempts`` attempts of one request.

    What a quota has refused is no attempt: it is waited for, up to `QUOTA_PATIENCE` in all.
    With ``renews``, a refused token gets one more attempt: reading the state after it renews
    the token.
    """

    attempts: int
    renews: bool = False
    _failures: int = 0
    _refusals: int = 0
    _waited: float = 0.0

    def after(self, error: ServiceError | None) -> float | None:
        """The seconds before the next attempt; None where there should be none.

        ``error`` is None where there was none, and what was asked for is not so yet. Waits are
        longer where the service asks for that, and scattered, so that workers that have used a
        quota up together do not come back together.
        """
        if self.renews and isinstance(error, Unauthenticated):
            self.renews = False
            return 0.0
        if error and not is_transient(error.code, error.message):
            return None
        if isinstance(error, QuotaExceeded):
            return self._after_refusal(error)
        self._failures += 1
        if self._failures >= self.attempts:
            return None
        return max(_scattered(10.0, 0.2, self._failures), error.retry_after if error else 0.0)

    def _after_refusal(self, error: ServiceError) -> float | None:
        if self._waited >= QUOTA_PATIENCE:
            return None
        self._refusals += 1
        asked = error.retry_after * CHANCE.uniform(1.0, 1.3)
        wait = max(asked, _scattered(60.0, 0.5, self._refusals))
        self._waited += wait
        return wait


def _say_nothing(_: str) -> None: ...


@dataclass(slots=True)
class Retries:
    """Repeats what may be repeated, from any thread, while it fails in a way that may pass.

    ``tell`` hears that a quota is waited for: once for all threads that wait for it.
    """

    tell: Callable[[str], object] = _say_nothing
    sleep: Callable[[float], object] = time.sleep
    _told: float = -QUOTA_PATIENCE
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, call: Callable[[], T]) -> T:
        """The result of ``call()``. Raises ServiceError."""
        waits, slow = Waits(ATTEMPTS), 0
        while True:
            try:
                return call()
            except Exception as failure:
                error = to_service_error(failure)
                slow += isinstance(_innermost(failure), TimeoutError)
                # Where nobody listens, nobody will in a moment.
                is_last = slow == SLOW_ATTEMPTS or _nobody_listens(failure)
                wait = None if is_last else waits.after(error)
                if wait is None:
                    raise error from _cause(failure, error)
            self.pause(wait, error)

    def pause(self, seconds: float, error: ServiceError) -> None:
        """Wait after an error."""
        self.announce(seconds, error)
        self.sleep(seconds)

    def announce(self, seconds: float, error: ServiceError | None) -> None:
        """Tell of a wait that is due to a quota, unless it is short or another was just told."""
        if isinstance(error, QuotaExceeded) and seconds >= WORTH_TELLING and self._may_tell():
            minutes = QUOTA_PATIENCE / 60
            self.tell(f"waiting up to {minutes:.0f} minutes for a quota: {error.message}")

    def _may_tell(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now - self._told < QUOTA_PATIENCE:
                return False
            self._told = now
            return True


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that Retry-After asks for, at most 60; 0 without a valid header."""
    try:
        return min(Retry().parse_retry_after(headers.get("Retry-After", "0")), 60.0)
    except (InvalidHeader, OverflowError, ValueError):
        return 0.0


def require_success(answer: Answer) -> Answer:
    """The answer, if its status is 2xx. Raises ServiceError in the service's own words."""
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise error_of_answer(answer)
    return answer


def error_of_answer(answer: Answer) -> ServiceError:
    """What an answer that is an error says."""
    error = error_of(answer.status, *_status_and_message(answer))
    error.retry_after = retry_after(answer.headers)
    error.is_refusal = _is_refusal(answer)
    return error


def error_of(http_status: int, code: str | None, message: str) -> ServiceError:
    """The error of an answer; its ``code`` where it carries a status of google.rpc."""
    code = code or _STATUS.get(http_status, f"HTTP_{http_status}")
    kind = _CLASSES.get(code, ServiceError)
    return kind(code, message, hint=hint_for(code, message))


def send_once(send: Callable[[], T]) -> T:
    """``send()``, which makes one change. Raises ServiceError.

    The caller must read the current state before it sends the change again: after a BadAnswer
    or ConnectionFailed it may have taken effect. Google's libraries raise any exception where
    an answer is not what they expect: a list in place of an error is an AttributeError.
    """
    try:
        return send()
    except Exception as failure:
        try:
            error = to_service_error(failure)
        except Exception:
            words = f"{type(failure).__name__}: {failure}"[:300]
            error = bad_answer("Google's client library", words)
        raise error from _cause(failure, error)


def to_service_error(failure: Exception) -> ServiceError:
    """Converts a failed request to a ServiceError; re-raises anything else."""
    if isinstance(failure, ServiceError):
        return failure
    if (response := _response(failure)) is not None:
        return error_of_answer(
            Answer(
                request_words(response.request),
                response.status_code,
                response.headers,
                response.content,
            )
        )
    match failure:
        case requests.exceptions.ContentDecodingError() | requests.JSONDecodeError():
            return bad_answer(_where(failure), str(failure))
        case requests.RequestException():
            message = _connection_words(failure)
            error = ConnectionFailed("CONNECTION", message, hint=_connection_hint(failure))
            error.is_refusal = _was_not_connected(failure)
            return error
        case GoogleAuthError():
            return _token_error(failure)
        case _:
            raise failure


def _is_refusal(answer: Answer) -> bool:
    """Whether the service itself has refused: not a proxy, which answers in other forms.

    Nobody passes on a request that is one too many.
    """
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if not HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return False
    match answer.parse_json_or_none():
        case {"error": {"message": str()}}:
            return answer.status not in _UNDECIDED
    return False


def _scattered(longest: float, first: float, attempt: int) -> float:
    return CHANCE.uniform(0.5, 1.0) * min(longest, first * float(2**attempt))


def _token_error(failure: GoogleAuthError) -> ServiceError:
    """The error for a request that was not sent for want of a token."""
    causes = (failure, failure.__cause__)
    may_pass = failure.retryable or any(isinstance(each, TransportError) for each in causes)
    code = "UNAVAILABLE" if may_pass else "UNAUTHENTICATED"
    error = error_of(0, code, f"no usable Google credentials: {failure}")
    error.is_refusal = True
    return error


def _cause(failure: Exception, error: ServiceError) -> Exception | None:
    """What to raise the error from: not from itself."""
    return failure.__cause__ if failure is error else failure  # type: ignore[return-value]


def _response(failure: Exception) -> requests.Response | None:
    """The answer that an error of Google's libraries holds."""
    response = getattr(failure, "response", None)
    return response if isinstance(response, requests.Response) else None


def _status_and_message(answer: Answer) -> tuple[str | None, str]:
    """Status and message of an error; the answer's words where it is none of Google's."""
    match answer.parse_json_or_none():
        case {"error": {"message": str(message), "status": str(status)}} if message:
            return status or None, message
        case {"error": {"message": str(message)}} if message:
            return None, message
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        to = answer.headers.get("Location", "").partition("?")[0]
        return None, (
            f"{answer.request}: a redirect to {to or 'nowhere'}, which is not followed;"
            " use the address that it leads to"
        )
    return None, f"{answer.request}: {answer.words or 'no reason is given'}"


def _where(failure: requests.RequestException) -> str:
    request = failure.request
    return request_words(request) if isinstance(request, requests.PreparedRequest) else "?"


def _connection_words(failure: requests.RequestException) -> str:
    url = failure.request.url if failure.request else None
    where = re.sub(r"(://[^/]+).*", r"\1", url or "the service")
    if _nobody_listens(failure):
        return f"nobody listens at {where}"
    reason = _innermost(failure)
    words = reason.strerror if isinstance(reason, OSError) else None
    words = re.sub(r"\?\S+", "?…", words or str(reason)) or type(reason).__name__
    return f"the connection to {where} failed: {words}"


def _connection_hint(failure: requests.RequestException) -> str | None:
    if _nobody_listens(failure):
        return "Is the address right, and the sandbox running (`flowdeploy sandbox serve`)?"
    if isinstance(_innermost(failure), socket.gaierror):
        return "Its name could not be looked up: is it right, and is there a network?"
    return hint_for("CONNECTION", "")


def _nobody_listens(failure: Exception) -> bool:
    return isinstance(_innermost(failure), ConnectionRefusedError)


def _was_not_connected(failure: requests.RequestException) -> bool:
    """Whether there was no connection, so that nothing was sent."""
    reason = next((each for each in failure.args if isinstance(each, MaxRetryError)), None)
    return reason is not None and isinstance(reason.reason, ConnectTimeoutError)


def _innermost(failure: BaseException) -> BaseException:
    """The first cause: requests and urllib3 wrap the system's few words in many of their own."""
    while True:
        held = (getattr(failure, "reason", None), *failure.args, failure.__cause__)
        cause = next((each for each in held if isinstance(each, BaseException)), None)
        if cause is None:
            return failure
        failure = cause
