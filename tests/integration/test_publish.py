"""Publishing to Clojars, against the stand-in with its rules and traps."""

from __future__ import annotations

import hashlib
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from flowdeploy import endpoints
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.executors.clojars import publish
from flowdeploy.executors.library import Library, Repository
from flowdeploy.executors.maven_repository import Patience
from flowdeploy.executors.published import Published
from flowdeploy.sandbox import clojars
from flowdeploy.sandbox.server import Sandbox

FOLDER = "org/akvo/flow/akvo-flow"
V1, V2 = "20200403-073034.1a2b3c4d", "20200404-101500.5e6f7a8b"
OTHER_TOKEN = "CLOJARS_" + "0f" * 30
PATIENT = Patience(first=0.0)
ONE_TRY = Patience(attempts=1, looks=1)
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
    """A library, and a stand-in to publish it to."""

    sandbox: Sandbox
    library: Library
    repository: Repository
    said: list[str] = field(default_factory=list)

    def publish(
        self, version: str = V1, *, patience: Patience = PATIENT, commit: bool = True
    ) -> Published:
        return publish(
            self.library,
            version,
            self.repository,
            commit_in_version=commit,
            progress=self.said.append,
            patience=patience,
        )

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
        assert self.get(pom) == POM.replace(b"<version>1<", f"<version>{version}<".encode())
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


def test_both_sides_know_the_same_demonstration_account() -> None:
    ours = endpoints.DEMO_USER, endpoints.DEMO_TOKEN
    assert ours == (clojars.DEMO_USER, clojars.DEMO_TOKEN)


def test_a_library_is_published_and_read_back(bench: Bench) -> None:
    published = bench.publish()
    jar = f"{FOLDER}/{V1}/akvo-flow-{V1}-classes.jar"
    assert published == Published(False, f"{bench.sandbox.url}/repo/{jar}")
    assert bench.library.pom.read_bytes() == POM
    bench.assert_published(V1)


def test_requests_go_in_the_order_of_the_clients(bench: Bench) -> None:
    bench.publish()
    repo = f"/repo/{FOLDER}"
    api = "GET /api/artifacts/org.akvo.flow/akvo-flow"
    jar, pom = f"{repo}/{V1}/akvo-flow-{V1}-classes.jar", f"{repo}/{V1}/akvo-flow-{V1}.pom"
    sent = [f"PUT {path}{suffix}" for path in (jar, pom) for suffix in ("", ".sha1", ".md5")]
    listed = [f"PUT {repo}/maven-metadata.xml{suffix}" for suffix in ("", ".sha1", ".md5")]
    assert bench.requests() == [
        *(api, *sent, listed[0], api, *listed[1:]),
        *(f"GET {jar}", f"GET {pom}", f"GET {repo}/maven-metadata.xml"),
    ]


def test_the_next_version_stands_beside_the_first(bench: Bench) -> None:
    bench.publish(V1)
    bench.build("two")
    bench.publish(V2)
    bench.assert_published(V1, V2)


def test_what_is_published_is_left_alone(bench: Bench) -> None:
    bench.publish()
    before = len(bench.statuses("PUT"))
    again = bench.publish()
    assert (again.unchanged, again.warnings) == (True, ())
    assert len(bench.statuses("PUT")) == before


def test_another_build_of_the_same_commit_is_a_warning(bench: Bench) -> None:
    there = hashlib.sha256(bench.library.jar.read_bytes()).hexdigest()
    bench.publish()
    bench.build("built again")
    here = hashlib.sha256(bench.library.jar.read_bytes()).hexdigest()
    again = bench.publish()
    assert again.unchanged
    (warning,) = again.warnings
    assert f"{there} there, {here} here" in warning


def test_other_bytes_of_a_version_without_commit_are_refused(bench: Bench) -> None:
    bench.publish("1.0", commit=False)
    assert bench.publish("1.0", commit=False).unchanged
    bench.build("another commit, perhaps")
    with pytest.raises(Refused, match="with other bytes") as refused:
        bench.publish("1.0", commit=False)
    assert "SHA-256" in refused.value.details[0]


