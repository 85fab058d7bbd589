"""The commit that a run builds, and whether the tree is what the ref names."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from flowdeploy.checks.source import Tree, source_objections
from flowdeploy.clients import git
from flowdeploy.config.values import Config
from flowdeploy.errors import FlowdeployError, UsageError
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import Commit, Ref
from flowdeploy.steps.context import Source

_SHA = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


def find_source(
    ref: Ref, folder: Path, commit: str | None, time: str | None, *, allow_dirty: bool
) -> Source:
    """The source by ``--commit`` and ``--commit-time``, or by the git checkout around ``folder``.

    ``folder`` is that of the build: the configuration may be in a repository of its own.

    Raises UsageError for a commit that is not HEAD, and for half a commit where there is no
    checkout.
    """
    if ref.kind is PlanKind.PROMOTE:
        return Source()
    checkout = git.Checkout.find(folder)
    if checkout is None:
        return Source(_parse_commit(commit, time))
    head = checkout.head
    if commit is not None and checkout.resolve(commit) != head:
        raise UsageError(
            f"--commit {commit} is not HEAD, which is {head.sha[:8]}",
            hint="Check the commit out: what is built is the tree as it stands.",
        )
    tree = Tree(head, checkout.resolve(ref.full), checkout.modified_files(), commit is not None)
    return Source(head, bool(tree.modified), source_objections(ref, tree, allow_dirty=allow_dirty))


def configuration_commit(config: Config) -> Commit | None:
    """The commit of the checkout that the configuration is in; None where git shows none."""
    try:
        checkout = git.Checkout.find(config.path.parent)
        return checkout.head if checkout else None
    except FlowdeployError:  # which does not matter for what is deployed
        return None


def _parse_commit(commit: str | None, time: str | None) -> Commit | None:
    if commit is None and time is None:
        return None
    if commit is None or time is None:
        raise UsageError("--commit and --commit-time go together where there is no git checkout")
    if not _SHA.fullmatch(commit):
        raise UsageError(f"--commit {commit} is no commit: write at least 8 hex digits of its SHA")
    return Commit(commit, _parse_time(time))


def _parse_time(text: str) -> datetime:
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(text)
        if time.tzinfo:
            return time.astimezone(UTC)
    raise UsageError(f"--commit-time {text} is no RFC 3339 time, like 2020-04-03T07:30:34Z")
