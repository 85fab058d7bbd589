"""The tree must be the ref's: what is built here is what the ref names, or nothing is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import Commit, Ref


@dataclass(frozen=True, slots=True)
class Tree:
    """A git checkout as it stands.

    ``known`` is the commit that git knows the ref by, if it does; ``modified``
    are the tracked files that differ from HEAD. ``head_is_meant``: the user has
    said, with ``--commit``, that HEAD is what the ref names.
    """

    head: Commit
    known: Commit | None = None
    modified: Sequence[str] = ()
    head_is_meant: bool = False


def source_objections(ref: Ref, tree: Tree, *, allow_dirty: bool) -> tuple[str, ...]:
    """Why this tree must not be built and shipped as ``ref``. A promotion builds nothing."""
    if ref.kind is PlanKind.PROMOTE:
        return ()
    return (
        *_commit_objections(ref, tree),
        *_modification_objections(tree, allow_dirty=allow_dirty),
    )


def _commit_objections(ref: Ref, tree: Tree) -> tuple[str, ...]:
    if tree.known and tree.known.sha != tree.head.sha:
        return (
            f"{ref.full} is {tree.known.sha[:8]}, but HEAD is {tree.head.sha[:8]}: check it out",
        )
    if tree.known is None and ref.kind is PlanKind.RELEASE and not tree.head_is_meant:
        return (
            f"git knows no {ref.full}: fetch the tag, or say --commit HEAD if HEAD"
            f" ({tree.head.sha[:8]}) is meant",
        )
    return ()


def _modification_objections(tree: Tree, *, allow_dirty: bool) -> tuple[str, ...]:
    if allow_dirty or not tree.modified:
        return ()
    names = ", ".join(tree.modified[:5])
    more = f" and {len(tree.modified) - 5} more" if len(tree.modified) > 5 else ""
    return (
        f"tracked files differ from HEAD: {names}{more}; --allow-dirty builds them as they are",
    )
