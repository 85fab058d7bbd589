"""The client of App Engine against a server with odd answers: each becomes one clear error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from google.auth.credentials import AnonymousCredentials

from flowdeploy.appengine.resources import DeployedVersion
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.http import GoogleSession
from flowdeploy.errors import ServiceError
from flowdeploy.planning.traffic import Split
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answers = Callable[[web.Request], web.Response | None]
V0 = {
    "id": "v0",
    "runtime": "java21",
    "deployment": {"container": {"image": "gcr.io/somebody/else"}},
}
OPERATION = "apps/akvoflow-1/operations/6c21e8a0"
STRANGER = {
    "name": OPERATION,
    "metadata": {"@type": "type.googleapis.com/google.appengine.v2.Unheard", "method": "m"},
    "done": True,
    "response": {"@type": "type.googleapis.com/google.appengine.v2.Unheard", "name": "n"},
}


@contextmanager
def _engine(folder: Path, answers: Answers) -> Iterator[AppEngine]:
    """A client of a sandbox, some of whose answers are replaced."""

    @web.middleware
    async def instead(request: web.Request, handler: Handler) -> web.StreamResponse:
        return answers(request) or await handler(request)

    with Sandbox(folder, [App("akvoflow-1")], middlewares=[instead]) as sandbox:
        yield AppEngine(sandbox.url, GoogleSession(AnonymousCredentials(), 2))


def _always(response: Callable[[], web.Response], method: str) -> Answers:
    return lambda request: response() if request.method == method else None


def _html(status: int) -> Callable[[], web.Response]:
    text = f"<html><title>Error {status}</title></html>"
    return lambda: web.Response(status=status, text=text, content_type="text/html")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (409, "ABORTED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "BAD_GATEWAY"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (418, "HTTP_418"),
    ],
)
def test_a_page_of_a_front_end_is_an_error_with_a_code(
    tmp_path: Path, status: int, code: str
) -> None:
    """Changes are sent once: whether to send them again is not the client's to say."""
    asked = []

    def answers(request: web.Request) -> web.Response | None:
        asked.append(request.method)
        return _html(status)()

    with _engine(tmp_path, answers) as engine, pytest.raises(ServiceError) as error:
        engine.set_split("akvoflow-1", "default", Split.all_to("1"))
    assert error.value.code == code
    assert error.value.message
    assert asked == ["PATCH"]


def test_googles_error_message_is_kept_whole(tmp_path: Path) -> None:
    words = "Permission 'appengine.services.update' denied on resource."
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": words}}
    answers = _always(lambda: web.json_response(body, status=403), "PATCH")
    with _engine(tmp_path, answers) as engine, pytest.raises(ServiceError) as error:
        engine.set_split("akvoflow-1", "default", Split.all_to("1"))
    assert (error.value.code, error.value.message) == ("PERMISSION_DENIED", words)
    assert error.value.hint


def test_a_split_has_every_share_and_how_it_is_sharded(tmp_path: Path) -> None:
    with _engine(tmp_path, lambda _: None) as engine:
        engine.create_version("akvoflow-1", "default", V0)
        operation = engine.set_split("akvoflow-1", "default", Split({"1": 0.9, "v0": 0.1}, "IP"))
        assert (operation.done, operation.error) == (True, None)
        assert engine.split("akvoflow-1", "default") == Split({"1": 0.9, "v0": 0.1}, "IP")
        assert engine.split("akvoflow-1", "api") is None
        assert engine.app("nobody-here") is None
        assert engine.find_version("akvoflow-1", "default", "v9") is None


def test_an_operation_of_an_unknown_type_is_read(tmp_path: Path) -> None:
    answers = _always(lambda: web.json_response(STRANGER), "GET")
    with _engine(tmp_path, answers) as engine:
        operation = engine.operation(OPERATION)
    assert (operation.name, operation.done, operation.error) == (OPERATION, True, None)


