"""HTTP to one Maven repository: PUT with credentials, GET without, retried in this place only."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from flowdeploy.clients.repository import CHUNK, Repository, RepositoryFile
from flowdeploy.errors import ServiceError
from flowdeploy.maven import clojars_rules
from flowdeploy.maven.checksums import Checksums
from flowdeploy.maven.repository_rules import is_loopback

_TIMEOUTS = (10.0, 120.0)  # seconds to connect, and between two bytes of an answer
_SERVER_ERROR = 500
_DIRECTLY = {"http": "", "https": ""}  # a proxy of the environment cannot reach this machine
_HINTS = {
    401: "The repository does not know this user with this password.",
    403: "The repository does not let this user put this file.",
    413: "The file is too large for the repository.",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is sent, how often a file is looked for, and the seconds between.

    The first wait is doubled until it is the longest. The default looks for a file
    that was published for five minutes: Clojars' cache shows it in seconds, or,
    where it remembers that it was missing, in a day.
    """

    attempts: int = 5
    looks: int = 14
    first: float = 1.0
    longest: float = 30.0

    def waits(self, attempts: int) -> Iterator[float]:
        """The seconds after each attempt but the last."""
        for n in range(attempts - 1):
            yield min(self.first * 2**n, self.longest)


@dataclass(frozen=True, slots=True)
class RepositoryProblem:
    """Why a request failed, in the words of the repository (RFC 9457 where it speaks it)."""

    title: str
    detail: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.title, self.detail) if part)

    @classmethod
    def of(cls, answer: requests.Response) -> RepositoryProblem:
        if "json" in answer.headers.get("Content-Type", ""):
            with suppress(ValueError, AttributeError):
                said = json.loads(answer.content)
                if said.get("title"):
                    return cls(str(said["title"]), str(said.get("detail", "")))
        plain = "text/plain" in answer.headers.get("Content-Type", "")
        reason = f"{answer.status_code} {answer.reason}"
        return cls("", f"{reason}: {answer.text}" if plain and answer.text else reason)


class Rejected(ServiceError):
    """The repository said no; ``title`` is its own, empty where it gave none."""

    def __init__(
        self, status: int, problem: RepositoryProblem, request: str, hint: str | None
    ) -> None:
        super().__init__(f"HTTP_{status}", str(problem), details=[request], hint=hint)
        self.status = status
        self.title = problem.title


class Unanswered(ServiceError):
    """No answer, or one that says nothing of the request: it may have been carried out or not."""

    def __init__(self, code: str, message: str, request: str, retry_after: float = 0.0) -> None:
        super().__init__(
            code, message, details=[request], hint="Run it again: it goes on where it was."
        )
        self.retry_after = retry_after


class RepositoryClient:
    """``say`` hears one line for each thing that is done."""

    def __init__(
        self, repository: Repository, patience: Patience, say: Callable[[str], None]
    ) -> None:
        self.repository = repository
        self.patience = patience
        self.say = say
        self._session = _RepositorySession()
        host = urlsplit(repository.url).hostname or ""
        self._proxies = _DIRECTLY if is_loopback(host) else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def put(self, file: RepositoryFile) -> None:
        """Send a file, again and again where there is no answer.

        Raises Rejected, or Unanswered after the last attempt.
        """
        self._insist(lambda: self.put_once(file))

    def put_once(self, file: RepositoryFile) -> None:
        """Send a file. Raises Rejected or Unanswered."""
        url = self.repository.address(file.path)
        with file.open() as body, self._send("PUT", url, body):
            pass

    def read(self, url: str) -> bytes | None:
        """What lies there, or None where nothing does."""
        return self._insist(lambda: self._read(url, lambda answer: answer.content))

    def checksums(self, path: str) -> Checksums | None:
        """Of the file in the repository, or None where there is none."""
        url = self.repository.address(path)
        return self._insist(
            lambda: self._read(url, lambda answer: Checksums.of(answer.iter_content(CHUNK)))
        )

    def look_for(self, what: str, look: Callable[[], T | None]) -> T | None:
        """What ``look`` finds, in time; None where it does not appear."""
        for wait in self.patience.waits(self.patience.looks):
            found = look()
            if found is not None:
                return found
            self.say(f"{what} is not to be seen yet: looking again in {wait:g} s")
            time.sleep(wait)
        return look()

    def _read(self, url: str, take: Callable[[requests.Response], T]) -> T | None:
        try:
            with self._send("GET", url) as answer, _connected(f"GET {url}"):
                return take(answer)
        except Rejected as error:
            if error.status == requests.codes.not_found:
                return None
            raise

    def _insist(self, request: Callable[[], T]) -> T:
        for wait in self.patience.waits(self.patience.attempts):
            try:
                return request()
            except Unanswered as error:
                wait = max(wait, min(error.retry_after, self.patience.longest))
                self.say(f"{error.message}: again in {wait:g} s")
            time.sleep(wait)
        return request()

    def _send(self, method: str, url: str, body: BinaryIO | None = None) -> requests.Response:
        with _connected(f"{method} {url}"):
            answer = self._session.request(
                method,
                url,
                data=body,
                auth=_Identity(self.repository) if method == "PUT" else _Nobody(),
                # A redirected PUT would take the token and the body to an unknown place.
                allow_redirects=method == "GET",
                stream=True,
                timeout=_TIMEOUTS,
                proxies=dict(self._proxies),  # requests adds to them
            )
            if not answer.ok or answer.is_redirect:
                with answer:
                    raise self._refusal(answer, f"{method} {url}")
            return answer

    def _refusal(self, answer: requests.Response, request: str) -> ServiceError:
        status = answer.status_code
        problem = RepositoryProblem.of(answer)
        if status == requests.codes.too_many_requests or status >= _SERVER_ERROR:
            return Unanswered(f"HTTP_{status}", str(problem), request, _retry_after(answer))
        if answer.is_redirect:
            elsewhere = f"Set library.repository to where it leads: {answer.headers['Location']}"
            return Rejected(status, problem, request, elsewhere)
        known = self.repository.api is not None
        hint = clojars_rules.hint(status, problem.title) if known else _HINTS.get(status)
        return Rejected(status, problem, request, hint)


class _RepositorySession(requests.Session):
    """Never takes credentials from ~/.netrc for the target of a redirect."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: object) -> None:
        del response
        prepared_request.headers.pop("Authorization", None)


class _Identity(AuthBase):
    """Basic authentication in UTF-8 (RFC 7617); none where the repository wants none."""

    def __init__(self, repository: Repository) -> None:
        self._credentials = repository.credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if any(self._credentials):
            text = base64.b64encode(":".join(self._credentials).encode()).decode()
            request.headers["Authorization"] = f"Basic {text}"
        return request


class _Nobody(AuthBase):
    """No credentials at all, those of ~/.netrc included."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


@contextmanager
def _connected(request: str) -> Iterator[None]:
    """Turns the failures of a connection into Unanswered."""
    try:
        yield
    except requests.RequestException as error:
        cause: BaseException = error
        while cause.__context__ is not None:
            cause = cause.__context__
        reason = str(cause) or type(cause).__name__
        raise Unanswered("NO_ANSWER", f"no answer: {reason}", request) from error


def _retry_after(answer: requests.Response) -> float:
    """Seconds; 0 where it says nothing, or a date."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
