"""The traps of Clojars: what is staged, what 201 means, what a cache remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowdeploy.clients.maven_repository import Patience
from flowdeploy.errors import ServiceError

if TYPE_CHECKING:
    from tests.integration.publish.conftest import Bench

V1, V2 = "20200403-073034.1a2b3c4d", "20200404-101500.5e6f7a8b"
ONE_TRY = Patience(attempts=1, looks=1)


def test_a_version_with_a_wrong_pom_staged_is_poisoned(bench: Bench) -> None:
    bench.put(f"{V1}/akvo-flow-{V1}.pom", bench.library.pom.read_bytes())
    with pytest.raises(ServiceError) as error:
        bench.publish(V1)
    assert "another token" in (error.value.hint or "")
    bench.as_user()
    bench.publish(V1)
    bench.assert_published(V1)


def test_what_an_earlier_build_has_staged_is_published_with_a_warning(bench: Bench) -> None:
    bench.fault("reset", target="*.pom")
    with pytest.raises(ServiceError):
        bench.publish(V1, patience=ONE_TRY)
    bench.control("DELETE", "faults")
    staged = bench.library.jar.read_bytes()
    bench.build("built again")
    published = bench.publish(V1)
    assert not published.unchanged
    assert "from another build" in published.warnings[0]
    assert bench.get(f"{V1}/akvo-flow-{V1}-classes.jar") == staged


def test_a_newer_version_under_the_same_token_stands_in_the_way(bench: Bench) -> None:
    bench.put(f"{V1}/akvo-flow-{V1}.pom", bench.pom(V1))
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
        bench.publish(V1, patience=ONE_TRY)
    assert error.value.code == "HTTP_503"
    bench.control("PUT", central)
    bench.publish(V1)
    bench.assert_published(V1)


def test_a_cache_that_shows_no_metadata_costs_no_version(bench: Bench) -> None:
    bench.publish("0.1")
    bench.publish(V1)
    bench.control("PUT", "clojars/caches/front", delay=3600)
    with pytest.raises(ServiceError, match="is not visible yet"):
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

    def listener(line: str) -> None:
        if "not to be seen yet" in line:
            bench.control("POST", "clock", advance=30)

    bench.listener = listener
    bench.publish(V1)
    bench.assert_published(V1)


def test_a_file_that_does_not_appear_is_a_failure(bench: Bench) -> None:
    bench.control("PUT", "clojars/caches/front", delay=3600)
    with pytest.raises(ServiceError, match="is not visible yet") as error:
        bench.publish(V1)
    assert error.value.code == "NOT_VISIBLE"
    bench.control("POST", "clock", advance=3600)
    assert bench.publish(V1).unchanged


def test_a_damaged_file_is_no_success(bench: Bench) -> None:
    def damage(line: str) -> None:
        state = bench.sandbox.state
        if line.startswith("published"):
            with state.write() as db:
                other = state.blobs.store([b"damaged"]).key
                db.execute("UPDATE clojars_files SET blob = ? WHERE path LIKE '%.pom'", [other])

    bench.listener = damage
    with pytest.raises(ServiceError, match="are not those that were sent") as error:
        bench.publish(V1)
    (difference,) = error.value.details
    assert f"akvo-flow-{V1}.pom" in difference


def test_another_job_may_be_quicker(bench: Bench) -> None:
    def rival(line: str) -> None:
        if line.startswith(f"sent akvo-flow-{V1}.pom"):
            bench.listener = lambda _: None
            bench.as_user()
            bench.build("by another job")
            bench.publish(V1)

    bench.listener = rival
    published = bench.publish(V1)
    assert not published.unchanged
    assert "from another build" in published.warnings[0]
    bench.assert_published(V1)