@pytest.mark.parametrize("text", ["", "<html>", "[]", "null", "{}", '{"done": true}'])
def test_a_change_whose_answer_cannot_be_read_may_have_happened(tmp_path: Path, text: str) -> None:
    answers = _always(lambda: web.Response(text=text, content_type="application/json"), "POST")
    with _engine(tmp_path, answers) as engine, pytest.raises(ServiceError) as error:
        engine.create_version("akvoflow-1", "default", V0)
    assert error.value.code == "UNKNOWN"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"code": 13, "message": "An internal error occurred."}, "INTERNAL", "An internal error"),
        ({"code": 9, "message": "Cloud build x status: FAILURE"}, "FAILED_PRECONDITION", "Cloud"),
        ({"code": 99, "message": "new"}, "RPC_99", "new"),
        ({"message": "nothing more"}, "UNKNOWN", "nothing more"),
        ({"code": 3}, "INVALID_ARGUMENT", "no message"),
    ],
)
def test_a_failed_operation_has_its_error(
    tmp_path: Path, error: dict[str, Any], code: str, message: str
) -> None:
    body = {"name": OPERATION, "done": True, "error": error}
    with _engine(tmp_path, _always(lambda: web.json_response(body), "GET")) as engine:
        failed = engine.operation(OPERATION).error
    assert failed
    assert failed.code == code
    assert failed.message.startswith(message)


@pytest.mark.parametrize(
    ("entry", "sha1"),
    [
        ({"sha1Sum": "A9993E36_4706816A_BA3E2571_7850C26C_9CD0D89D"}, True),
        ({"sha1Sum": "a9993e364706816aba3e25717850c26c9cd0d89d"}, True),
        ({"sourceUrl": "https://x/a9993e364706816aba3e25717850c26c9cd0d89d"}, True),
        ({"sourceUrl": "https://x/other"}, False),
    ],
)
def test_a_files_digest_is_read_in_every_form(
    tmp_path: Path, entry: dict[str, str], sha1: bool
) -> None:
    body = {"id": "v0", "servingStatus": "SERVING", "deployment": {"files": {"a": entry}}}
    with _engine(tmp_path, _always(lambda: web.json_response(body), "GET")) as engine:
        deployed = engine.find_version("akvoflow-1", "default", "v0")
    assert deployed
    assert deployed.files
    assert (deployed.files["a"] == "a9993e364706816aba3e25717850c26c9cd0d89d") is sha1


def test_files_can_be_asked_for_without_the_settings(tmp_path: Path) -> None:
    seen: list[str] = []
    body = {"servingStatus": "STOPPED", "deployment": {"files": {"a": {"sha1Sum": "a" * 40}}}}

    def answer(request: web.Request) -> web.Response:
        seen.append(request.query["fields"])
        return web.json_response(body)

    with _engine(tmp_path, answer) as engine:
        deployed = engine.find_version("akvoflow-1", "default", "v0", settings=False)
    assert deployed == DeployedVersion("STOPPED", {"a": "a" * 40})
    assert seen == ["servingStatus,deployment(files,zip)"]


def test_a_read_waits_as_long_as_the_server_asks(tmp_path: Path) -> None:
    """And is then made again; the answer to that counts."""
    busy = [web.json_response({}, status=429, headers={"Retry-After": "1"})]
    with _engine(tmp_path, lambda _: busy.pop() if busy else None) as engine:
        assert engine.app("akvoflow-1")
    assert busy == []


def test_zeros_are_sent(tmp_path: Path) -> None:
    """As gcloud sends them, and its library for Python does not."""
    scaling = {"standardSchedulerSettings": {"minInstances": 0}}
    bodies = []

    async def body(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            bodies.append(await request.json())
        return await handler(request)

    with Sandbox(tmp_path, [App("akvoflow-1")], middlewares=[web.middleware(body)]) as sandbox:
        engine = AppEngine(sandbox.url, GoogleSession(AnonymousCredentials(), 2))
        engine.create_version("akvoflow-1", "default", {**V0, "automaticScaling": scaling})
    assert [found["automaticScaling"] for found in bodies] == [scaling]


def test_credentials_of_other_tools_go_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login netrc password netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    authorizations: list[str | None] = []

    def listening(request: web.Request) -> None:
        authorizations.append(request.headers.get("Authorization"))

    with _engine(tmp_path, listening) as engine:
        engine.app("akvoflow-1")
    assert authorizations == [None]


def test_a_refused_connection_is_reported_without_a_retry(tmp_path: Path) -> None:
    with _engine(tmp_path, lambda _: None) as engine:
        pass
    with pytest.raises(ServiceError) as error:
        engine.app("akvoflow-1")
    assert error.value.code == "CONNECTION"
    assert error.value.message.startswith("nobody listens at http://127.0.0.1:")
