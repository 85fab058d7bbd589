"""What is built: the commit, and whether the tree is the ref's."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flowdeploy.checks.source import Tree, objections
from flowdeploy.clients import git
from flowdeploy.errors import Refused, UsageError
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import Commit, Ref

_SHA = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """The commit that a run builds, if one is known, and what speaks against building it.

    ``modified`` is whether tracked files differ from the commit.
    """

    commit: Commit | None
    objections: tuple[str, ...] = ()
    modified: bool = False

    def require(self) -> None:
        """Raises Refused where the tree is not the ref's."""
        if self.objections:
            raise Refused(
                "the tree is not what the ref names; nothing was built",
                details=self.objections,
                hint="Check out the ref, so that what is shipped is what its name says.",
            )


def source_of(
    ref: Ref, root: Path, commit: str | None, time: str | None, *, allow_dirty: bool
) -> Source:
    """What ``--commit`` and ``--commit-time`` say, or else the git checkout around ``root``.

    Raises UsageError for a commit that is not HEAD, and for half a commit where
    there is no checkout.
    """
    if ref.kind is PlanKind.PROMOTE:
        return Source(None)
    checkout = git.Checkout.find(root)
    if checkout is None:
        return Source(_named_commit(commit, time))
    head = checkout.head
    if commit is not None and checkout.resolve(commit) != head:
        raise UsageError(
            f"--commit {commit} is not HEAD, which is {head.sha[:8]}",
            hint="Check the commit out: what is built is the tree as it stands.",
        )
    tree = Tree(head, checkout.resolve(ref.full), checkout.modified(), commit is not None)
    found = objections(ref, tree, allow_dirty=allow_dirty)
    return Source(head, found, modified=bool(tree.modified))


def _named_commit(commit: str | None, time: str | None) -> Commit | None:
    if commit is None and time is None:
        return None
    if commit is None or time is None:
        raise UsageError("--commit and --commit-time go together where there is no git checkout")
    if not _SHA.fullmatch(commit):
        raise UsageError(f"--commit {commit} is no commit: write at least 8 hex digits of its SHA")
    return Commit(commit, _moment(time))


def _moment(text: str) -> datetime:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.astimezone(UTC)
    raise UsageError(f"--commit-time {text} is no RFC 3339 time, like 2020-04-03T07:30:34Z")
