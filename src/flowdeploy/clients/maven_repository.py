"""HTTP to one Maven repository: PUT with credentials, GET without; the only place of retries."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, TypeVar

import requests
from requests.auth import HTTPBasicAuth

from flowdeploy.clients.answers import Answer, Form, read_answer
from flowdeploy.clients.failures import retry_after
from flowdeploy.clients.http import prepare, read_to_end
from flowdeploy.clients.repository import CHUNK, Checksums, Repository, RepositoryFile
from flowdeploy.errors import BadAnswer, ServiceError
from flowdeploy.maven import clojars_rules
from flowdeploy.maven.repository_rules import without_user

_CONNECTIONS = 2
_REDIRECTS = 5
_SERVER_ERROR = 500
_HINTS = {
    401: "The repository does not know this user with this password.",
    403: "The repository does not let this user put this file.",
    413: "The file is too large for the repository.",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PublishedVersionForm:
    version: str


@dataclass(frozen=True, slots=True)
class ArtifactForm:
    """Clojars' API calls its fields by other names than Google does."""

    recent_versions: list[PublishedVersionForm]


ARTIFACT = Form(ArtifactForm)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is sent, how often a file is looked for, and the seconds between.

    The first wait is doubled until it is the longest. The default looks for a file
    that was published for five minutes: Clojars' cache shows it in seconds, or,
    where it remembers that it was missing, in a day. ``timeout`` are the seconds for a
    request without its bodies: Clojars takes some for the checks of a publish.
    """

    attempts: int = 5
    looks: int = 14
    first: float = 1.0
    longest: float = 30.0
    timeout: float = 120.0

    def waits(self, attempts: int) -> Iterator[float]:
        """The seconds after each attempt but the last."""
        for n in range(attempts - 1):
            yield min(self.first * 2**n, self.longest)


class Rejected(ServiceError):
    """The repository refused a request; ``title`` is its own, empty where it gave none."""

    def __init__(self, status: int, title: str, words: str, request: str, hint: str | None) -> None:
        super().__init__(f"HTTP_{status}", words, details=[request], hint=hint)
        self.status = status
        self.title = title


class Unanswered(ServiceError):
    """No answer, or one that says nothing of the request, which may have been carried out."""

    def __init__(self, code: str, message: str, request: str, retry_after: float = 0.0) -> None:
        super().__init__(
            code, message, details=[request], hint="Run it again: it continues where it was."
        )
        self.retry_after = retry_after


class Throttled(Unanswered):
    """The repository has had too many requests; it is asked again for minutes."""


class RepositoryClient:
    """Reads and sends files; ``say`` hears one line for each thing that is done."""

    def __init__(
        self, repository: Repository, patience: Patience, say: Callable[[str], None]
    ) -> None:
        self.repository = repository
        self.patience = patience
        self.say = say
        self._session = _RepositorySession()
        prepare(self._session, _CONNECTIONS)

    def close(self) -> None:
        self._session.close()

    def put(self, file: RepositoryFile) -> None:
        """Send a file, until there is an answer. Raises Rejected, and at last Unanswered."""
        self._retry(lambda: self.put_once(file))

    def put_once(self, file: RepositoryFile) -> None:
        """Send a file. Raises Rejected or Unanswered."""
        url = self.repository.address(file.path)
        with file.open() as body, self._send("PUT", url, body):
            pass

    def read(self, url: str) -> bytes | None:
        """The file at an address, or None where there is none. Raises ServiceError."""
        return self._retry(lambda: self._read(url, lambda response: read_answer(response).content))

    def published_versions(self, url: str) -> tuple[str, ...]:
        """The versions that Clojars' API knows of an artifact, the oldest first; it answers at
        ``url`` with the newest first. Raises ServiceError."""
        found = self._retry(lambda: self._read(url, lambda r: ARTIFACT.read(read_answer(r))))
        return tuple(entry.version for entry in reversed(found.recent_versions if found else []))

    def checksums(self, path: str) -> Checksums | None:
        """The checksums of a file, or None where there is none. Raises ServiceError."""
        url = self.repository.address(path)
        return self._retry(
            lambda: self._read(url, lambda response: Checksums.of(response.iter_content(CHUNK)))
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
            with self._send("GET", url) as response, _name_failures(f"GET {url}"):
                return take(response)
        except Rejected as error:
            if error.status == requests.codes.not_found:
                return None
            raise

    def _retry(self, request: Callable[[], T]) -> T:
        waits = self.patience.waits(self.patience.attempts)
        throttled = self.patience.waits(self.patience.looks)
        while True:
            try:
                return request()
            except Unanswered as error:
                wait = next(throttled if isinstance(error, Throttled) else waits, None)
                if wait is None:
                    raise
                wait = max(wait, min(error.retry_after, self.patience.longest))
                self.say(f"{error.message}: again in {wait:g} s")
            time.sleep(wait)

    def _send(self, method: str, url: str, body: BinaryIO | None = None) -> requests.Response:
        # ValueError: of a Location that is no address.
        with _name_failures(f"{method} {url}", (requests.RequestException, ValueError)):
            response = self._session.request(
                method,
                url,
                data=body,
                auth=self._identity() if method == "PUT" else None,
                # A redirected PUT would take the token and the body to an unknown place.
                allow_redirects=method == "GET",
                stream=True,
                timeout=self.patience.timeout,
            )
            if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
                with response:
                    raise self._refusal(response, f"{method} {url}")
            return response

    def _identity(self) -> HTTPBasicAuth | None:
        """Basic authentication in UTF-8 (RFC 7617); None where the repository wants none."""
        user, token = self.repository.credentials
        return HTTPBasicAuth(user.encode(), token.encode()) if user or token else None

    def _refusal(self, response: requests.Response, request: str) -> ServiceError:
        status = response.status_code
        try:
            title, words = _explain(read_answer(response), response.reason)
        except BadAnswer:
            title, words = "", f"{status} {response.reason}"
        if status == requests.codes.too_many_requests or status >= _SERVER_ERROR:
            kind = Unanswered if status >= _SERVER_ERROR else Throttled
            return kind(f"HTTP_{status}", words, request, retry_after(response.headers))
        if status < HTTPStatus.BAD_REQUEST:
            to = without_user(response.headers.get("Location", "nowhere").partition("?")[0])
            hint: str | None = f"Set library.repository to where it leads: {to}"
        elif self.repository.api is not None:
            hint = clojars_rules.hint(status, title)
        else:
            hint = _HINTS.get(status)
        return Rejected(status, title, words, request, hint)


class _RepositorySession(requests.Session):
    """Never takes credentials from ~/.netrc for the target of a redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = _REDIRECTS

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None:
            read_to_end(resp)
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: object) -> None:
        del response
        prepared_request.headers.pop("Authorization", None)


@contextmanager
def _name_failures(
    request: str, failures: tuple[type[Exception], ...] = (requests.RequestException,)
) -> Iterator[None]:
    """Converts failures of a connection, and answers that cannot be read, to Unanswered."""
    try:
        yield
    except BadAnswer as error:
        if error.code != "UNKNOWN":
            raise
        raise Unanswered(error.code, error.message, request) from error
    except failures as error:
        cause: BaseException = error
        while cause.__context__ is not None:
            cause = cause.__context__
        reason = str(cause) or type(cause).__name__
        raise Unanswered("NO_ANSWER", f"no answer: {reason}", request) from error


def _explain(answer: Answer, reason: str) -> tuple[str, str]:
    """The title of a refusal (RFC 9457), empty where there is none, and all that it says.

    ``reason`` is the one of its status line.
    """
    content_type = answer.headers.get("Content-Type", "")
    if "json" in content_type:
        match answer.parse_json_or_none():
            case {"title": str(title), "detail": str(detail)} if title and detail:
                return title, f"{title}: {detail}"
            case {"title": str(title)} if title:
                return title, title
    status = f"{answer.status} {reason}"
    return (
        "",
        f"{status}: {answer.words}" if answer.words and "json" not in content_type else status,
    )
