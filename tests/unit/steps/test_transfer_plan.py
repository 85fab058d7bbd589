"""What is copied, sent and waited for: equality on data, and what holds of all data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.clients.files import BucketFolder
from flowdeploy.steps.deploy.upload.transfer_plan import (
    NeededObjects,
    ObjectRegistry,
    TransferPlan,
    plan_transfers,
)

ONE, TWO = BucketFolder("one"), BucketFolder("two")
KEPT = BucketFolder("records", "objects/")


def needed(
    *names: str, sources: tuple[BucketFolder, ...] = (), own: tuple[str, ...] = ()
) -> NeededObjects:
    return NeededObjects(names, {name: Path(name) for name in names}, sources, frozenset(own))


def elsewhere(*names: str, sources: tuple[BucketFolder, ...] = ()) -> NeededObjects:
    return NeededObjects(names, {}, sources)


def test_what_a_bucket_has_is_copied_from_there_and_the_rest_is_sent() -> None:
    found = plan_transfers(("a", "b", "c"), needed("a", "b", "c"), {"a": ONE, "c": TWO}, set())
    assert found == TransferPlan(copy={ONE: ("a",), TWO: ("c",)}, upload=("b",))


def test_what_is_being_sent_is_waited_for() -> None:
    assert plan_transfers(("a", "b"), needed("a", "b"), {}, {"a"}) == TransferPlan(
        upload=("b",), wait=("a",)
    )


def test_what_a_bucket_refuses_is_sent() -> None:
    found = plan_transfers(("a", "b"), needed("a", "b"), {"a": ONE, "b": ONE}, set(), {("a", ONE)})
    assert found == TransferPlan(copy={ONE: ("b",)}, upload=("a",))


def test_what_is_refused_is_sent_even_while_somebody_else_sends_it() -> None:
    assert plan_transfers(("a",), needed("a"), {"a": ONE}, {"a"}, {("a", ONE)}) == TransferPlan(
        upload=("a",)
    )


def test_what_is_kept_somewhere_is_copied_from_there_but_for_what_is_a_buckets_own() -> None:
    found = plan_transfers(("a", "b"), needed("a", "b", sources=(KEPT,), own=("b",)), {}, set())
    assert found == TransferPlan(copy={KEPT: ("a",)}, upload=("b",))


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (set(), TransferPlan(copy={KEPT: ("a",)})),
        ({("a", KEPT)}, TransferPlan(copy={TWO: ("a",)})),
        ({("a", KEPT), ("a", TWO)}, TransferPlan(lost=("a",))),
    ],
)
def test_what_is_not_here_is_looked_for_in_every_source(
    refused: set[tuple[str, BucketFolder]], expected: TransferPlan
) -> None:
    assert (
        plan_transfers(("a",), elsewhere("a", sources=(KEPT, TWO)), {}, set(), refused) == expected
    )


def test_a_source_lacks_only_its_own_files() -> None:
    files = needed("a", "b", "c", sources=(ONE,), own=("c",))
    assert files.missing_from("one", {"b"}) == ("c",)
    assert files.missing_from("two", {"b"}) == ("a", "c")


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)
PLACES = st.sampled_from([ONE, TWO])


@given(NAMES, st.dictionaries(st.sampled_from("abcdefgh"), PLACES), st.sets(NAMES.map("".join)))
def test_everything_that_is_missing_comes_one_way(
    missing: list[str], holders: dict[str, BucketFolder], sending: set[str]
) -> None:
    found = plan_transfers(missing, needed(*missing), holders, sending)
    ways = [*found.copy.values(), found.upload, found.wait, found.lost]
    assert sorted(name for way in ways for name in way) == sorted(missing)


@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), NAMES), max_size=8))
def test_nothing_is_sent_twice_while_every_upload_succeeds(
    claims: list[tuple[str, list[str]]],
) -> None:
    registry = ObjectRegistry()
    sent: list[str] = []
    for number, (bucket, names) in enumerate(claims):
        found = registry.plan(names, needed(*names), set())
        sent += found.upload
        if number % 2:
            for name in found.upload:
                registry.end_upload(bucket, name)
    assert len(sent) == len(set(sent))


def test_those_who_wait_take_over_what_was_given_up() -> None:
    registry = ObjectRegistry()
    assert registry.plan("ab", needed("a", "b"), set()) == TransferPlan(upload=("a", "b"))
    assert registry.plan("ab", needed("a", "b"), set()) == TransferPlan(wait=("a", "b"))
    registry.end_upload("one", "a")
    registry.abandon_upload("b")
    assert not registry.is_uploading("a")
    assert registry.plan("ab", needed("a", "b"), set()) == TransferPlan(
        copy={ONE: ("a",)}, upload=("b",)
    )
    assert registry.is_uploading("b")
