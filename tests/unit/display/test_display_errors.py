"""How errors look, whatever is in them."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from flowdeploy.display.errors import render
from flowdeploy.display.terminal import console_on, takes_live_display
from flowdeploy.errors import ConfigError, FlowdeployError, ServiceError


def shown(error: FlowdeployError, width: int | None = None) -> str:
    """What is printed; on a terminal of ``width`` columns where one is given."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=width is not None, color_system=None, width=width)
    render(error, console)
    return stream.getvalue()


def test_message_details_and_hint() -> None:
    error = ConfigError(
        "config/instances.yaml has 2 problems",
        details=["line 3: unknown key `idd`; write `id`", "line 9: two UAT1s"],
        hint="`flowdeploy config schema` prints the schema.",
    )
    assert shown(error) == (
        "Error: config/instances.yaml has 2 problems\n"
        "  line 3: unknown key `idd`; write `id`\n"
        "  line 9: two UAT1s\n"
        "Hint: `flowdeploy config schema` prints the schema.\n"
    )


def test_a_services_words_are_shown_literally() -> None:
    error = ServiceError("X", "[red]no[/red] \x1b[31mcolour\x1b[0m [/]\n:smile: second line")
    assert shown(error) == "Error: [red]no[/red] colour [/]\n  :smile: second line\n"


def test_an_error_without_words_shows_its_code() -> None:
    assert shown(ServiceError("INTERNAL", "")) == "Error: INTERNAL\n"


def test_a_terminal_gets_lines_wrapped_between_words() -> None:
    error = ServiceError("X", "one two three four five", details=["six seven eight nine ten"])
    assert shown(error, width=20) == (
        "Error: one two three\n  four five\n  six seven eight\n    nine ten\n"
    )


@given(st.text(), st.text(), st.lists(st.text()), st.integers(10, 200))
def test_no_text_breaks_it_or_smuggles_controls(
    message: str, hint: str, details: list[str], width: int
) -> None:
    printed = shown(ServiceError("X", message, details=details, hint=hint), width)
    assert not {c for c in printed if unicodedata.category(c) == "Cc"} - {"\n"}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_of_any_encoding_takes_any_character(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    render(ServiceError("X", "œ 水 \udc80"), console_on(stream, {}))
    stream.flush()
    assert b"\\udc80" in raw.getvalue()


def test_a_pipe_takes_no_live_display_even_where_colour_is_forced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not takes_live_display(console_on(io.StringIO(), {}))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variable", "value", "live"),
    [("TERM", "xterm", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False)],
)
def test_who_takes_a_live_display(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, live: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    stream = Terminal()
    console = console_on(stream, {variable: value})
    assert takes_live_display(console) is live
    render(ServiceError("X", "words"), console)
    assert ("\x1b" in stream.getvalue()) is live


ODD = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["\ud800\udfff", "[/red][bold", "\x1b]8;;", "\x9b0", "\u202e", "::error::", "\r\n\x85", "\x00"]
)


@given(
    st.lists(ODD, max_size=4).map("".join),
    st.lists(ODD, max_size=2),
    st.none() | ODD,
    st.none() | st.integers(1, 99),
)
def test_any_error_is_shown(
    message: str, details: list[str], hint: str | None, width: int | None
) -> None:
    """On a stream of bytes, whose encoding may lack the characters."""
    for encoding in ("utf-8", "ascii"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        console = console_on(stream, {})
        console.width = width or 80
        render(ServiceError("X", message, details=details, hint=hint), console)
        stream.flush()
        assert stream.buffer.getvalue()


def test_a_long_error_is_cut() -> None:
    """A service's answer may have as many lines as it likes."""
    lines = shown(ServiceError("X", "\n".join(map(str, range(3000))))).splitlines()
    assert lines[1000:] == ["  1000", "  … and 1999 more lines"]
    assert shown(ServiceError("X", "x" * 1_000_000)).count("x") == 1_000_000
