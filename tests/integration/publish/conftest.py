"""A library, and a sandbox to publish it to."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from flowdeploy.clients.maven_repository import Patience
from flowdeploy.clients.repository import Repository
from flowdeploy.sandbox import clojars
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.steps.publish.library import Library, check_library
from flowdeploy.steps.publish.publish import publish_library
from flowdeploy.steps.publish.read_back import PublishResult

FOLDER = "org/akvo/flow/akvo-flow"
OTHER_TOKEN = "CLOJARS_" + "0f" * 30
PATIENT = Patience(first=0.0)
POM = b"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <packaging>war</packaging>
  <version>1</version>
  <groupId>org.akvo.flow</groupId>
  <artifactId>akvo-flow</artifactId>
  <licenses><license><name>AGPL-3.0</name></license></licenses>
</project>
"""


@dataclass
class Bench:
    """What ``publish_library`` needs, and what shows what it did.

    ``said`` are the lines of its progress; ``listener`` hears each as it is said.
    """

    sandbox: Sandbox
    library: Library
    repository: Repository
    said: list[str] = field(default_factory=list)
    listener: Callable[[str], None] = lambda _: None

    def publish(self, version: str, *, patience: Patience = PATIENT) -> PublishResult:
        return publish_library(
            check_library(self.library, version, self.repository),
            self.repository,
            self._hear,
            patience=patience,
        )

    def _hear(self, line: str) -> None:
        self.said.append(line)
        self.listener(line)

    def pom(self, version: str) -> bytes:
        """The pom as it is to be published."""
        return POM.replace(b"<version>1<", f"<version>{version}<".encode())

    def build(self, content: str) -> None:
        """Another build: other bytes in the jar."""
        with zipfile.ZipFile(self.library.jar, "w") as jar:
            jar.writestr("Flow.class", content)

    def get(self, path: str) -> bytes:
        answer = requests.get(f"{self.sandbox.url}/repo/{FOLDER}/{path}", timeout=30)
        answer.raise_for_status()
        return answer.content

    def put(self, path: str, body: bytes) -> None:
        user, token = self.repository.user, self.repository.token
        url = f"{self.sandbox.url}/repo/{FOLDER}/{path}"
        assert requests.put(url, body, auth=(user, token), timeout=30).status_code == 201

    def control(self, verb: str, path: str, **body: object) -> Any:
        url = f"{self.sandbox.url}/_sandbox/{path}"
        answer = requests.request(verb, url, json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, kind: str, **narrowing: object) -> None:
        self.control("POST", "faults", kind=kind, **narrowing)

    def requests(self) -> list[str]:
        log = self.control("GET", "requests")["requests"]
        return [f"{r['method']} {r['path']}" for r in log]

    def statuses(self, method: str) -> list[int]:
        log = self.control("GET", f"requests?method={method}")["requests"]
        return [r["status"] for r in log]

    def as_user(self, **token: object) -> None:
        """With another token of the demonstration user."""
        fields = {"user": clojars.DEMO_USER, **token}
        self.control("PUT", f"clojars/tokens/{OTHER_TOKEN}", **fields)
        self.repository = replace(self.repository, token=OTHER_TOKEN)

    def assert_published(self, *versions: str) -> None:
        """The last of them is, with the bytes of now, strict checksums, and listed."""
        version = versions[-1]
        jar = f"{version}/akvo-flow-{version}-classes.jar"
        pom = f"{version}/akvo-flow-{version}.pom"
        assert self.get(jar) == self.library.jar.read_bytes()
        assert self.get(pom) == self.pom(version)
        for path in (jar, pom, "maven-metadata.xml"):
            for algorithm in ("sha1", "md5"):
                digest = hashlib.new(algorithm, self.get(path)).hexdigest()
                assert self.get(f"{path}.{algorithm}") == digest.encode()
        lines = [line.strip() for line in self.get("maven-metadata.xml").decode().splitlines()]
        assert [line for line in lines if line.startswith("<version>")] == [
            f"<version>{version}</version>" for version in versions
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    jar, pom = tmp_path / "akvo-flow-classes.jar", tmp_path / "pom.xml"
    pom.write_bytes(POM)
    with Sandbox(tmp_path / "sandbox") as sandbox:
        made = Bench(
            sandbox,
            Library(jar, pom, "classes"),
            Repository(
                f"{sandbox.url}/repo",
                f"{sandbox.url}/api/artifacts",
                clojars.DEMO_USER,
                clojars.DEMO_TOKEN,
            ),
        )
        made.build("one")
        yield made
