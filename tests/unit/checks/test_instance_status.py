"""How an instance stands, by what its service says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.checks.deploy import VERSIONS_PER_APP, InstanceStatus
from flowdeploy.planning.traffic import Split

_ids = st.from_regex(r"(v[0-9]|2020040[1-9]-07303[0-9](-[a-f]{2})?(-r[12])?)", fullmatch=True)
_times = st.from_regex(r"2020-04-0[1-9]T07:30:3[0-9](\.5)?Z", fullmatch=True)


def _standing(live: str | None, **created: str) -> InstanceStatus:
    versions = {name.replace("_", "-"): time for name, time in created.items()}
    split = Split.all_to(live.replace("_", "-")) if live else None
    return InstanceStatus(split, versions, len(versions))


def test_dark_versions_wait_that_are_newer_than_what_is_live() -> None:
    standing = _standing(
        "v2", v1="2020-04-01T00:00:00Z", v2="2020-04-02T00:00:00Z", v3="2020-04-03T00:00:00Z"
    )
    assert standing.waiting == ("v3",)
    assert [standing.state(v) for v in ("v1", "v2", "v4")] == ["dark", "live", "missing"]


def test_a_release_is_as_old_as_its_name_says_however_late_it_was_deployed() -> None:
    live, older = "20200403-073034", "20200402-101500"
    created = {live: "2020-04-03T08:00:00Z", older: "2021-01-01T00:00:00Z"}
    assert InstanceStatus(Split.all_to(live), created, 2).waiting == ()
    assert InstanceStatus(Split.all_to(older), created, 2).waiting == (live,)


def test_a_version_whose_name_has_no_time_is_as_old_as_its_creation() -> None:
    release = "20200403-073034"
    created = {release: "2026-04-03T08:00:00Z", "v1": "2026-04-02T08:00:00Z"}
    assert InstanceStatus(Split.all_to(release), created, 2).waiting == ()
    assert InstanceStatus(Split.all_to("v1"), created, 2).waiting == (release,)


def test_a_revision_counts_as_its_version_and_is_newer() -> None:
    base, other, at = "20200403-073034", "20200402-101500-r1", "2020-04-03T08:00:00Z"
    created = {base: "2020-04-09T08:00:00Z", f"{base}-r1": at, f"{base}-r10": at, other: at}
    standing = InstanceStatus(Split.all_to(f"{base}-r1"), created, len(created))
    assert standing.waiting == (f"{base}-r10",)
    ids = (base, f"{base}-r1", f"{base}-r10", "20200402-101500", f"{base}-r2")
    assert [standing.state(each) for each in ids] == ["live", "live", "dark", "dark", "missing"]
    named = InstanceStatus(Split.all_to("v1-r2"), {"v1": at, "v1-r2": at, "v1-r3": at}, 3)
    assert named.waiting == ("v1-r3",)


def test_a_service_without_versions() -> None:
    standing = InstanceStatus(None, {}, VERSIONS_PER_APP + 1)
    assert (standing.live, standing.waiting, standing.room) == ((), (), 0)
    assert standing.state("1") == "missing"


@given(st.dictionaries(_ids, _times, min_size=1), st.data())
def test_no_two_versions_are_each_newer_than_the_other(
    created: dict[str, str], data: st.DataObject
) -> None:
    live = data.draw(st.sampled_from(sorted(created)))
    waiting = InstanceStatus(Split.all_to(live), created, len(created)).waiting
    assert live not in waiting
    for version in waiting:
        further = InstanceStatus(Split.all_to(version), created, len(created)).waiting
        assert live not in further
