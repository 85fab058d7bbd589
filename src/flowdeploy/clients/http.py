"""HTTP sessions, and one request on one of them.

No session takes credentials from a .netrc, asks a proxy for this machine, or follows a
redirect unless it says so here. Every request ends in time: ``timeout`` is all that it may
take, but for the time of its bodies, by their size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import AuthorizedSession, Request
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import LocationValueError
from urllib3.util import Timeout

from flowdeploy.clients.answers import Answer, read_answer
from flowdeploy.clients.deadlines import Deadline, hold_deadline, use_deadlines
from flowdeploy.clients.failures import Retries
from flowdeploy.errors import BadAnswer, FlowdeployError
from flowdeploy.maven.repository_rules import is_loopback

TIMEOUT = 60.0  # seconds for a request and its answer
READ_TIMEOUT = 30.0  # of one that only reads
_SERVER_ERROR = 500
_CONNECT = 5.0  # seconds; three attempts of TCP, and less than who takes a lock over waits


class StayingSession(requests.Session):
    """Follows no redirect: it would send a change, or a token, to an unknown place."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class TokenRequest(Request):
    """Asks for a token. Where there may be one in a moment, the error says so.

    For google-auth an answer with 503 is most often a refusal like any other.
    """

    def __init__(self) -> None:
        session = requests.Session()
        prepare(session, connections=1)
        super().__init__(session)

    def __call__(self, *args: Any, **named: Any) -> Any:
        try:
            answer = super().__call__(*args, **named)  # type: ignore[no-untyped-call]
        except BadAnswer as error:
            raise TransportError(error.message) from error
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= _SERVER_ERROR:
            raise TransportError(f"the token's server answered with status {answer.status}")
        return answer


class GoogleSession(StayingSession, AuthorizedSession):
    """Sends credentials to Google, from as many threads as it has ``connections``.

    ``retry`` repeats what may be repeated. Looks once for each host into the environment, for
    proxies and authorities to trust: that is a third of a request's CPU."""

    def __init__(
        self, credentials: Credentials, connections: int, retries: Retries | None = None
    ) -> None:
        # google-auth has no types.
        super().__init__(credentials, auth_request=TokenRequest())  # type: ignore[no-untyped-call]
        self.connections = connections
        self.retries = retries or Retries()
        self.retry = self.retries.run
        self._environment: dict[str, Any] = {}
        prepare(self, connections)

    def request(self, *rest: Any, **named: Any) -> Any:
        """Raises GoogleAuthError, too, for a token's answer that google-auth cannot read."""
        with name_odd_tokens():
            return super().request(*rest, **named)  # type: ignore[no-untyped-call]

    def ensure_token(self) -> None:
        """Fetch a token if there is none for the next minutes. Raises ServiceError."""

        def ensure() -> None:
            with name_odd_tokens():
                self.credentials.before_request(self._auth_request, "GET", "", {})

        self.retry(ensure)

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._environment:
            found = super().merge_environment_settings(url, proxies, None, verify, cert)
            self._environment[host] = found
        return {**self._environment[host], "stream": bool(stream)}


@contextmanager
def name_odd_tokens() -> Iterator[None]:
    """Converts what google-auth raises of an odd answer of a token's server: any exception."""
    try:
        yield
    except (requests.RequestException, GoogleAuthError, FlowdeployError):
        raise
    except Exception as failure:
        words = f"the answer of the token's server is not understood: {type(failure).__name__}"
        raise RefreshError(words) from failure


class _Adapter(HTTPAdapter):
    """Gives each request its deadline, and leaves out the environment's proxy where it cannot
    reach: on this machine."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Without cookies. Python's jar prints a traceback where one is odd, and a page's would
        keep us at the version that answered first."""
        if (original := getattr(resp, "_original_response", None)) is not None:
            del original.msg["Set-Cookie"]
        return super().build_response(req, resp)

    def init_poolmanager(self, *rest: Any, **named: Any) -> None:
        super().init_poolmanager(*rest, **named)
        use_deadlines(self.poolmanager)

    def proxy_manager_for(self, *rest: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*rest, **named)
        use_deadlines(manager)
        return manager

    def send(
        self, request: requests.PreparedRequest, stream: bool = False, *rest: Any, **named: Any
    ) -> requests.Response:
        if is_loopback(urlsplit(request.url or "").hostname or ""):
            named["proxies"] = {}
        seconds = float(named.get("timeout") or TIMEOUT)
        named["timeout"] = Timeout(connect=min(seconds, _CONNECT), read=seconds)
        size = int(request.headers.get("Content-Length") or 0)
        with hold_deadline(Deadline.after(seconds, size)):
            try:
                response = super().send(request, stream, *rest, **named)
            except LocationValueError as error:  # a host's name from an answer may be none
                raise requests.exceptions.InvalidURL(error, request=request) from error
            return response if stream else read_to_end(response)


def read_to_end(response: requests.Response) -> requests.Response:
    """Keep an answer's body, where requests would read one without an end.

    Raises BadAnswer and RequestException.
    """
    with response:
        content = read_answer(response).content
    response.raw = HTTPResponse(BytesIO(content), preload_content=False)
    return response


def prepare(session: requests.Session, connections: int) -> None:
    """Give a session its rules, and a connection for each thread; requests keeps ten."""
    session.auth = _add_nothing
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_connections=8, pool_maxsize=connections))


def exchange(
    session: requests.Session, method: str, url: str, timeout: float | None = None, **content: Any
) -> Answer:
    """Send a request; its answer, of any status. Raises BadAnswer and RequestException."""
    timeout = timeout or (READ_TIMEOUT if method == "GET" else TIMEOUT)
    with session.request(method, url, stream=True, timeout=timeout, **content) as response:
        return read_answer(response)


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands where a .netrc would be looked for."""
    return request
