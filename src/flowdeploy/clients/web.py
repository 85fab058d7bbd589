"""Pages of the applications, requested without credentials or cookies."""

from dataclasses import dataclass
from http.client import responses
from urllib.parse import urlsplit

import requests

from flowdeploy.clients.failures import to_service_error
from flowdeploy.clients.http import StayingSession, prepare


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """How a page answered. ``status`` is HTTP's, or None where there was no answer; ``words``
    say what happened.

    ``location`` is where a redirect leads, without its query.
    """

    status: int | None
    words: str
    location: str | None = None

    @property
    def is_well(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Web:
    """Requests pages, from any thread.

    ``root`` is the server that all pages are requested from, by their host's name; None:
    from their own hosts.
    """

    def __init__(self, root: str | None, connections: int) -> None:
        self._root = root
        self._session = StayingSession()
        prepare(self._session, connections)

    def ask(self, url: str, timeout: float) -> PageAnswer:
        """The head of the page's answer, within ``timeout`` seconds. No redirect is followed."""
        address, headers = self._address(url)
        try:
            with self._session.get(
                address,
                headers=headers,
                timeout=timeout,
                stream=True,  # the body stays where it is
            ) as response:
                return _answer(response)
        except requests.RequestException as failure:
            return PageAnswer(None, to_service_error(failure).message)

    def _address(self, url: str) -> tuple[str, dict[str, str]]:
        if self._root is None:
            return url, {}
        parts = urlsplit(url)
        path = parts._replace(scheme="", netloc="").geturl()
        return f"{self._root}{path}", {"Host": parts.netloc}


def _answer(response: requests.Response) -> PageAnswer:
    # HTTP/2 and some servers send no reason.
    reason = response.reason or responses.get(response.status_code, "")
    words = f"{response.status_code} {reason}".strip()
    location = response.headers.get("Location", "").partition("?")[0] or None
    return PageAnswer(response.status_code, words, location if response.is_redirect else None)
