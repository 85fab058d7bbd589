"""No text that flowdeploy writes is a command to GitHub's runner."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.cli.workflow_commands import CommandBreaker
from flowdeploy.display.text import json_text

# What .NET calls white space (char.IsWhiteSpace), without what ends a line.
BLANKS = "\t\v\f \x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"


def commands(log: str) -> list[str]:
    """The lines in which the runner would look for a command's name."""
    lines = re.split(r"\r\n|[\r\n]", log)
    return [line for line in lines if line.lstrip(BLANKS).startswith("::") or "##[" in line]


def _broken(*pieces: str) -> str:
    breaker = CommandBreaker()
    return b"".join(breaker.break_commands(piece.encode()) for piece in pieces).decode()


TEXT = st.text(st.sampled_from(f":#[]\n\rxé\ufeff{BLANKS}"), max_size=12)


@given(st.lists(TEXT, max_size=6))
def test_no_text_is_a_command_however_it_is_written(pieces: list[str]) -> None:
    log = _broken(*pieces)
    assert commands(log) == []
    assert log == _broken("".join(pieces))


@given(TEXT)
def test_all_that_is_added_are_spaces(text: str) -> None:
    assert _broken(text).replace(" ", "") == text.replace(" ", "")


@given(st.text(st.sampled_from("a:# /\n")))
def test_other_text_is_as_it_was(text: str) -> None:
    assert _broken(text) == text or commands(text)


def test_commands_stay_readable() -> None:
    log = "::error file=a::b\n \t::add-mask::x\nnot ::this::\n###[error]no\n::\n"
    assert _broken(log) == (
        ": :error file=a::b\n \t: :add-mask::x\nnot ::this::\n### [error]no\n: :\n"
    )


@given(st.recursive(TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_json_is_no_command_and_means_the_same(document: object) -> None:
    text = json_text(document)
    assert commands(text) == []
    assert json.loads(text) == document
