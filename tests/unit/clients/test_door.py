"""Whatever bytes come back, with whatever headers: a method of a client gives a value of its
type, or raises a ServiceError."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.clients import test_answers as samples
from tests.unit.clients.test_google_api import reply, server

from flowdeploy.appengine.resources import App, DeployedVersion, Operation
from flowdeploy.clients import failures, google_api, storage, transfers
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.bucket_store import BucketStore
from flowdeploy.clients.datastore import Datastore
from flowdeploy.clients.files import BucketFolder
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.maven_repository import Patience, RepositoryClient
from flowdeploy.clients.repository import Checksums, Repository, RepositoryFile
from flowdeploy.clients.scheduler import Scheduler
from flowdeploy.clients.service_usage import TASKS, ServiceUsage
from flowdeploy.clients.storage import Buckets, Listing
from flowdeploy.clients.tasks import Tasks
from flowdeploy.clients.web import PageAnswer, Web
from flowdeploy.errors import ServiceError
from flowdeploy.planning.traffic import Split
from flowdeploy.records.store import Stored

LOCATIONS = b'{"locations": [{"locationId": "l"}]}'
OBJECT = {"name": "a", "generation": "12"}
JOB = "projects/p/locations/l/jobs/j"
NOTHING = type(None)


@dataclass
class Clients:
    """All clients, a file that is uploaded in pieces, and a smaller one."""

    url: str
    folder: Path

    def __post_init__(self) -> None:
        session = GoogleSession(AnonymousCredentials(), 2)
        self.engine = AppEngine(self.url, session)
        self.tasks = Tasks(self.url, session)
        self.scheduler = Scheduler(self.url, session)
        self.datastore = Datastore(self.url, session)
        self.usage = ServiceUsage(self.url, session)
        self.buckets = Buckets(self.url, session)
        self.records = BucketStore(session, self.url, "b", "flowdeploy/")
        repository = Repository(f"{self.url}/repo", f"{self.url}/api", "user", "token")
        patience = Patience(attempts=1, looks=1, first=0.0)
        self.library = RepositoryClient(repository, patience, lambda _: None)
        self.web = Web(self.url, 2)
        self.large, self.small = self.folder / "large", self.folder / "small"
        self.large.write_bytes(b"x" * 50)
        self.small.write_bytes(b"x")


Call = Callable[[Clients], Any]
FILE = RepositoryFile.of("a.jar", b"x")
PUBLISHED = {"recent_versions": [{"version": "1"}]}
# What is called, the type of its value, and what a good answer has.
METHODS: dict[str, tuple[Call, type | tuple[type, ...], Any]] = {
    "app": (
        lambda c: c.engine.app("p"),
        (App, NOTHING),
        {"defaultHostname": "h", "codeBucket": "b", "servingStatus": "NEW"},
    ),
    "split": (
        lambda c: c.engine.split("p", "s"),
        (Split, NOTHING),
        {"split": {"allocations": {"1": 1}, "shardBy": "IP"}},
    ),
    "services": (
        lambda c: c.engine.services("p"),
        dict,
        {"services": [{"id": "s", "split": {"allocations": {"1": 1.0}}}]},
    ),
    "versions": (
        lambda c: [version.resource for version in c.engine.versions("p", "s")],
        list,
        {"versions": [{"id": "v", "createTime": samples.TIME}]},
    ),
    "version": (
        lambda c: c.engine.find_version("p", "s", "v"),
        (DeployedVersion, NOTHING),
        {**samples.VERSION, "runtime": "java21", "handlers": [{"urlRegex": "/"}], "network": {}},
    ),
    "content of a version": (
        lambda c: c.engine.find_version("p", "s", "v", settings=False),
        (DeployedVersion, NOTHING),
        samples.VERSION,
    ),
    "operation": (
        lambda c: c.engine.operation("apps/p/operations/1"),
        Operation,
        samples.OPERATION,
    ),
    "operations": (
        lambda c: c.engine.operations_under_way("p"),
        tuple,
        {"operations": [samples.OPERATION]},
    ),
    "dispatch rules": (
        lambda c: c.engine.dispatch_rules("p"),
        tuple,
        {"dispatchRules": [samples.RULE]},
    ),
    "create a version": (
        lambda c: c.engine.create_version("p", "s", {"id": "v", "runtime": "java21"}),
        Operation,
        samples.OPERATION,
    ),
    "create a version with a zero": (
        lambda c: c.engine.create_version("p", "s", {"threadsafe": False}),
        Operation,
        samples.OPERATION,
    ),
    "set a split": (
        lambda c: c.engine.set_split("p", "s", Split.all_to("v")),
        Operation,
        samples.OPERATION,
    ),
    "set dispatch rules": (
        lambda c: c.engine.set_dispatch_rules("p", [samples.RULE]),
        Operation,
        samples.OPERATION,
    ),
    "queues": (lambda c: c.tasks.queues("p"), tuple, {"queues": [samples.QUEUE]}),
    "put a queue": (
        lambda c: c.tasks.put("p", "q", {"type": "PULL"}, ["type"]),
        NOTHING,
        samples.QUEUE,
    ),
    "pause a queue": (lambda c: c.tasks.pause("p", "q"), NOTHING, samples.QUEUE),
    "resume a queue": (lambda c: c.tasks.resume("p", "q"), NOTHING, samples.QUEUE),
    "jobs": (lambda c: c.scheduler.jobs("p"), tuple, {"jobs": [samples.JOB]}),
    "create a job": (
        lambda c: c.scheduler.create("p", {"schedule": "every 1 hours"}),
        str,
        samples.JOB,
    ),
    "delete a job": (lambda c: c.scheduler.delete(JOB), NOTHING, {}),
    "pause a job": (lambda c: c.scheduler.pause(JOB), NOTHING, samples.JOB),
    "resume a job": (lambda c: c.scheduler.resume(JOB), NOTHING, samples.JOB),
    "indexes": (lambda c: c.datastore.indexes("p"), tuple, {"indexes": [samples.INDEX]}),
    "create an index": (
        lambda c: c.datastore.create("p", {"kind": "k"}),
        NOTHING,
        {"name": "projects/p/operations/1", "metadata": {}},
    ),
    "disabled APIs": (
        lambda c: c.usage.disabled_apis("p", [TASKS]),
        tuple,
        {"services": [{"name": f"projects/1/services/{TASKS}", "state": "ENABLED"}]},
    ),
    "objects": (
        lambda c: c.buckets.list_objects("b"),
        Listing,
        {"items": [{"name": "a", "timeCreated": samples.TIME}], "lifecycle": {"rule": [{}]}},
    ),
    "upload": (lambda c: c.buckets.upload("b", "o", c.small, ()), int, OBJECT),
    "upload a large file": (lambda c: c.buckets.upload("b", "o", c.large, ()), int, OBJECT),
    "download": (lambda c: c.buckets.download("b", "o", c.folder / "got"), NOTHING, OBJECT),
    "copy": (
        lambda c: c.buckets.copy(BucketFolder("a", ""), "b", ["o"], ()),
        frozenset,
        {"done": True, "rewriteToken": "t"},
    ),
    "compose": (lambda c: c.buckets.compose("b", "o", ["a"]), NOTHING, OBJECT),
    "read a record": (lambda c: c.records.read("r"), (Stored, NOTHING), {"updated": samples.TIME}),
    "write a record": (lambda c: c.records.write("r", b"x", 0), (int, NOTHING), OBJECT),
    "delete a record": (lambda c: c.records.delete("r", 1), NOTHING, {}),
    "records": (
        lambda c: c.records.objects("runs/"),
        tuple,
        {"items": [{"name": "a", "generation": "1", "timeCreated": samples.TIME}]},
    ),
    "the clock": (lambda c: c.records.now(), object, {}),
    "put a file": (lambda c: c.library.put(FILE), NOTHING, {"title": "t", "detail": "d"}),
    "read a file": (lambda c: c.library.read(f"{c.url}/repo/a"), (bytes, NOTHING), {}),
    "published versions": (
        lambda c: c.library.published_versions(f"{c.url}/api/g/a"),
        tuple,
        PUBLISHED,
    ),
    "checksums": (lambda c: c.library.checksums("a.jar"), (Checksums, NOTHING), {}),
    "a page": (lambda c: c.web.ask("https://v1.example.org/", 5.0), PageAnswer, {}),
}


def at_random_places(value: Any) -> st.SearchStrategy[Any]:
    """JSON as ``value``, in which some parts are absent or anything."""
    parts: st.SearchStrategy[Any] = st.just(value)
    if isinstance(value, dict) and value:
        each = {name: at_random_places(part) for name, part in value.items()}
        parts = st.fixed_dictionaries({}, optional=each)
    elif isinstance(value, list) and value:
        parts = st.lists(st.one_of([at_random_places(each) for each in value]), max_size=2)
    return parts | parts | parts | samples.JSON


# Values of headers; all but some are rarely written by a sane server.
WORDS = st.text(string.printable.strip() + " \xe4", max_size=20).map(str.strip)
VALUES = WORDS.filter(lambda text: "//" not in text) | st.sampled_from(
    [
        *(
            "",
            "0",
            "-1",
            "9" * 400,
            "9" * 5000,
            "gzip",
            "br",
            "x-zip",
            "chunked",
            "12",
            "bytes=0-0",
            "0-24",
        ),
        *("application/json; charset=x-no", "multipart/mixed; boundary=call", "text/plain"),
        *("Sat, 01 Aug 2026 07:30:34 GMT", "Sat, 99 Foo 99999999999 99:99:99 GMT", "yesterday"),
        *("http://[", "http:///x", "/", "//", "file:///x", "http://127.0.0.1:99999999/", "?"),
        *("a=b; expires=9; max-age=" + "9" * 400, "=;;", 'Basic realm="', "md5=x,crc32c=="),
    ]
)
NAMES = st.sampled_from(
    [
        *("Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding"),
        *("Content-Range", "Date", "ETag", "Last-Modified", "Location", "Range", "Retry-After"),
        *("Set-Cookie", "WWW-Authenticate", "X-Goog-Generation", "X-Goog-Hash", "X-\xe4"),
    ]
)
# Not 401: where no new token comes, google-auth leaves the answer to the garbage collector.
STATUS = st.sampled_from([200] * 9 + [201, 204, 299, 302, 307, 308, 400, 403, 404, 409, 412])
BYTES = st.binary(max_size=60) | st.sampled_from(
    [b"", b"<html>", b"\xff", b"[" * 200_000, b'{"a":' * 9999, b'{"name": ' + b"9" * 5000, b"NaN"]
)


@st.composite
def answers(draw: st.DrawFn, good: Any) -> bytes:
    body = draw(at_random_places(good).map(lambda value: json.dumps(value).encode()) | BYTES)
    headers = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    headers.setdefault("Content-Length", str(len(body)))
    head = [f"HTTP/1.1 {draw(STATUS)} Whatever", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body


@dataclass
class Door:
    """The clients, and what their server answers."""

    clients: Clients
    content: bytes = b""

    def answer(self, request: str) -> bytes:
        if "/locations HTTP" in request:
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LOCATIONS) + LOCATIONS
        return self.content


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failures, "ATTEMPTS", 1)
        patch.setattr(storage, "ATTEMPTS", 1)
        patch.setattr(transfers, "LARGE", 10)
        patch.setattr(transfers, "PIECE", 25)
        patch.setattr(google_api, "MOST_PAGES", 3)
        found: list[Door] = []
        with server(lambda _, request: found[0].answer(request)) as (url, _):
            found.append(Door(Clients(url, tmp_path_factory.mktemp("files"))))
            yield found[0]


# A broken answer's file may be collected after its socket, which Python warns of.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_comes_is_a_value_or_a_service_error(
    door: Door, method: str, data: st.DataObject
) -> None:
    call, kind, good = METHODS[method]
    door.content = data.draw(answers(good))
    found: Any
    try:
        found = call(door.clients)
    except ServiceError as error:
        found = error
    if isinstance(found, ServiceError):
        assert found.code
        assert found.message
    else:
        assert isinstance(found, kind)


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 70}.example", "[", "h:99999999", "\u202e"])
def test_a_host_that_is_none_has_no_page(host: str) -> None:
    """The host of an application's pages is what App Engine answers."""
    page = Web(None, 1).ask(f"https://{host}/", 1.0)
    assert page.status is None
    assert page.words


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"\xff", b"[]", b"null", b'"x"', b"{}", b"[" * 200_000, b"9" * 5000),
        *(b'{"access_token": "t", "expires_in": %s}' % each for each in (b'"x"', b"[]", b"1e99")),
    ],
)
def test_a_token_that_cannot_be_read_is_a_service_error(body: bytes) -> None:
    with server(lambda *_: reply(body)) as (url, requests):
        credentials = Credentials(
            None, refresh_token="r", token_uri=f"{url}/token", client_id="c", client_secret="s"
        )
        with pytest.raises(ServiceError) as error:
            AppEngine(url, GoogleSession(credentials, 2)).app("p")
    assert error.value.code == "UNAUTHENTICATED"
    assert all("/token" in request for request in requests)


def test_an_odd_cookie_prints_nothing(recwarn: pytest.WarningsRecorder) -> None:
    cookie = f"Set-Cookie: a=b; max-age={'9' * 400}"
    with server(lambda *_: reply(b"{}", "200 OK", cookie)) as (url, requests):
        web = Web(url, 2)
        assert [web.ask("https://v1.example.org/", 5.0).status for _ in range(2)] == [200, 200]
    assert not recwarn.list
    assert not any("Cookie" in request for request in requests)


@pytest.mark.parametrize(
    "bad", [reply(b"{}", "200 OK", "Content-Encoding: gzip"), reply(b"<html>"), reply(b"[1]")]
)
def test_the_library_is_asked_again_where_its_answer_cannot_be_read(bad: bytes) -> None:
    answers = [bad, reply(json.dumps(PUBLISHED).encode())]
    with server(lambda *_: answers.pop(0)) as (url, _):
        library = Repository(f"{url}/repo", f"{url}/api")
        client = RepositoryClient(library, Patience(2, first=0.0), lambda _: None)
        assert client.published_versions(f"{url}/api/g/a") == ("1",)
    assert not answers
