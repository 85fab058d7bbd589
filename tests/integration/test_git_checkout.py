"""The reader of the checkout, on real repositories."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdeploy.clients.git import Checkout, is_installed
from flowdeploy.errors import Refused, ToolError
from flowdeploy.planning.refs import Commit

WHEN = datetime(2020, 4, 3, 7, 30, 34, tzinfo=UTC)


@pytest.fixture(autouse=True)
def git_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """git without the settings of the machine and with a fixed time, in any language."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.org")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-04-03T09:30:34+02:00")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout of master with one commit of one file."""
    folder = tmp_path / "the repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "master")
    commit(folder, "pom.xml")
    return folder


def commit(folder: Path, name: str) -> str:
    (folder / name).write_text("one\n")
    git(folder, "add", "--", name)
    git(folder, "commit", "-q", "-m", f"Add {name}")
    return git(folder, "rev-parse", "HEAD")


def checkout(folder: Path) -> Checkout:
    found = Checkout.find(folder)
    assert found is not None
    return found


def test_it_is_found_from_a_folder_inside(repository: Path) -> None:
    below = repository / "src" / "main"
    below.mkdir(parents=True)

    assert Checkout.find(below) == Checkout(repository)


def test_a_linked_work_tree_is_a_checkout_of_its_own(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "linked"))

    assert Checkout.find(tmp_path / "linked") == Checkout(tmp_path / "linked")


def test_there_is_none_outside_of_git(tmp_path: Path) -> None:
    assert is_installed()
    assert Checkout.find(tmp_path) is None


def test_there_is_none_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))

    assert not is_installed()
    assert Checkout.find(repository) is None


def test_the_head_has_its_committers_time_in_utc(repository: Path) -> None:
    assert checkout(repository).head == Commit(git(repository, "rev-parse", "HEAD"), WHEN)


def test_branches_and_tags_are_resolved_to_their_commits(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "-m", "annotated", "20200403-073034")
    git(repository, "tag", "-a", "-m", "a tag of a tag", "nested", "20200403-073034")
    second = commit(repository, "index.html")
    here = checkout(repository)

    for ref in ("refs/tags/20200403-073034", "refs/tags/nested", "20200403-073034", "HEAD~1"):
        assert here.resolve(ref) == Commit(first, WHEN), ref
    for ref in ("refs/heads/master", "HEAD", second, second[:8]):
        assert here.resolve(ref) == Commit(second, WHEN), ref


def test_a_full_name_is_taken_at_its_word(repository: Path) -> None:
    git(repository, "update-ref", "refs/heads/refs/tags/20200403-073034", "HEAD")

    assert checkout(repository).resolve("refs/tags/20200403-073034") is None


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/gone",
        "gone",
        "",
        "--all",
        "-h",
        "--output=x",
        "^HEAD",
        "HEAD..HEAD",
        "HEAD^{tree}",
        "HEAD HEAD",
        "HEAD\nHEAD",
        "refs/heads/a b",
        "refs/tags/blob",
        "@{upstream}",
        "refs/../HEAD",
    ],
)
def test_a_name_of_no_commit_is_not_resolved(repository: Path, ref: str) -> None:
    git(repository, "tag", "blob", "HEAD:pom.xml")

    assert checkout(repository).resolve(ref) is None
    assert not (repository / "x").exists()


def test_only_tracked_files_count_as_modified(repository: Path) -> None:
    for name in ("ä.txt", 'say "hi".txt', "staged.txt", "gone.txt"):
        commit(repository, name)
    (repository / "ä.txt").write_text("two\n")
    (repository / 'say "hi".txt').write_text("two\n")
    (repository / "staged.txt").rename(repository / "renamed.txt")
    git(repository, "add", "--all")
    (repository / "gone.txt").unlink()
    (repository / "untracked.txt").touch()

    assert set(checkout(repository / ".git" / "..").modified_files()) == {
        "ä.txt",
        'say "hi".txt',
        "staged.txt",
        "renamed.txt",
        "gone.txt",
    }


def test_a_file_that_was_only_touched_is_not_modified(repository: Path) -> None:
    os.utime(repository / "pom.xml", (0, 0))
    index = (repository / ".git" / "index").read_bytes()

    assert checkout(repository).modified_files() == ()
    assert (repository / ".git" / "index").read_bytes() == index


def test_a_checkout_without_a_commit_has_no_head(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    with pytest.raises(Refused, match="has no commit"):
        _ = checkout(tmp_path).head


def test_a_time_beyond_the_calendar_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@99999999999999 +0000")
    commit(repository, "late.txt")

    with pytest.raises(Refused, match="which is no date"):
        _ = checkout(repository).head


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare")

    with pytest.raises(Refused, match="has no work tree") as caught:
        Checkout.find(tmp_path)

    assert "git worktree add" in str(caught.value.hint)


def test_a_checkout_of_another_user_is_refused_with_gits_remedy(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for tests

    with pytest.raises(Refused, match="belongs to another user") as caught:
        Checkout.find(repository)

    assert caught.value.hint == (
        f"If you trust it: git config --global --add safe.directory '{repository}'"
    )


def test_other_failures_are_told_in_gits_words(repository: Path) -> None:
    (repository / ".git" / "config").write_text("[core\n")

    with pytest.raises(ToolError, match="exit status 128") as caught:
        Checkout.find(repository)

    assert any("bad config line 1" in line for line in caught.value.details)


def test_a_broken_index_is_told_in_gits_words(repository: Path) -> None:
    (repository / ".git" / "index").write_bytes(b"rubbish")

    with pytest.raises(ToolError) as caught:
        checkout(repository).modified_files()

    assert any("index" in line for line in caught.value.details)
