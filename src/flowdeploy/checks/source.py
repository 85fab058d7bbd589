"""The check before a build: the git checkout must be the commit that the ref names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowdeploy.checks.drift import first_names
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import Commit, Ref


@dataclass(frozen=True, slots=True)
class Tree:
    """The state of a git checkout.

    ``known`` is the commit of the ref, if git knows the ref; ``modified`` are the tracked
    files that differ from HEAD. ``head_is_meant``: ``--commit`` says to build HEAD.
    """

    head: Commit
    known: Commit | None = None
    modified: Sequence[str] = ()
    head_is_meant: bool = False


def source_objections(ref: Ref, tree: Tree, *, allow_dirty: bool) -> tuple[str, ...]:
    """Why this tree must not be built as ``ref``. None for a promotion, which builds nothing."""
    if ref.kind is PlanKind.PROMOTE:
        return ()
    modified = () if allow_dirty else _modification_objections(tree)
    return (*_commit_objections(ref, tree), *modified)


def _commit_objections(ref: Ref, tree: Tree) -> Iterator[str]:
    head = tree.head.sha[:8]
    if tree.known and tree.known.sha != tree.head.sha:
        yield f"{ref.full} is {tree.known.sha[:8]}, but HEAD is {head}: check it out"
    if tree.known is None and ref.kind is PlanKind.RELEASE and not tree.head_is_meant:
        yield (
            f"git does not know {ref.full}: fetch the tag, or use --commit HEAD to build"
            f" HEAD ({head})"
        )


def _modification_objections(tree: Tree) -> Iterator[str]:
    if tree.modified:
        names = first_names(tree.modified, 5)
        yield f"tracked files differ from HEAD: {names}; --allow-dirty builds them anyway"