def _count_requests(bench: Bench) -> int:
    """How many requests a publish makes that adds a version to others."""
    bench.publish("0.1")
    bench.control("DELETE", "requests")
    bench.publish("0.2")
    return len(bench.requests())


@pytest.mark.parametrize("arrives", [False, True])
def test_killed_at_any_request_it_is_completed_by_the_next_run(bench: Bench, arrives: bool) -> None:
    """A run of which the server hears nothing more from one request on, which was carried
    out or not, is a killed one: no run knows of another but through the server."""
    versions = ["0.1", "0.2"]
    for n in range(_count_requests(bench)):
        if arrives:
            bench.fault("reset-after", after=n, times=1)
        bench.fault("reset", after=n)
        versions.append(f"1.{n}")
        with pytest.raises(ServiceError):
            bench.publish(versions[-1], patience=ONE_TRY)
        bench.control("DELETE", "faults")
        bench.publish(versions[-1], patience=ONE_TRY)
        bench.assert_published(*versions)


@pytest.mark.parametrize("kind", ["reset", "reset-after", "unavailable", "internal", "quota"])
def test_a_fault_at_any_request_is_overcome_at_once(bench: Bench, kind: str) -> None:
    versions = ["0.1", "0.2"]
    for n in range(_count_requests(bench)):
        bench.fault(kind, after=n, times=1)
        versions.append(f"1.{n}")
        bench.publish(versions[-1], patience=Patience(first=0.0, longest=0.0))
        bench.control("DELETE", "faults")
    assert any("again in 0 s" in line for line in bench.said)
    bench.assert_published(*versions)


def test_a_server_that_stays_away_is_given_up(bench: Bench) -> None:
    bench.fault("unavailable", method="PUT")
    with pytest.raises(ServiceError, match="503 Service Unavailable"):
        bench.publish()
    assert len(bench.statuses("PUT")) == PATIENT.attempts


@pytest.mark.parametrize(
    ("rule", "fields", "title", "hint"),
    [
        (f"tokens/{OTHER_TOKEN}", {"group": "org.other"}, "token scope mismatch", "scope"),
        ("groups/org.akvo.flow", {"members": ["me"]}, "group not accessible", "admin"),
        ("groups/org.akvo.flow", {"members": []}, "group does not exist", "Create the group"),
        (
            "groups/org.akvo.flow",
            {"members": [clojars.DEMO_USER], "verified": False},
            "group isn't verified",
            "verify",
        ),
        (
            "groups/org.akvo.flow",
            {"members": [clojars.DEMO_USER], "requires_mfa": True},
            "group requires MFA",
            "two-factor",
        ),
        ("central/org.akvo.flow:akvo-flow", {"taken": True}, "shadow Maven Central", "another"),
    ],
)
def test_a_refusal_keeps_the_servers_words_and_is_not_repeated(
    bench: Bench, rule: str, fields: dict[str, object], title: str, hint: str
) -> None:
    bench.as_user()
    user = {"user": clojars.DEMO_USER} if rule.startswith("tokens") else {}
    bench.control("PUT", f"clojars/{rule}", **fields, **user)
    with pytest.raises(ServiceError, match=title) as error:
        bench.publish()
    assert error.value.code == "HTTP_403"
    assert hint in (error.value.hint or "")
    assert bench.statuses("PUT").count(403) == 1


def test_an_unknown_token_is_not_tried_twice(bench: Bench) -> None:
    bench.repository = replace(bench.repository, token=OTHER_TOKEN)
    with pytest.raises(ServiceError, match="401 Unauthorized") as error:
        bench.publish()
    assert "does not know this user with this token" in (error.value.hint or "")
    assert bench.statuses("PUT") == [401]


def test_a_version_with_a_wrong_pom_staged_is_poisoned(bench: Bench) -> None:
    bench.put(f"{V1}/akvo-flow-{V1}.pom", POM)
    with pytest.raises(ServiceError) as error:
        bench.publish()
    assert "another token" in (error.value.hint or "")
    bench.as_user()
    bench.publish()
    bench.assert_published(V1)


