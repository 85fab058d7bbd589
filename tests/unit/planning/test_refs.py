"""The grammar of refs, and the versions that come out of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowdeploy.errors import RefError, UsageError
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import (
    ACCEPTED,
    Commit,
    Ref,
    commit_version,
    for_environment,
    is_version_id,
    library_version,
    parse_ref,
    parse_version,
)

TRUNK = Ref(PlanKind.TRUNK, "refs/heads/master")
RELEASE = Ref(PlanKind.RELEASE, "refs/tags/20200403-073034", "20200403-073034")
PROMOTION = Ref(PlanKind.PROMOTE, "refs/tags/promote-20200403-073034", "20200403-073034")
COMMIT = Commit("1a2b3c4d5e6f", datetime(2020, 4, 3, 7, 30, 34, tzinfo=UTC))

any_text = st.text(st.characters())  # every code point, surrogates included
ref_like = st.lists(
    st.sampled_from(
        [
            *("refs/", "heads/", "tags/", "pull/", "promote-", "20200403-073034", "7", "/merge"),
            *("/head", "/", ".", ".lock", "@", "{", "-", "\n", "٣", "é", "\udc80", "HEAD", "a"),
        ]
    ),
    max_size=6,
).map("".join)
digits = st.text("0123456789", min_size=14, max_size=14).map(lambda d: f"{d[:8]}-{d[8:]}")


def parsed(text: str, trunk: str = "master") -> Ref | RefError:
    try:
        return parse_ref(text, trunk)
    except RefError as error:
        return error


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("master", TRUNK),
        ("refs/heads/master", TRUNK),
        ("20200403-073034", RELEASE),
        ("refs/tags/20200403-073034", RELEASE),
        ("promote-20200403-073034", PROMOTION),
        ("refs/tags/promote-20200403-073034", PROMOTION),
        ("refs/pull/7/merge", Ref(PlanKind.PULL_REQUEST, "refs/pull/7/merge")),
        ("refs/pull/7/head", Ref(PlanKind.PULL_REQUEST, "refs/pull/7/head")),
        ("7/merge", Ref(PlanKind.PULL_REQUEST, "refs/pull/7/merge")),
        ("120/head", Ref(PlanKind.PULL_REQUEST, "refs/pull/120/head")),
        ("issue/1234-maps", Ref(PlanKind.FEATURE, "refs/heads/issue/1234-maps")),
        ("refs/heads/issue/1234-maps", Ref(PlanKind.FEATURE, "refs/heads/issue/1234-maps")),
        # A full ref is taken at its word.
        ("refs/heads/20200403-073034", Ref(PlanKind.FEATURE, "refs/heads/20200403-073034")),
        ("refs/heads/promote-maps", Ref(PlanKind.FEATURE, "refs/heads/promote-maps")),
        ("refs/heads/7/merge", Ref(PlanKind.FEATURE, "refs/heads/7/merge")),
        ("refs/heads/refs/heads/x", Ref(PlanKind.FEATURE, "refs/heads/refs/heads/x")),
        # Almost, but not quite.
        ("0/merge", Ref(PlanKind.FEATURE, "refs/heads/0/merge")),
        ("7/merged", Ref(PlanKind.FEATURE, "refs/heads/7/merged")),
        ("promoted", Ref(PlanKind.FEATURE, "refs/heads/promoted")),
        ("2020-04-03", Ref(PlanKind.FEATURE, "refs/heads/2020-04-03")),
        ("20200403-0730345", Ref(PlanKind.FEATURE, "refs/heads/20200403-0730345")),
        ("٢٠٢٠٠٤٠٣-٠٧٣٠٣٤", Ref(PlanKind.FEATURE, "refs/heads/٢٠٢٠٠٤٠٣-٠٧٣٠٣٤")),
        ("20200229-000000", Ref(PlanKind.RELEASE, "refs/tags/20200229-000000", "20200229-000000")),
        ("20001231-235959", Ref(PlanKind.RELEASE, "refs/tags/20001231-235959", "20001231-235959")),
    ],
)
def test_each_form_is_of_its_kind(text: str, ref: Ref) -> None:
    assert parse_ref(text) == ref


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("refs/heads/", "is empty"),
        ("20201399-996161", "does not exist"),
        ("20200230-000000", "does not exist"),
        ("20190229-000000", "does not exist"),
        ("19000229-000000", "does not exist"),
        ("00000101-000000", "does not exist"),
        ("20200403-240000", "does not exist"),
        ("20201231-235960", "does not exist"),  # a leap second, which strptime lets through
        ("refs/tags/20200230-000000", "does not exist"),
        ("promote-20200230-000000", "does not exist"),
        ("refs/tags/v1.0", "is neither a release tag nor a promote tag"),
        ("refs/tags/master", "is neither a release tag nor a promote tag"),
        ("refs/tags/", "is neither a release tag nor a promote tag"),
        ("refs/tags/20200403-073034\n", "is neither a release tag nor a promote tag"),
        ("refs/tags/٢٠٢٠٠٤٠٣-٠٧٣٠٣٤", "is neither a release tag nor a promote tag"),
        ("promote-", "is neither a release tag nor a promote tag"),
        ("promote-maps", "is neither a release tag nor a promote tag"),
        ("promote-promote-20200403-073034", "is neither a release tag nor a promote tag"),
        ("refs/remotes/origin/master", "is neither"),
        ("refs/pull/7", "is neither"),
        ("refs/pull/07/merge", "is neither"),
        ("refs/pull/7/merge\n", "is neither"),
        ("refs/", "is neither"),
        ("a b", "git"),
        ("a\x00", "git"),
        ("a\udc80", "git"),
        ("-a", "git"),
        ("HEAD", "git"),
        ("refs/heads/HEAD", "git"),
    ],
)
def test_anything_else_is_refused_with_the_forms_that_are_accepted(text: str, why: str) -> None:
    with pytest.raises(RefError, match=re.escape(why)) as refused:
        parse_ref(text)
    assert refused.value.exit_code == 2
    for form in ACCEPTED:
        assert form in str(refused.value.hint)


def test_the_trunk_is_what_the_configuration_says() -> None:
    assert parse_ref("main", trunk="main") == Ref(PlanKind.TRUNK, "refs/heads/main")
    assert parse_ref("refs/heads/main", trunk="main") == Ref(PlanKind.TRUNK, "refs/heads/main")
    assert parse_ref("master", trunk="main") == Ref(PlanKind.FEATURE, "refs/heads/master")
    assert parse_ref("promote-to-live", trunk="promote-to-live").kind is PlanKind.TRUNK


@given(any_text | ref_like | digits | digits.map(lambda tag: f"promote-{tag}"), any_text)
@example("refs/heads/@", "master")
@example("20201231-235961", "master")
def test_any_text_is_a_ref_or_is_refused_with_a_reason(text: str, trunk: str) -> None:
    ref = parsed(text, trunk)
    if isinstance(ref, RefError):
        assert ref.hint
        assert repr(text) in ref.message, "what was typed, whole"
        return
    assert parse_ref(ref.full, trunk) == ref, "the full ref means the same"
    assert ref.full.endswith(text)
    assert (ref.version is not None) == (ref.kind in {PlanKind.RELEASE, PlanKind.PROMOTE})
    ref.full.encode()


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_every_moment_is_a_release(moment: datetime) -> None:
    tag = f"{moment.year:04d}{moment:%m%d-%H%M%S}"
    assert parse_ref(tag) == Ref(PlanKind.RELEASE, f"refs/tags/{tag}", tag)
    assert parse_ref(f"promote-{tag}") == Ref(PlanKind.PROMOTE, f"refs/tags/promote-{tag}", tag)


commits = st.builds(
    Commit,
    st.text("0123456789abcdef", min_size=8, max_size=64),
    st.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 12, 31),
        timezones=st.integers(-14 * 60, 14 * 60).map(
            lambda minutes: timezone(timedelta(minutes=minutes))
        ),
    ),
)


@given(ref_like | digits, commits)
def test_every_version_that_comes_out_is_one_for_app_engine(text: str, commit: Commit) -> None:
    ref = parsed(text)
    if isinstance(ref, RefError):
        return
    version = ref.version or commit_version(commit)
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", version, re.ASCII)
    assert is_version_id(version)
    assert parse_version(version) == version
    assert re.fullmatch(r"[0-9]{8}-[0-9]{6}\.[0-9a-f]{8}", library_version(ref, commit), re.ASCII)


def test_a_build_is_named_by_its_commit_in_utc() -> None:
    in_chennai = datetime(2020, 4, 3, 1, 0, 34, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    commit = Commit("1a2b3c4d5e6f", in_chennai)

    assert commit_version(commit) == "20200402-193034-1a2b3c4d"
    assert library_version(TRUNK, commit) == "20200402-193034.1a2b3c4d"
    assert library_version(RELEASE, commit) == "20200403-073034.1a2b3c4d"


@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_EVENT_NAME": "pull_request"},
        {"GITHUB_EVENT_NAME": "pull_request_target"},
        {"SEMAPHORE_GIT_REF_TYPE": "pull-request"},
    ],
)
@pytest.mark.parametrize("ref", [TRUNK, RELEASE, PROMOTION])
def test_a_pull_request_is_one_whatever_its_ref_says(ref: Ref, environ: dict[str, str]) -> None:
    assert for_environment(ref, environ) == Ref(PlanKind.PULL_REQUEST, ref.full)


@pytest.mark.parametrize(
    "environ",
    [{}, {"GITHUB_EVENT_NAME": "push"}, {"SEMAPHORE_GIT_REF_TYPE": "tag"}, {"CI": "true"}],
)
def test_any_other_event_leaves_the_ref_as_it_is(environ: dict[str, str]) -> None:
    assert for_environment(RELEASE, environ) == RELEASE


@pytest.mark.parametrize("text", ["1", "a", "a-b", "20200403-073034", "a" * 63, "promote-1", "ah"])
def test_versions_of_app_engine(text: str) -> None:
    assert parse_version(text) == text.removeprefix("promote-")


@pytest.mark.parametrize(
    "text",
    [
        *("", "promote-", "-a", "a-", "A", "a_b", "a.b", "é", "٣", "a\n", "a" * 64),
        *("default", "latest", "promote-latest", "ah-1"),
    ],
)
def test_what_app_engine_takes_for_no_version(text: str) -> None:
    with pytest.raises(UsageError, match="is not a version id of App Engine") as refused:
        parse_version(text)
    assert refused.value.hint


BRANCHES = [
    *("a", "a/b", "a/b/c", "a-", "a.b", "a..b", ".a", "a.", "a/.b", "a./b", "-a", "a/-b", "/a"),
    *("a/", "a//b", "a.lock", "a.lock/b", "a.locked", "lock", ".lock", "a b", "a\tb", "a\n"),
    *("a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a]b", "a\\b", "a\x01b", "a\x7fb", "a@b", "a@{b"),
    *(
        "@a",
        "a@",
        "@@",
        "a/@",
        "@{",
        "{@}",
        "{}",
        "HEAD",
        "head",
        "a/HEAD",
        "Ünïcode",
        "日本",
        "e\u0301",
    ),
    *("a#b", "a!b", "a$b", "a%b", "a&b", "a'b", 'a"b', "a(b", "a+b", "a,b", "a;b", "a<b", "a|b"),
    *(
        "a\u00a0b",
        "a\u2028b",
        "..",
        ".",
        "...",
        "0",
        "00000000-000000x",
        "a" * 200,
        "@{-1}",
        "tags/x",
    ),
]  # not "@": git takes it for HEAD in some places and for a name in others


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_branch_names_are_those_that_git_accepts() -> None:
    verdicts = {name: (_is_branch(name), _git_accepts(name)) for name in BRANCHES}

    assert {name: both for name, both in verdicts.items() if both[0] != both[1]} == {}


def _is_branch(name: str) -> bool:
    ref = parsed(name)
    return isinstance(ref, Ref) and ref.kind is PlanKind.FEATURE


def _git_accepts(name: str) -> bool:
    command = ["git", "check-ref-format", "--branch", name]
    # Outside any repository, whose earlier branches `@{-1}` would name.
    return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0
