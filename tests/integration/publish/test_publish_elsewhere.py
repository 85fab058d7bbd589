"""Publishing to a repository that is not Clojars, and what is sent to whom."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from flowdeploy.clients.maven_repository import Patience
from flowdeploy.clients.repository import Repository
from flowdeploy.errors import Refused, ServiceError
from flowdeploy.steps.publish.library import Library, check_library
from flowdeploy.steps.publish.publish import publish_library
from flowdeploy.steps.publish.read_back import PublishResult

METADATA = "/repo/g/a/maven-metadata.xml"
JAR = "/repo/g/a/1.0/a-1.0.jar"
ONE_TRY = Patience(attempts=1, looks=1)
OVERWRITES, REFUSES = True, False


@dataclass
class Folder:
    """A web server's folder that takes PUT, and what it was asked.

    ``answers`` to a method and path have precedence: a status, and where to go next.
    ``left`` requests are answered before it falls silent. Unless it ``overwrites``, a
    version's file stays as it is.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    overwrites: bool = True
    left: int | None = None
    url: str = ""

    def puts(self) -> list[str]:
        return [path for method, path, _ in self.asked if method == "PUT"]

    def authorizations(self, method: str) -> set[str | None]:
        return {authorization for verb, _, authorization in self.asked if verb == method}

    def falls_silent(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def put(self, path: str, body: bytes) -> int:
        if path in self.files and not self.overwrites and METADATA not in path:
            return 403
        self.files[path] = body
        return 201


def _handler(folder: Folder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            self._serve(b"")

        def do_PUT(self) -> None:
            self._serve(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _serve(self, body: bytes) -> None:
            if folder.falls_silent():
                self.close_connection = True
                return
            folder.asked.append((self.command, self.path, self.headers["Authorization"]))
            status, location = folder.answers.get(f"{self.command} {self.path}", (0, ""))
            content = b""
            if not status and self.command == "PUT":
                status = folder.put(self.path, body)
            elif not status:
                status = 200 if self.path in folder.files else 404
                content = folder.files.get(self.path, b"")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def _serving(folder: Folder) -> Iterator[Folder]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder)) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        folder.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield folder
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def folder() -> Iterator[Folder]:
    with _serving(Folder()) as folder:
        yield folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path / "a.jar", tmp_path / "pom.xml")
    made.pom.write_text("<project><groupId>g</groupId><artifactId>a</artifactId></project>")
    _build(made, "one")
    return made


def _build(library: Library, content: str) -> None:
    with zipfile.ZipFile(library.jar, "w") as jar:
        jar.writestr("A.class", content)


def _repository(folder: Folder) -> Repository:
    return Repository(f"{folder.url}/repo", user="me", token="hünter2")


def _publish(library: Library, repository: Repository, version: str = "1.0") -> PublishResult:
    return publish_library(
        check_library(library, version, repository),
        repository,
        lambda _: None,
        patience=ONE_TRY,
    )


def _assert_complete(folder: Folder, library: Library, *versions: str) -> None:
    assert folder.files[f"/repo/g/a/{versions[-1]}/a-{versions[-1]}.jar"] == (
        library.jar.read_bytes()
    )
    for version in versions:
        assert f"<version>{version}</version>".encode() in folder.files[METADATA]
    plain = [path for path in folder.files if not path.endswith((".sha1", ".md5"))]
    for path in plain:
        for algorithm in ("sha1", "md5"):
            digest = hashlib.new(algorithm, folder.files[path]).hexdigest()
            assert folder.files[f"{path}.{algorithm}"] == digest.encode()


def test_any_maven_repository_will_do(folder: Folder, library: Library) -> None:
    repository = _repository(folder)
    assert _publish(library, repository) == PublishResult(False, folder.url + JAR)
    sent = len(folder.puts())
    assert _publish(library, repository) == PublishResult(True, folder.url + JAR)
    assert len(folder.puts()) == sent
    _publish(library, repository, "2.0")
    _assert_complete(folder, library, "1.0", "2.0")


@pytest.mark.parametrize("overwrites", [OVERWRITES, REFUSES])
def test_what_was_interrupted_is_completed(
    folder: Folder, library: Library, overwrites: bool
) -> None:
    _publish(library, _repository(folder), "0.1")
    before = len(folder.asked)
    _publish(library, _repository(folder), "0.2")
    folder.overwrites = overwrites
    versions = ["0.1", "0.2"]
    for n in range(len(folder.asked) - before):
        versions.append(f"1.{n}.x")
        folder.left = n
        with pytest.raises(ServiceError):
            _publish(library, _repository(folder), versions[-1])
        folder.left = None
        _publish(library, _repository(folder), versions[-1])
        _assert_complete(folder, library, *versions)


