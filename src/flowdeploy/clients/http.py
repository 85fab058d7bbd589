"""HTTP sessions, and one request on one of them.

No session takes credentials from a .netrc, asks a proxy for this machine, or follows a
redirect unless it says so here.
"""

from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession
from requests.adapters import HTTPAdapter

from flowdeploy.clients.answers import Answer, read_answer
from flowdeploy.maven.repository_rules import is_loopback

TIMEOUT = 60.0  # seconds to connect, and between two bytes; requests would wait for ever


class StayingSession(requests.Session):
    """Follows no redirect: it would send a change, or a token, to an unknown place."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class GoogleSession(StayingSession, AuthorizedSession):
    """Sends credentials to Google, from as many threads as it has ``connections``.

    Looks once for each host into the environment, for proxies and authorities to trust:
    that is a third of a request's CPU."""

    def __init__(self, credentials: Credentials, connections: int) -> None:
        super().__init__(credentials)  # type: ignore[no-untyped-call]  # as all of google-auth
        self.connections = connections
        self._environment: dict[str, Any] = {}
        prepare(self, connections)

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._environment:
            found = super().merge_environment_settings(url, proxies, None, verify, cert)
            self._environment[host] = found
        return {**self._environment[host], "stream": bool(stream)}


class _Adapter(HTTPAdapter):
    """Leaves out the environment's proxy where it cannot reach: on this machine."""

    def send(self, request: requests.PreparedRequest, *rest: Any, **named: Any) -> Any:
        if is_loopback(urlsplit(request.url or "").hostname or ""):
            named["proxies"] = {}
        return super().send(request, *rest, **named)


def prepare(session: requests.Session, connections: int) -> None:
    """Give a session its rules, and a connection for each thread; requests keeps ten."""
    session.auth = _add_nothing
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_connections=8, pool_maxsize=connections))


def exchange(session: requests.Session, method: str, url: str, **content: Any) -> Answer:
    """Send a request; its answer, of any status. Raises BadAnswer and RequestException."""
    with session.request(method, url, stream=True, timeout=TIMEOUT, **content) as response:
        return read_answer(response)


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands where a .netrc would be looked for."""
    return request
