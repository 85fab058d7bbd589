"""Expressions of users match as Python's do, and end."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.app_yaml.ignore import MOST_RULES, ignore_rules
from flowdeploy.appengine.forms.user_regex import UserRegex, compile_regex
from flowdeploy.errors import Refused

ATOMS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "[",
            ":",
            "{",
            "}",
            ",",
            "e",
            "<",
            "=",
            "1",
            "-",
            "^",
            ".",
            r"\w",
            r"\{",
            r"\[",
        ),
        *("[ab]", "[^a]", "[]a]", "[^]a]", "[[:alpha:]]", r"[\[:a]", "[[a]", "[a&&b]", "[a--b]"),
        *("a{e}", "a{e<=1}", "a{s}", "a{1}", "a{,2}", "a{,}", "a{1,}", "a{}", "(?:ab){2}", "{a"),
        *("(", "(?:", "(?!", "(?=", "(?i:", ")", "|", "*", "+", "?", "$", r"\Z", r"\b", r"(a)\1"),
    ]
)


@pytest.mark.parametrize("text", ["^(.*/)?.*~$", "^(?!dist).*$", r"^(.*/)?\..*$"])
def test_usual_expressions_are_matched_by_python(text: str) -> None:
    assert compile_regex(text).longest > 100


@given(st.lists(ATOMS, max_size=8).map("".join), st.text("abe1:[]{}<=,-", max_size=8))
def test_the_library_that_can_be_stopped_agrees_with_python(text: str, subject: str) -> None:
    try:
        compiled = compile_regex(text)
    except ValueError:
        return
    found = compiled.plain.match(subject)
    assert UserRegex(compiled.plain, -1).match_end(subject) == (found.end() if found else None)


@pytest.mark.parametrize(
    "text",
    [
        *("^(a+)+$", "^(a|aa)+$", "^(a|a)*$", "(a*)*b"),
        *("a?" * 40 + "b", "[^/]*a" * 25 + "$", "^" + "(aa|a)" * 30 + "b$"),
    ],
)
def test_no_match_takes_for_ever(text: str) -> None:
    with suppress(TimeoutError):
        assert compile_regex(text).match_end("a" * 60 + "!") is None


@pytest.mark.parametrize(
    "text", ["a{1000000000}", "(a{1000}){1000}", "(" * 100_000, "a{99999999999999999999}", "["]
)
def test_what_would_fill_the_memory_is_no_expression(text: str) -> None:
    with pytest.raises(ValueError, match=r"too often|too deep|unterminated|missing"):
        compile_regex(text)


def test_an_expression_of_skip_files_that_takes_too_long_is_named() -> None:
    ignored = ignore_rules("python27", "^(a|aa)+$", {})
    assert not ignored("index.html", False)
    with pytest.raises(Refused, match=re.escape("skip_files of app.yaml: ^(a|aa)+$: it takes")):
        ignored("a" * 60 + "!", False)


@pytest.mark.parametrize("stars", ["*a" * 25, "**/*a/" * 12 + "b", "*" * 100 + "a", "?*" * 30])
def test_stars_of_gcloudignore_end(stars: str) -> None:
    ignored = ignore_rules("java21", None, {".gcloudignore": stars})
    for path in ("a" * 200 + "c", "/".join("a" * 40) + "/c"):
        ignored(path, False)


def test_an_impossible_range_of_gcloudignore_is_named() -> None:
    with pytest.raises(Refused, match=re.escape("a rule that means nothing: a[z-a]b/**")):
        ignore_rules("java21", None, {".gcloudignore": "a[z-a]b/**"})


def test_the_number_of_rules_is_limited() -> None:
    text = "\n".join(f"{n}.txt" for n in range(MOST_RULES + 1))
    with pytest.raises(Refused, match=f"{MOST_RULES + 1} rules"):
        ignore_rules("java21", None, {".gcloudignore": text})
