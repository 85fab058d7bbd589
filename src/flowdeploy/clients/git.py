"""The git checkout: its commit, its refs, and its modified files.

Runs ``git``, only to read: it takes no lock, and its messages are in English whatever
the user's language.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flowdeploy.errors import FlowdeployError, Refused, ToolError
from flowdeploy.planning.refs import Commit

_LONGEST = 120.0  # seconds; `git status` of a large checkout on a slow disk takes some


def is_installed() -> bool:
    """Whether the program ``git`` is on the PATH."""
    return shutil.which("git") is not None


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git work tree; ``root`` is its top folder."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> Checkout | None:
        """The checkout that the folder ``start`` is in; None without one, or without git.

        A folder that does not exist is in the checkout of the first one above it that does.

        Raises Refused for a repository that git will not open, or that has no
        work tree, and ToolError where git fails otherwise.
        """
        if not is_installed():
            return None
        start = next((each for each in (start, *start.parents) if each.is_dir()), start)
        answer = _git(start, "rev-parse", "--show-toplevel")
        if answer.returncode == 0:
            return cls(Path(answer.stdout.removesuffix("\n")))
        if "not a git repository" in answer.stderr:
            return None
        raise _unusable(start, answer)

    @property
    def head(self) -> Commit:
        """The commit that is checked out. Raises Refused where there is none yet."""
        commit = self.resolve("HEAD")
        if commit is None:
            raise Refused(
                f"the checkout {self.root} has no commit",
                hint="A version is named after its commit: `git commit` first.",
            )
        return commit

    def resolve(self, ref: str) -> Commit | None:
        """The commit of a full ref name or another revision; tags are followed.

        None for what git does not know. A full name (``refs/…``) means that ref alone,
        where git itself would also look for a branch called ``refs/…``.
        """
        answer = _git(self.root, *_lookup_arguments(ref))
        if answer.returncode != 0:
            return None
        peeled = answer.stdout.strip() + "^{commit}"
        answer = _git(self.root, "rev-list", "--max-count=1", "--timestamp", peeled, "--")
        if answer.returncode != 0 or not answer.stdout:
            return None
        seconds, sha = answer.stdout.split()
        return Commit(sha, _to_datetime(int(seconds), sha))

    def modified_files(self) -> tuple[str, ...]:
        """The tracked files that differ from HEAD, staged or not, as paths from the root.

        Raises Refused or ToolError where git fails.
        """
        answer = _git(
            self.root,
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=no",
            "--ignore-submodules=untracked",
            "--no-renames",
        )
        if answer.returncode != 0:
            raise _unusable(self.root, answer)
        return tuple(entry[3:] for entry in answer.stdout.split("\0") if entry)


def _lookup_arguments(ref: str) -> tuple[str, ...]:
    """The arguments for git to print the object that ``ref`` names."""
    if ref.startswith("refs/"):
        return ("show-ref", "--verify", "--hash", "--", ref)
    return ("rev-parse", "--verify", "--quiet", "--end-of-options", ref)


def _to_datetime(seconds: int, sha: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(
            f"the commit {sha} was made {seconds} seconds after 1970, which is no date",
            hint="A version is named after its commit's time: `git commit --amend` sets it anew.",
        ) from error


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Raises ToolError where git cannot be run, or does not end."""
    try:
        return subprocess.run(
            ["git", "-c", "core.quotepath=off", "-C", str(folder), *arguments],
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_LONGEST,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ToolError(
            f"git {arguments[0]} failed in {folder}: {error}",
            hint="`git status` there may say more.",
        ) from error


def _unusable(folder: Path, answer: subprocess.CompletedProcess[str]) -> FlowdeployError:
    if "dubious ownership" in answer.stderr:
        quoted = shlex.quote(str(folder))
        return Refused(
            f"git does not trust the checkout at {folder}: it belongs to another user",
            hint=f"If you trust it: git config --global --add safe.directory {quoted}",
        )
    if "must be run in a work tree" in answer.stderr:
        return Refused(
            f"{folder} has no work tree: it is a bare repository, or git's own folder",
            hint="Run flowdeploy in a checkout: `git clone`, or `git worktree add`.",
        )
    return ToolError(
        f"git failed in {folder} with exit status {answer.returncode}",
        details=answer.stderr.splitlines(),
        hint="`git status` there may say more.",
    )
