"""Text made fit to be shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.display.text import (
    clean,
    clean_lines,
    duration,
    group_values,
    join_words,
    names_or_count,
    output_line,
    wrap,
)


@given(st.text())
def test_clean_text_is_one_line_without_controls(text: str) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc"]
    assert len(cleaned.splitlines()) <= 1
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_visible_text_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m and \x1b[2Kplain", "red and plain"),
        ("\x1b]0;a title\x07done", "done"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x9b31mred", "red"),
        ("\x1b(Bascii\x1b", "ascii"),
        ("a\nb\r\nc\u2028d\te", "a b c d e"),
        ("safe\u202eexe.txt", "safeexe.txt"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_what_a_terminal_would_act_on_is_removed(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_empty_lines_of_a_message_are_left_out() -> None:
    assert clean_lines("one\n\n \n  two\x1b[0m\n") == ["one", "  two"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n", "plain"),
        ("10%\r55%\r100%\r\n", "100%"),
        ("a\tb", "a       b"),
        ("\n", ""),
    ],
)
def test_output_is_shown_as_a_terminal_would_leave_it(text: str, shown: str) -> None:
    assert output_line(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0s"),
        (2.25, "2.2s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (65, "1m05s"),
        (3599.6, "1h00m00s"),
        (3725, "1h02m05s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_lists_of_names() -> None:
    assert join_words(["a"]) == "a"
    assert join_words(["a", "b"]) == "a and b"
    assert names_or_count(["a", "b", "c"]) == "a, b and c"
    assert names_or_count(["a", "b", "c", "d"]) == "4 instances"
    assert group_values([("x", 1), ("y", 2), ("x", 3)]) == {"x": [1, 3], "y": [2]}


@given(st.lists(st.from_regex(r"akvoflow-[0-9]{1,50}", fullmatch=True)), st.integers(5, 100))
def test_wrapping_breaks_no_word(words: list[str], width: int) -> None:
    lines = wrap(", ".join(words), width)
    assert " ".join(lines).split() == ", ".join(words).split()
    assert all(len(line) <= width for line in lines if " " in line.strip())


def test_without_a_width_nothing_is_wrapped() -> None:
    assert wrap("word " * 100, None, "  ") == ["  " + "word " * 100]
