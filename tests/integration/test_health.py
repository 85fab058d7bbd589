"""The pages of applications, asked until they answer; the applications are the sandbox's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web as aiohttp_web
from aiohttp.typedefs import Handler

from flowdeploy.clients.web import PageAnswer, Web
from flowdeploy.config.values import HealthConfig
from flowdeploy.errors import ServiceError
from flowdeploy.planning.urls import dark_url, live_url
from flowdeploy.rollout.contract import Pause
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App
from flowdeploy.steps.traffic.health import wait_until_healthy

if TYPE_CHECKING:
    from tests.integration.conftest import Remote

HOST = "akvoflow-1.ew.r.appspot.com"
URL = dark_url("1", "default", HOST)
HEALTH = HealthConfig(path="/", timeout=10.0, attempts=10)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking for a page."""

    attempts: int | None
    error: ServiceError | None
    pauses: tuple[Pause, ...]
    notes: tuple[str, ...]

    @property
    def refusal(self) -> str:
        assert self.error
        assert self.error.code == "UNHEALTHY"
        return f"{self.error.message} {self.error.hint}"


def ask(web: Web, url: str = URL, health: HealthConfig = HEALTH) -> Asked:
    """Ask as a worker does who does not wait."""
    pauses: list[Pause] = []
    notes: list[str] = []
    running = wait_until_healthy(web, url, health, notes.append)
    while True:
        try:
            pauses.append(next(running))
        except StopIteration as end:
            return Asked(end.value, None, tuple(pauses), tuple(notes))
        except ServiceError as error:
            return Asked(None, error, tuple(pauses), tuple(notes))


@dataclass(frozen=True, slots=True)
class Application:
    """An application behind something that gives ``answers`` first, and sees every request."""

    url: str
    answers: list[aiohttp_web.Response]
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    answers: list[aiohttp_web.Response] = []
    headers: list[dict[str, str]] = []

    @aiohttp_web.middleware
    async def before(request: aiohttp_web.Request, handler: Handler) -> aiohttp_web.StreamResponse:
        headers.append(dict(request.headers))
        return answers.pop(0) if answers else await handler(request)

    with Sandbox(tmp_path / "sandbox", [App("akvoflow-1")], middlewares=[before]) as sandbox:
        yield Application(sandbox.url, answers, headers)


def test_a_page_that_answers_needs_one_attempt(remote: Remote) -> None:
    asked = ask(Web(remote.url, 2))
    assert (asked.attempts, asked.pauses) == (1, ())
    assert asked.notes == (f"asking {URL}/",)
    [entry] = [r for r in remote.requests() if r["host"].endswith("appspot.com")]
    assert entry["host"] == f"1-dot-default-dot-{HOST}"


def test_a_page_that_gets_well_is_asked_until_it_does(remote: Remote) -> None:
    remote.fault("unhealthy", project="akvoflow-1", times=7)
    asked = ask(Web(remote.url, 2))
    assert asked.attempts == 8
    assert [pause.seconds for pause in asked.pauses] == [1, 2, 3, 4, 5, 5, 5]
    assert "503 Service Unavailable; attempt 2 of 10 follows" in asked.pauses[0].note


def test_a_page_that_stays_unwell_is_told(remote: Remote) -> None:
    remote.fault("unhealthy", project="akvoflow-1")
    asked = ask(Web(remote.url, 2), health=HealthConfig("/ready", 10.0, 3))
    assert len(asked.pauses) == 2
    for part in ("/ready", "3 attempts", "503 Service Unavailable", "log"):
        assert part in asked.refusal


def test_the_version_that_is_meant_is_asked(remote: Remote) -> None:
    remote.put_version("akvoflow-1", "2")
    remote.fault("unhealthy", target="apps/akvoflow-1/services/default/versions/2")
    web = Web(remote.url, 2)
    assert ask(web, live_url("default", HOST)).attempts == 1
    assert ask(web, dark_url("2", "default", HOST), HealthConfig("/", 10.0, 1)).error


def test_a_page_that_is_not_there_is_told(remote: Remote) -> None:
    asked = ask(Web(remote.url, 2), dark_url("9", "default", HOST), HealthConfig("/", 10.0, 1))
    assert "1 attempt: it answered 404 Not Found" in asked.refusal
    assert "`health.path`" in asked.refusal


def test_a_connection_that_fails_is_an_attempt(remote: Remote) -> None:
    remote.fault("reset", project="akvoflow-1", times=1)
    asked = ask(Web(remote.url, 2))
    assert asked.attempts == 2
    assert "connection" in asked.pauses[0].note


def test_a_refused_connection_is_unhealthy() -> None:
    asked = ask(Web("http://127.0.0.1:9", 2), health=HealthConfig("/", 10.0, 1))
    assert "nobody listens at http://127.0.0.1:9" in asked.refusal


def test_an_attempt_has_its_time(remote: Remote) -> None:
    remote.settings(latency=1.0)
    answer = Web(remote.url, 2).ask(f"{URL}/", 0.05)
    assert answer.status is None
    assert "timed out" in answer.words


def test_a_page_that_sends_people_on_is_not_well(application: Application) -> None:
    login = {"Location": "https://accounts.example.org/login?continue=secret"}
    application.answers.append(aiohttp_web.Response(status=302, headers=login))
    asked = ask(Web(application.url, 2), health=HealthConfig("/", 10.0, 1))
    assert "302 Found, which leads to https://accounts.example.org/login " in f"{asked.refusal} "
    assert "answers 200 itself" in asked.refusal
    assert "secret" not in asked.refusal
    assert len(application.headers) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_status_is_healthy(application: Application, status: int) -> None:
    application.answers.append(aiohttp_web.Response(status=status))
    assert ask(Web(application.url, 2)).attempts == 1


def test_a_status_without_a_name_is_told(application: Application) -> None:
    application.answers.append(aiohttp_web.Response(status=599, reason=""))
    assert Web(application.url, 2).ask(f"{URL}/", 10.0) == PageAnswer(599, "599")


def test_health_requests_carry_no_credentials_or_cookies(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web = Web(application.url, 2)
    for _ in range(2):
        assert ask(web).attempts == 1
    assert len(application.headers) == 2
    for headers in application.headers:
        assert not headers.keys() & {"Authorization", "Cookie"}


def test_without_a_sandbox_pages_are_asked_for_at_their_hosts(application: Application) -> None:
    asked = ask(Web(None, 2), application.url, HealthConfig("/_sandbox/clock?a=b", 10.0, 1))
    assert asked.attempts == 1
    [headers] = application.headers
    assert headers["Host"] == application.url.removeprefix("http://")