def test_wrong_checksums_are_put_right(folder: Folder, library: Library) -> None:
    _publish(library, _repository(folder))
    folder.files[f"{METADATA}.sha1"] = b"of the metadata before"
    folder.files[f"{JAR}.md5"] += b"  a-1.0.jar\n"
    before = len(folder.puts())
    assert not _publish(library, _repository(folder)).unchanged
    assert folder.puts()[before:] == [f"{METADATA}.sha1"]


def test_other_bytes_of_the_same_commit_stay_and_are_warned_about(
    folder: Folder, library: Library
) -> None:
    folder.files["/repo/g/a/2.0/a-2.0.jar"] = b"another build"
    published = _publish(library, _repository(folder), "2.0")
    assert "from another build" in published.warnings[0]
    assert folder.files["/repo/g/a/2.0/a-2.0.jar"] == b"another build"
    digest = hashlib.sha1(b"another build", usedforsecurity=False).hexdigest()
    assert folder.files["/repo/g/a/2.0/a-2.0.jar.sha1"] == digest.encode()


def test_metadata_that_cannot_be_read_are_not_overwritten(folder: Folder, library: Library) -> None:
    folder.files[METADATA] = b"<html>"
    with pytest.raises(ServiceError, match="cannot be read") as error:
        _publish(library, _repository(folder))
    assert error.value.code == "BAD_METADATA"
    assert folder.files[METADATA] == b"<html>"


def test_credentials_go_with_a_put_and_with_nothing_else(
    folder: Folder, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login netrc password netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    padded = replace(_repository(folder), user=" me", token="hünter2\n")
    _publish(library, padded)
    token = base64.b64encode("me:hünter2".encode()).decode()
    assert folder.authorizations("PUT") == {f"Basic {token}"}
    assert folder.authorizations("GET") == {None}


def test_this_machine_is_not_asked_through_a_proxy(
    folder: Folder, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert not _publish(library, _repository(folder)).unchanged


def test_a_repository_may_want_no_credentials(folder: Folder, library: Library) -> None:
    _publish(library, replace(_repository(folder), user="", token=""))
    assert folder.authorizations("PUT") == {None}


def test_credentials_do_not_follow_a_redirect(
    folder: Folder, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login netrc password netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    _publish(library, _repository(folder))
    with _serving(Folder(dict(folder.files))) as mirror:
        folder.answers[f"GET {JAR}"] = (302, mirror.url.replace("127.0.0.1", "localhost") + JAR)
        assert _publish(library, _repository(folder)).unchanged
        assert set(mirror.asked) == {("GET", JAR, None)}


def test_a_redirected_put_is_an_error_that_names_the_address(
    folder: Folder, library: Library
) -> None:
    folder.answers[f"PUT {JAR}"] = (301, "https://me:pw@repo.example.com/?signature=secret")
    with pytest.raises(ServiceError) as error:
        _publish(library, _repository(folder))
    assert (error.value.hint or "").endswith(" https://repo.example.com/")
    assert folder.puts() == [JAR]


@pytest.mark.parametrize(
    ("status", "words"), [(401, "does not know"), (403, "does not let"), (413, "too large")]
)
def test_a_refusal_says_what_to_do(
    folder: Folder, library: Library, status: int, words: str
) -> None:
    folder.answers[f"PUT {JAR}.md5"] = (status, "")
    with pytest.raises(ServiceError) as error:
        _publish(library, _repository(folder))
    assert (error.value.code, error.value.details) == (
        f"HTTP_{status}",
        (f"PUT {folder.url}{JAR}.md5",),
    )
    assert words in (error.value.hint or "")


def test_an_unreachable_repository_is_named(library: Library) -> None:
    with pytest.raises(ServiceError, match=r"no answer: .*refused") as error:
        _publish(library, Repository("http://127.0.0.1:9/repo"))
    assert "http://127.0.0.1:9/repo" in error.value.details[0]


def test_plain_http_is_for_this_machine_only(library: Library) -> None:
    with pytest.raises(Refused) as refused:
        _publish(library, Repository("http://repo.example.com/"))
    assert "in the clear" in refused.value.details[0]
