"""Publishing to Clojars, whatever happens on the way."""

from __future__ import annotations

import hashlib
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest

from flowdeploy import endpoints
from flowdeploy.clients.maven_repository import Patience
from flowdeploy.errors import ServiceError
from flowdeploy.sandbox import clojars
from flowdeploy.steps.publish.read_back import PublishResult

if TYPE_CHECKING:
    from tests.integration.publish.conftest import Bench

FOLDER = "org/akvo/flow/akvo-flow"
V1, V2 = "20200403-073034.1a2b3c4d", "20200404-101500.5e6f7a8b"
ONE_TRY = Patience(attempts=1, looks=1)


def test_both_sides_know_the_same_demonstration_account() -> None:
    ours = endpoints.DEMO_USER, endpoints.DEMO_TOKEN
    assert ours == (clojars.DEMO_USER, clojars.DEMO_TOKEN)


def test_a_library_is_published_and_read_back(bench: Bench) -> None:
    source = bench.library.pom.read_bytes()
    published = bench.publish(V1)
    jar = f"{FOLDER}/{V1}/akvo-flow-{V1}-classes.jar"
    assert published == PublishResult(False, f"{bench.sandbox.url}/repo/{jar}")
    assert bench.library.pom.read_bytes() == source
    bench.assert_published(V1)


def test_requests_go_in_the_order_of_the_clients(bench: Bench) -> None:
    bench.publish(V1)
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
    bench.publish(V1)
    before = len(bench.statuses("PUT"))
    again = bench.publish(V1)
    assert (again.unchanged, again.warnings) == (True, ())
    assert len(bench.statuses("PUT")) == before


def test_another_build_of_the_same_commit_is_a_warning(bench: Bench) -> None:
    there = hashlib.sha256(bench.library.jar.read_bytes()).hexdigest()
    bench.publish(V1)
    bench.build("built again")
    here = hashlib.sha256(bench.library.jar.read_bytes()).hexdigest()
    again = bench.publish(V1)
    assert again.unchanged
    (warning,) = again.warnings
    assert f"{there} there, {here} here" in warning


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
        bench.publish(V1)
    assert len(bench.statuses("PUT")) == Patience().attempts


def test_a_server_that_has_had_too_many_requests_is_waited_for_longer(bench: Bench) -> None:
    bench.fault("quota", method="PUT", times=2 * Patience().attempts)
    bench.publish(V1, patience=Patience(first=0.0, longest=0.0))
    bench.assert_published(V1)


def test_a_large_jar_is_streamed(bench: Bench) -> None:
    size = 24 << 20
    with zipfile.ZipFile(bench.library.jar, "w") as jar:
        jar.writestr("Large.class", b"\0" * size)
    tracemalloc.start()
    try:
        bench.publish(V1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 2
    assert bench.get(f"{V1}/akvo-flow-{V1}-classes.jar") == bench.library.jar.read_bytes()
