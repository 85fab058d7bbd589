"""Tables, and the listing of versions, compared with what the real gcloud 528 printed."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta, timezone
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.display.tables import Column, Format, Row, show
from flowdeploy.display.versions import COLUMNS, ListedVersion, versions_rows

CET = timezone(timedelta(hours=1))


def listed(
    service: str, version: str, share: float, status: str = "SERVING", *, created: bool = True
) -> ListedVersion:
    resource: dict[str, Any] = {"id": version, "servingStatus": status}
    if created:
        resource["createTime"] = "2020-03-20T13:01:05.123Z"
    return ListedVersion("p", service, share, resource)


VERSIONS = [
    listed("default", "20200403-062203", 1.0),
    listed("default", "1", 0.0, "STOPPED"),
    listed("api", "b", 1.0),
    listed("default", "nosplit", 0.0, created=False),
]
# Output of `gcloud app versions list` over these versions, in the time zone of Amsterdam.
GCLOUD_TABLE = """\
SERVICE  VERSION.ID       TRAFFIC_SPLIT  LAST_DEPLOYED              SERVING_STATUS
api      b                1.00           2020-03-20T14:01:05+01:00  SERVING
default  1                0.00           2020-03-20T14:01:05+01:00  STOPPED
default  20200403-062203  1.00           2020-03-20T14:01:05+01:00  SERVING
default  nosplit          0.00           -                          SERVING
"""
GCLOUD_TIME = {
    "datetime": "2020-03-20 14:01:05+01:00",
    "day": 20,
    "fold": 0,
    "hour": 14,
    "microsecond": 0,
    "minute": 1,
    "month": 3,
    "second": 5,
    "year": 2020,
}


def shown(rows: list[Row], form: Format, columns: tuple[Column, ...] = COLUMNS) -> str:
    stream = io.StringIO()
    show(rows, columns, form, stream)
    return stream.getvalue()


def test_versions_look_as_gcloud_prints_them() -> None:
    assert shown(versions_rows(VERSIONS, CET), Format.TABLE) == GCLOUD_TABLE


def test_versions_are_sorted_by_the_text_that_gcloud_sorts_by() -> None:
    rows = versions_rows([listed("a", "1", 1), listed("a-b", "1", 1)], CET)
    assert [row["service"] for row in rows] == ["a-b", "a"]


def test_versions_have_the_keys_of_gclouds_json() -> None:
    first, *_, last = json.loads(shown(versions_rows(VERSIONS, CET), Format.JSON))
    assert first == {
        "id": "b",
        "last_deployed_time": GCLOUD_TIME,
        "project": "p",
        "service": "api",
        "traffic_split": 1.0,
        "version": dict(VERSIONS[2].resource),
    }
    assert last["last_deployed_time"] is None


def test_versions_as_csv() -> None:
    assert shown(versions_rows(VERSIONS[:1], CET), Format.CSV) == (
        "service,version.id,traffic_split,last_deployed,serving_status\n"
        "default,20200403-062203,1.00,2020-03-20T14:01:05+01:00,SERVING\n"
    )


def test_no_rows() -> None:
    assert shown([], Format.TABLE) == ""
    assert shown([], Format.JSON) == "[]\n"
    assert shown([], Format.YAML) == "[]\n"


NAME = (Column("NAME", lambda row: row["name"]), Column("NOTE", lambda row: row["note"]))
rows_of_text = st.lists(st.fixed_dictionaries({"name": st.text(), "note": st.text()}))


@given(rows_of_text)
def test_json_yaml_and_csv_can_be_read_back(rows: list[Row]) -> None:
    assert json.loads(shown(rows, Format.JSON)) == rows
    assert yaml.safe_load(shown(rows, Format.YAML)) == rows
    assert len(list(csv.reader(io.StringIO(shown(rows, Format.CSV, NAME))))) == len(rows) + 1


@given(rows_of_text.filter(bool))
def test_a_table_has_one_line_a_row(rows: list[Row]) -> None:
    assert len(shown(rows, Format.TABLE, NAME).splitlines()) == len(rows) + 1


def test_wide_characters_are_counted_as_the_terminal_shows_them() -> None:
    rows: list[Row] = [{"name": "水", "note": "x"}, {"name": "abc", "note": "y"}]
    assert shown(rows, Format.TABLE, NAME) == "NAME  NOTE\n水    x\nabc   y\n"


def _cell(text: str) -> str:
    row = {"a": text, "b": "x"}
    columns = (Column("A", lambda row: row["a"]), Column("B", lambda row: row["b"]))
    _, (cell, _) = csv.reader(io.StringIO(shown([row], Format.CSV, columns)))
    return cell


@given(
    st.sampled_from(["", " ", "\t", "\r", "\r\n", "\xa0"]),
    st.sampled_from("=+-@\uff1d\uff0b\uff0d\uff20"),
    st.text(min_size=1),
)
def test_no_cell_of_csv_is_a_formula(before: str, first: str, rest: str) -> None:
    assert _cell(f"{before}{first}{rest}x")[0] == "'"


def test_other_cells_of_csv_are_as_they_are() -> None:
    for text in ("-", "", "20200403-073034", "a=b", "1.00", "v1 90%, v2 10%", "'", "INTERNAL: -1"):
        assert _cell(text) == text
