"""Revisions are numbered from one, and count as the version that they are of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.planning.refs import is_version_id
from flowdeploy.planning.revisions import (
    base_of,
    next_revision,
    revision_id,
    revision_number,
    revisions_of,
)

TAG = "20200403-073034"
BASES = st.sampled_from([TAG, f"{TAG}-1a2b3c4d", "v1-10-1", "1", "a-r", "x-r0", "x-r01"])
NUMBERS = st.integers(1, 10**6)


@given(BASES, NUMBERS)
def test_a_revision_tells_its_base_and_its_number(base: str, number: int) -> None:
    revision = revision_id(base, number)
    assert (base_of(revision), revision_number(revision)) == (base, number)
    assert (base_of(base), revision_number(base)) == (base, 0)
    assert is_version_id(revision)
    assert revision_id(base, 0) == base


@given(BASES, st.sets(NUMBERS), st.booleans())
def test_the_next_revision_is_newer_than_all_others(
    base: str, numbers: set[int], there: bool
) -> None:
    ids = {revision_id(base, number) for number in numbers} | ({base} if there else set())
    following = next_revision(base, ids)
    assert following not in ids
    assert revisions_of(base, [*ids, following, "another", "another-r7"])[0] == following
    assert revision_number(following) == max(numbers, default=0) + 1


@given(BASES, st.lists(NUMBERS, unique=True))
def test_the_revisions_of_a_version_are_listed_newest_first(base: str, numbers: list[int]) -> None:
    ids = [base, *(revision_id(base, number) for number in numbers), f"{base}0", "other-r1"]
    found = revisions_of(base, ids)
    assert [revision_number(each) for each in found] == sorted([0, *numbers], reverse=True)


@pytest.mark.parametrize("name", ["-r1", f"{TAG}-r", f"{TAG}-r0", f"{TAG}-r01", f"{TAG}-r٣", "r1"])
def test_what_only_looks_like_a_revision_is_a_version_of_its_own(name: str) -> None:
    assert (base_of(name), revision_number(name)) == (name, 0)


def test_a_revision_that_is_asked_for_by_name_is_meant_alone() -> None:
    ids = [TAG, f"{TAG}-r1", f"{TAG}-r2"]
    assert revisions_of(f"{TAG}-r1", ids) == (f"{TAG}-r1",)
    assert next_revision(f"{TAG}-r1", ids) == f"{TAG}-r1-r1"
