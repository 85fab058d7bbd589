"""The list of an artifact's versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.maven.metadata import Metadata, parse

FLOW = Coordinates("org.akvo.flow", "akvo-flow")
NOON = datetime(2020, 4, 3, 12, 0, 0, 999, tzinfo=UTC)


def test_a_first_release_is_written_as_maven_writes_it() -> None:
    assert Metadata(FLOW).with_release("1.0", NOON).to_xml().decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<metadata>\n"
        "  <groupId>org.akvo.flow</groupId>\n"
        "  <artifactId>akvo-flow</artifactId>\n"
        "  <versioning>\n"
        "    <release>1.0</release>\n"
        "    <versions>\n"
        "      <version>1.0</version>\n"
        "    </versions>\n"
        "    <lastUpdated>20200403120000</lastUpdated>\n"
        "  </versioning>\n"
        "</metadata>\n"
    )


def test_the_moment_is_utc() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=2)))
    assert b"20200403120000" in Metadata(FLOW).with_release("1.0", local).to_xml()


def test_latest_is_kept_up_where_it_is_kept() -> None:
    kept = Metadata(FLOW, ("1",), "1", latest="1").with_release("2", NOON)
    assert (kept.latest, kept.release) == ("2", "2")


def test_a_list_of_another_writer_is_read() -> None:
    data = b"""<metadata xmlns="http://maven.apache.org/METADATA/1.1.0" modelVersion="1.1.0">
      <groupId>org.akvo.flow</groupId><artifactId>akvo-flow</artifactId>
      <versioning><latest> 2 </latest><versions><version>2</version><version>1</version><version/>
      </versions><lastUpdated>yesterday</lastUpdated></versioning></metadata>"""
    assert parse(data, FLOW) == Metadata(FLOW, ("2", "1"), None, "2", None)


@pytest.mark.parametrize("data", [b"", b"<html/>", b"<!DOCTYPE metadata><metadata/>"])
def test_what_is_no_list_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is not XML|its root is <html>"):
        parse(data, FLOW)


VERSIONS = st.lists(st.from_regex(r"[a-zA-Z0-9_.+<&-]+", fullmatch=True), unique=True, max_size=8)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(VERSIONS, st.integers(0, 8), MOMENTS, MOMENTS)
def test_a_release_keeps_the_order_and_is_listed_once(
    versions: list[str], place: int, first: datetime, then: datetime
) -> None:
    before = Metadata(FLOW).with_versions(versions).with_release("1.0", first)
    version = before.versions[place % len(before.versions)]
    after = before.with_release(version, then).with_release("new one", then)
    assert after.versions == (*before.versions, "new one")
    assert parse(after.to_xml(), FLOW) == after


@given(MOMENTS, MOMENTS)
def test_the_bytes_are_never_those_of_before(first: datetime, then: datetime) -> None:
    sent = Metadata(FLOW).with_release("1.0", first)
    again = sent.with_release("1.0", then)
    assert sent.updated is not None
    assert again.updated is not None
    assert again.updated > sent.updated
    assert again.to_xml() != sent.to_xml()


@pytest.mark.parametrize("encoding", ["utf-j", "utf-7", "hex"])
def test_an_encoding_that_cannot_be_read(encoding: str) -> None:
    with pytest.raises(ValueError, match="it is not XML"):
        parse(f'<?xml version="1.0" encoding="{encoding}"?><metadata/>'.encode(), FLOW)
