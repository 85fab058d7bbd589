"""The tree must be the ref's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.checks.source import Tree, source_objections
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import Commit, Ref

WHEN = datetime(2020, 4, 3, 7, 30, 34, tzinfo=UTC)
HEAD = Commit("1a2b3c4d" * 5, WHEN)
OTHER = Commit("5e6f7a8b" * 5, WHEN)
RELEASE = Ref(PlanKind.RELEASE, "refs/tags/20200403-073034", "20200403-073034")
TRUNK = Ref(PlanKind.TRUNK, "refs/heads/master")
FEATURE = Ref(PlanKind.FEATURE, "refs/heads/my-feature")
PULL = Ref(PlanKind.PULL_REQUEST, "refs/pull/7/merge")
PROMOTE = Ref(PlanKind.PROMOTE, "refs/tags/promote-20200403-073034", "20200403-073034")
BUILT = [RELEASE, TRUNK, FEATURE, PULL]


@pytest.mark.parametrize("ref", BUILT)
def test_the_refs_own_tree_is_built(ref: Ref) -> None:
    assert source_objections(ref, Tree(HEAD, known=HEAD), allow_dirty=False) == ()


@pytest.mark.parametrize("ref", BUILT)
def test_another_commits_tree_is_not(ref: Ref) -> None:
    assert source_objections(ref, Tree(HEAD, known=OTHER), allow_dirty=True) == (
        f"{ref.full} is 5e6f7a8b, but HEAD is 1a2b3c4d: check it out",
    )


def test_that_head_is_meant_does_not_make_it_another_commits() -> None:
    tree = Tree(HEAD, known=OTHER, head_is_meant=True)
    assert len(source_objections(RELEASE, tree, allow_dirty=False)) == 1


def test_a_release_that_git_does_not_know_would_ship_head_to_everyone() -> None:
    assert source_objections(RELEASE, Tree(HEAD), allow_dirty=True) == (
        "git does not know refs/tags/20200403-073034: fetch the tag, or use --commit HEAD to"
        " build HEAD (1a2b3c4d)",
    )
    assert source_objections(RELEASE, Tree(HEAD, head_is_meant=True), allow_dirty=False) == ()


@pytest.mark.parametrize("ref", [TRUNK, FEATURE, PULL])
def test_a_ci_checks_out_commits_without_branches(ref: Ref) -> None:
    assert source_objections(ref, Tree(HEAD), allow_dirty=False) == ()


def test_changed_files_are_named_up_to_five() -> None:
    tree = Tree(HEAD, known=HEAD, modified=list("abcdefg"))
    assert source_objections(TRUNK, tree, allow_dirty=False) == (
        "tracked files differ from HEAD: a, b, c, d, e and 2 more; --allow-dirty builds them"
        " anyway",
    )
    assert source_objections(TRUNK, tree, allow_dirty=True) == ()


def test_all_that_speaks_against_it_is_said_at_once() -> None:
    tree = Tree(HEAD, known=OTHER, modified=["pom.xml"])
    assert len(source_objections(RELEASE, tree, allow_dirty=False)) == 2


@given(
    known=st.sampled_from([None, HEAD, OTHER]),
    modified=st.lists(st.text(min_size=1)),
    head_is_meant=st.booleans(),
    allow_dirty=st.booleans(),
)
def test_a_promotion_builds_nothing(
    known: Commit | None, modified: list[str], head_is_meant: bool, allow_dirty: bool
) -> None:
    tree = Tree(HEAD, known, modified, head_is_meant)
    assert source_objections(PROMOTE, tree, allow_dirty=allow_dirty) == ()
