"""Waiting until a page of an application answers: a new version may need time to start."""

from collections.abc import Generator

from flowdeploy.clients.web import PageAnswer, Web
from flowdeploy.config.values import HealthConfig
from flowdeploy.errors import ServiceError
from flowdeploy.rollout.contract import Notify, Pause

UNHEALTHY = "UNHEALTHY"
LONGEST_WAIT = 5  # seconds; the first wait is one second, each later one a second longer
_HINTS = {
    401: "`health.path` should be a page that anybody may see.",
    403: "`health.path` should be a page that anybody may see.",
    404: "`health.path` should be a page of the application that answers 200.",
}
_LOOK = "Open it, and see the version's log: `gcloud app logs read --service SERVICE --project ID`."


def wait_until_healthy(
    web: Web, url: str, health: HealthConfig, notify: Notify
) -> Generator[Pause, None, int]:
    """Ask for the health page until it answers 2xx; the number of attempts that it took.

    ``url`` is the application's, without a path. Raises ServiceError UNHEALTHY where the
    last attempt fails, too.
    """
    page = url + health.path
    notify(f"asking {page}")
    for attempt in range(1, health.attempts + 1):
        answer = web.ask(page, health.timeout)
        if answer.is_well:
            return attempt
        if attempt < health.attempts:
            again = f"attempt {attempt + 1} of {health.attempts} follows"
            yield Pause(min(attempt, LONGEST_WAIT), f"{_describe(answer)}; {again}")
    attempts = "1 attempt" if health.attempts == 1 else f"{health.attempts} attempts"
    raise ServiceError(
        UNHEALTHY,
        # The same words for every host, so that equal failures are shown once.
        f"its page {health.path} is not healthy after {attempts}: {_describe(answer)}",
        hint=_hint(answer),
    )


def _describe(answer: PageAnswer) -> str:
    leading = f", which leads to {answer.location}" if answer.location else ""
    return f"it answered {answer.words}{leading}" if answer.status else answer.words


def _hint(answer: PageAnswer) -> str:
    if answer.status and 300 <= answer.status < 400:
        return "`health.path` should be a page that answers 200 itself: a login answers, too."
    return _HINTS.get(answer.status or 0, _LOOK)
