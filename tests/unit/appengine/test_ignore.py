"""Which files stay behind. The expectations are gcloud 528's own answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.app_yaml.ignore import Ignored, ignore_rules, parse_includes
from flowdeploy.errors import Refused


def deployed(ignored: Ignored, *paths: str) -> list[str]:
    """The files that are left when folders are asked about before what lies in them."""
    kept = []
    for path in paths:
        parts = path.split("/")
        around = ["/".join(parts[:n]) for n in range(1, len(parts))]
        if not any(ignored(folder, True) for folder in around) and not ignored(path, False):
            kept.append(path)
    return kept


def by(*lines: str, **texts: str) -> Ignored:
    return ignore_rules("java21", None, {".gcloudignore": "\n".join(lines), **texts})


@pytest.mark.parametrize(
    ("lines", "paths", "kept"),
    [
        (["foo"], ["foo", "a/foo", "foo/x", "food"], ["food"]),
        (["foo/"], ["foo", "b/foo/x"], ["foo"]),
        (["/foo"], ["foo", "a/foo"], ["a/foo"]),
        (["foo/bar"], ["foo/bar", "top/foo/bar", "bar"], ["bar"]),
        (["foo/**"], ["foo", "foo/bar", "a/foo/bar"], ["a/foo/bar"]),
        (["**/foo"], ["foo", "a/b/foo", "a/b"], ["a/b"]),
        (["a/**/b"], ["a/b", "a/x/y/b", "top/a/b"], ["top/a/b"]),
        (["*"], ["foo", "foo/bar"], []),
        (["*", "!foo/"], ["top", "foo/bar"], ["foo/bar"]),
        (["**"], ["foo", "foo/bar"], []),
        (["*.txt", "!keep.txt"], ["a.txt", "keep.txt", "b/keep.txt"], ["keep.txt", "b/keep.txt"]),
        (["foo/", "!foo/bar"], ["foo/bar"], []),
        (["foo/bar", "!foo"], ["foo/bar", "foo/x"], ["foo/x"]),
        (["# foo", "", "  "], ["foo", "# foo"], ["foo", "# foo"]),
        (["\\#foo", "\\!bar"], ["#foo", "!bar", "baz"], ["baz"]),
        (["trailing  ", "kept\\ "], ["trailing", "kept ", "kept"], ["kept"]),
        (["odd\\"], ["odd", "odd\\"], ["odd", "odd\\"]),
        (["[ab]x", "?y"], ["ax", "cx", "zy", "y"], ["cx", "y"]),
        (["ünï*"], ["ünïcode", "plain"], ["plain"]),
    ],
)
def test_gcloudignore(lines: list[str], paths: list[str], kept: list[str]) -> None:
    assert deployed(by(*lines), *paths) == kept


def test_included_files_are_read_in_place_and_include_no_more() -> None:
    text = "a\n#!include:more\n!b"
    texts = {".gcloudignore": text, "more": "b\nc\n#!include:even-more"}
    assert parse_includes(text) == ("more",)
    assert deployed(ignore_rules("java21", None, texts), "a", "b", "c", "d") == ["b", "d"]


def test_only_files_beside_it_are_included() -> None:
    with pytest.raises(Refused, match=r"\.gcloudignore includes \.\./x, sub/y"):
        parse_includes("#!include:../x\n# !include:sub/y\n#!include:z")


@pytest.mark.parametrize(
    ("runtime", "path"),
    [
        ("java21", "a/target/b"),
        ("python312", "a/__pycache__/b"),
        ("python312", "setup.cfg"),
        ("nodejs20", "a/node_modules/b"),
        ("php82", "vendor/b"),
        ("go121", "a.test"),
        ("java21", ".gcloudignore"),
        ("java21", "a/.gitignore"),
    ],
)
def test_defaults_of_second_generation_runtimes(runtime: str, path: str) -> None:
    kept = ["a/b", ".hidden", "a/setup.cfg", "a/vendor/b", "target"]
    assert deployed(ignore_rules(runtime, None, {}), path, *kept) == kept


def test_defaults_of_first_generation_runtimes() -> None:
    skipped = ["#a#", "b~", "c/d.pyc", "e.pyo", "f/RCS/g", ".h", "i/.j", ".k/l"]
    kept = ["a", "target/b", "node_modules/c", "d.py", "RCS"]
    assert deployed(ignore_rules("java8", None, {}), *skipped, *kept) == kept


def test_skip_files_replace_the_defaults_and_match_from_the_beginning() -> None:
    assert deployed(ignore_rules("java8", "app.yaml|x", {}), "app.yaml", "xy", "ax", ".h") == [
        "ax",
        ".h",
    ]


def test_skip_files_and_gcloudignore_together_are_refused() -> None:
    with pytest.raises(Refused, match="skip_files"):
        ignore_rules("java8", "x", {".gcloudignore": ""})


@given(
    st.lists(st.text(alphabet="ab/*?!#[]\\ .", max_size=6), max_size=4), st.text("ab.", min_size=1)
)
def test_any_text_makes_rules_or_is_refused(lines: list[str], name: str) -> None:
    try:
        ignored = by(*lines)
    except Refused:
        ignored = by()
    assert ignored(name, False) in (True, False)
