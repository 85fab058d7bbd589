"""Traffic splits."""

from __future__ import annotations

from flowdeploy.traffic import Split


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
