"""Traffic splits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.planning.traffic import Split

DECIMALS = {"IP": 2, "COOKIE": 3}
names = st.text("abv12-", min_size=1, max_size=4)


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """Any splits; some add up to 1 only nearly, as floating-point numbers do."""
    weights = draw(st.dictionaries(names, st.integers(1, 1000), min_size=1, max_size=5))
    total = sum(weights.values())
    shard_by = draw(st.sampled_from(sorted(DECIMALS))) if len(weights) > 1 else "UNSPECIFIED"
    return Split({name: weight / total for name, weight in weights.items()}, shard_by)


shards = st.sampled_from(sorted(DECIMALS))
percents = st.integers(1, 99)


def test_a_switch_gives_one_version_everything() -> None:
    split = Split.all_to("v2")

    assert split == Split({"v2": 1.0}, "UNSPECIFIED")
    assert split.serves_only("v2")
    assert split.live == ("v2",)
    assert not split.serves("v1")


def test_a_split_among_versions() -> None:
    split = Split({"v2": 0.9, "v1": 0.1, "v0": 0.0}, "COOKIE")

    assert split.live == ("v1", "v2")
    assert split.serves("v1")
    assert not split.serves("v0")
    assert not split.serves_only("v2")


def test_all_traffic_is_all_traffic_however_it_was_added_up() -> None:
    assert Split({"v1": 0.1 + 0.2 + 0.7 - 1e-16}).serves_only("v1")
    assert not Split({"v1": 0.999, "v2": 0.001}).serves_only("v1")


def test_a_split_as_json() -> None:
    assert Split({"v1": 0.5, "v2": 0.5}, "IP").as_json() == {
        "allocations": {"v1": 0.5, "v2": 0.5},
        "shard_by": "IP",
    }


@pytest.mark.parametrize(
    ("before", "percent", "shard_by", "after"),
    [
        ({"v1": 1.0}, 10, "IP", {"v2": 0.1, "v1": 0.9}),
        ({"v1": 1.0}, 12.5, "COOKIE", {"v2": 0.125, "v1": 0.875}),
        ({"v1": 1.0}, 0.1, "COOKIE", {"v2": 0.001, "v1": 0.999}),
        ({"v1": 1.0}, 0.1, "IP", {"v2": 0.01, "v1": 0.99}),
        ({"v1": 1.0}, 99.9, "IP", {"v2": 0.99, "v1": 0.01}),
        ({"v1": 0.5, "v0": 0.5}, 10, "IP", {"v2": 0.1, "v0": 0.45, "v1": 0.45}),
        ({"v1": 0.5, "v0": 0.5}, 5, "IP", {"v2": 0.05, "v0": 0.48, "v1": 0.47}),
        ({"v1": 0.99, "v0": 0.01}, 90, "IP", {"v2": 0.9, "v1": 0.1}),
        ({"v2": 0.5, "v1": 0.5}, 75, "IP", {"v2": 0.75, "v1": 0.25}),
        ({"v2": 0.5, "v1": 0.5}, 25, "IP", {"v2": 0.25, "v1": 0.75}),
        ({"v1": 1.0, "v0": 0.0}, 50, "IP", {"v2": 0.5, "v1": 0.5}),
    ],
)
def test_traffic_goes_to_a_version_by_degrees(
    before: dict[str, float], percent: float, shard_by: str, after: dict[str, float]
) -> None:
    assert Split(before, "COOKIE").towards("v2", percent, shard_by) == Split(after, shard_by)


@pytest.mark.parametrize("before", [{"v1": 1.0}, {"v2": 0.1, "v1": 0.9}, {"v2": 1.0}, {}])
def test_the_last_degree_is_the_switch(before: dict[str, float]) -> None:
    assert Split(before, "IP").towards("v2", 100, "IP") == Split.all_to("v2")


def test_a_version_without_others_gets_everything() -> None:
    assert Split({"v2": 1.0}).towards("v2", 10, "IP") == Split.all_to("v2")


@given(splits(), names, percents, shards)
def test_every_degree_is_a_split_that_the_api_takes(
    split: Split, version: str, percent: int, shard_by: str
) -> None:
    after = split.towards(version, percent, shard_by)
    shares = [Decimal(str(share)) for share in after.allocations.values()]
    assert sum(shares) == 1
    assert all(0 < share <= 1 for share in shares)
    assert all(round(share, DECIMALS[shard_by]) == share for share in shares)
    if after.only is None:
        assert after.shard_by == shard_by
        assert after.allocations[version] == percent / 100


@given(splits(), names, percents, shards)
def test_the_others_keep_their_proportions(
    split: Split, version: str, percent: int, shard_by: str
) -> None:
    others = {v: share for v, share in split.allocations.items() if v != version}
    after = split.towards(version, percent, shard_by)
    for other, share in others.items():
        expected = share / sum(others.values()) * (1 - percent / 100)
        assert abs(after.allocations.get(other, 0.0) - expected) < 10.0 ** -DECIMALS[shard_by]
    assert set(after.allocations) <= {*others, version}


@given(splits(), splits())
def test_to_be_the_same_goes_both_ways(one: Split, other: Split) -> None:
    assert one.same_as(one)
    assert one.same_as(other) == other.same_as(one)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Split({"v1": 1.0}), Split({"v1": 1.0}, "IP"), True),
        (Split({"v1": 1.0}, "COOKIE"), Split({"v1": 1.0, "v2": 0.0}, "IP"), True),
        (Split({"v1": 1.0}), Split({"v2": 1.0}), False),
        (Split({}), Split({}), True),
        (Split({}), Split({"v1": 1.0}), False),
        (Split({"a": 0.3, "b": 0.7}, "IP"), Split({"a": 0.1 + 0.2, "b": 0.7}, "IP"), True),
        (Split({"a": 0.3, "b": 0.7}, "IP"), Split({"a": 0.301, "b": 0.699}, "IP"), False),
        (Split({"a": 0.3, "b": 0.7}, "IP"), Split({"a": 0.3, "b": 0.7}, "COOKIE"), False),
        (Split({"a": 0.3, "b": 0.7}, "IP"), Split({"a": 0.3, "b": 0.7}), False),
    ],
)
def test_splits_are_the_same_if_users_see_no_difference(
    one: Split, other: Split, same: bool
) -> None:
    assert one.same_as(other) is same