def test_what_an_earlier_build_has_staged_is_published_with_a_warning(bench: Bench) -> None:
    bench.fault("reset", target="*.pom")
    with pytest.raises(ServiceError):
        bench.publish(patience=ONE_TRY)
    bench.control("DELETE", "faults")
    staged = bench.library.jar.read_bytes()
    bench.build("built again")
    published = bench.publish()
    assert not published.unchanged
    assert "of another build" in published.warnings[0]
    assert bench.get(f"{V1}/akvo-flow-{V1}-classes.jar") == staged


def test_a_newer_version_under_the_same_token_stands_in_the_way(bench: Bench) -> None:
    bench.put(f"{V1}/akvo-flow-{V1}.pom", POM.replace(b"<version>1", f"<version>{V1}".encode()))
    bench.publish(V2)
    with pytest.raises(ServiceError) as error:
        bench.publish(V1)
    assert error.value.code == "NOT_PUBLISHED"
    assert "another token" in (error.value.hint or "")
    bench.as_user()
    bench.publish(V1)
    bench.assert_published(V2, V1)


def test_metadata_that_failed_are_sent_with_other_bytes(bench: Bench) -> None:
    central = "clojars/central/org.akvo.flow:akvo-flow"
    bench.control("PUT", central, reachable=False)
    with pytest.raises(ServiceError, match="shadow check failed") as error:
        bench.publish(patience=ONE_TRY)
    assert error.value.code == "HTTP_503"
    bench.control("PUT", central)
    bench.publish()
    bench.assert_published(V1)


def test_a_cache_that_shows_no_metadata_costs_no_version(bench: Bench) -> None:
    bench.publish("0.1")
    bench.publish(V1)
    bench.control("PUT", "clojars/caches/front", delay=3600)
    with pytest.raises(ServiceError, match="does not show it yet"):
        bench.publish(V2)
    bench.control("PUT", "clojars/caches/front")
    bench.assert_published("0.1", V1, V2)


def test_nothing_is_asked_for_that_a_cache_would_remember_as_missing(bench: Bench) -> None:
    bench.control("PUT", "clojars/caches/front", keeps_missing=True)
    bench.publish(V1)
    bench.publish(V2)
    bench.assert_published(V1, V2)


def test_a_late_cache_is_waited_for(bench: Bench) -> None:
    bench.control("PUT", "clojars/caches/front", delay=60)

    def progress(line: str) -> None:
        if "not to be seen yet" in line:
            bench.control("POST", "clock", advance=30)

    publish(
        *(bench.library, V1, bench.repository),
        commit_in_version=True,
        progress=progress,
        patience=PATIENT,
    )
    bench.assert_published(V1)


def test_what_does_not_appear_is_no_success(bench: Bench) -> None:
    bench.control("PUT", "clojars/caches/front", delay=3600)
    with pytest.raises(ServiceError, match="does not show it yet") as error:
        bench.publish()
    assert error.value.code == "NOT_VISIBLE"
    bench.control("POST", "clock", advance=3600)
    assert bench.publish().unchanged


def test_a_single_use_token_is_enough_for_one_release(bench: Bench) -> None:
    bench.as_user(single_use=True)
    bench.publish(V1)
    assert bench.publish(V1).unchanged
    with pytest.raises(ServiceError, match="Deploy token used") as error:
        bench.publish(V2)
    assert "make another" in (error.value.hint or "")


def test_the_token_is_told_to_nobody(bench: Bench) -> None:
    bench.as_user(group="org.other")
    with pytest.raises(FlowdeployError) as error:
        bench.publish()
    told = [str(error.value), str(error.value.hint), repr(bench.repository), *bench.said]
    assert not [text for text in told if OTHER_TOKEN in text]


def test_a_large_jar_is_streamed(bench: Bench) -> None:
    size = 24 << 20
    with zipfile.ZipFile(bench.library.jar, "w") as jar:
        jar.writestr("Large.class", b"\0" * size)
    tracemalloc.start()
    try:
        bench.publish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 2
    assert bench.get(f"{V1}/akvo-flow-{V1}-classes.jar") == bench.library.jar.read_bytes()
