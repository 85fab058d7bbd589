"""Durations and portions, as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.units import ALL, NONE, Portion, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h1m1s", 3661),
        ("0.5s", 0.5),
        ("0s", 0),
        ("1h0.25s", 3600.25),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "90", "s", "1.5m", ".5s", "1.s", "-1s", "1m1h", "1 m", "1M", "٣s", "1s\n", "9" * 400],
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write 30s, 10m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "portion"),
    [
        ("0", NONE),
        ("3", Portion(3)),
        ("0%", Portion(0, percent=True)),
        ("10%", Portion(10, percent=True)),
        ("100%", ALL),
        ("250", Portion(250)),
    ],
)
def test_portions(text: str, portion: Portion) -> None:
    assert Portion.parse(text) == portion
    assert str(portion) == text


@pytest.mark.parametrize(
    "text", ["", "%", "101%", "-1", "1.5%", "10 %", "٣", "3\n", "all", "9" * 5000]
)
def test_no_portions(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a number"):
        Portion.parse(text)


@pytest.mark.parametrize(
    ("portion", "total", "count"),
    [
        (Portion(3), 110, 3),
        (Portion(3), 2, 3),
        (Portion(10, percent=True), 110, 11),
        (Portion(10, percent=True), 19, 1),
        (Portion(10, percent=True), 9, 0),
        (ALL, 7, 7),
        (NONE, 7, 0),
    ],
)
def test_how_many_a_portion_is(portion: Portion, total: int, count: int) -> None:
    assert portion.of(total) == count


@given(st.text() | st.from_regex(r"[0-9.hms%]{0,8}"))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    for read in (parse_duration, Portion.parse):
        assert repr(text) in refusal(read, text) or read(text) is not None


def refusal(read: Callable[[str], object], text: str) -> str:
    try:
        read(text)
    except ValueError as error:
        return str(error)
    return ""


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_a_share_rounds_down(percent: int, total: int) -> None:
    count = Portion(percent, percent=True).of(total)
    assert count * 100 <= percent * total < (count + 1) * 100
