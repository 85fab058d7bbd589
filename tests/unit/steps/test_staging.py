"""The staged folder is read as it is, and nothing is written into it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from flowdeploy.errors import Refused
from flowdeploy.steps import staging

JAVA = b"runtime: java21\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "staged"
    made.mkdir()
    (made / "app.yaml").write_bytes(JAVA)
    return made


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def paths(folder: Path, *exclude: Path) -> list[str]:
    return [file.path for file in staging.read(folder, exclude).manifest.files]


def refusal(folder: Path) -> str:
    with pytest.raises(Refused) as refused:
        staging.read(folder)
    assert refused.value.hint
    return refused.value.message


def test_a_file_is_its_path_size_and_hash(folder: Path) -> None:
    content = os.urandom(300_000)
    put(folder, "WEB-INF/web.xml")
    (folder / "WEB-INF/web.xml").write_bytes(content)
    staged = staging.read(folder)
    file = staged.manifest.files[0]
    assert (file.path, file.size) == ("WEB-INF/web.xml", 300_000)
    assert file.sha1 == hashlib.sha1(content, usedforsecurity=False).hexdigest()
    assert staged.contents[file.sha1].read_bytes() == content
    assert staged.app.runtime == "java21"
    assert staged.app_yaml == "runtime: java21\n"


def test_paths_are_sorted_whatever_they_are(folder: Path) -> None:
    odd = ["a b/c d.txt", "ünï/ç✓", ".hidden", "50%/x%20y", "a\\b", "a\nb", "-x", "_ah/x"]
    put(folder, *odd)
    assert paths(folder) == sorted([*odd, "app.yaml"])


def test_nothing_is_written_into_the_folder(folder: Path) -> None:
    put(folder, "target/x")
    assert paths(folder) == ["app.yaml"]
    assert sorted(entry.name for entry in folder.iterdir()) == ["app.yaml", "target"]


def test_gcloudignore_and_what_it_includes(folder: Path) -> None:
    put(folder, "a.log", "b.txt", "keep/c.log")
    (folder / ".gcloudignore").write_text(".gcloudignore\n#!include:more\n!c.log\n")
    (folder / "more").write_text("*.log\nmore\n")
    assert paths(folder) == ["app.yaml", "b.txt", "keep/c.log"]


def test_skip_files_of_an_old_runtime(folder: Path) -> None:
    put(folder, ".hidden", "a/b.pyc", "x/y")
    (folder / "app.yaml").write_text("runtime: java8\nskip_files: app.yaml\n")
    assert paths(folder) == [".hidden", "a/b.pyc", "x/y"]


def test_what_is_excluded_and_git_s_folder_are_never_deployed(folder: Path) -> None:
    put(folder, ".git/config", "sub/.git/config", "home/run", "config/instances.yaml", "config/x")
    (folder / ".gcloudignore").write_text("")
    (folder / "link").symlink_to(folder / ".git/config")
    found = paths(folder, folder / "home", folder / "config/instances.yaml", folder.parent)
    assert found == [".gcloudignore", "app.yaml", "config/x"]


def test_links_are_followed(folder: Path) -> None:
    put(folder, "a/b")
    (folder / "c").symlink_to("a/b")
    (folder / "d").symlink_to("a")
    assert paths(folder) == ["a/b", "app.yaml", "c", "d/b"]


def test_a_link_to_the_staged_folder_may_stand_for_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(folder)
    assert paths(tmp_path / "latest") == ["app.yaml"]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (".", "leads to a folder that it lies in"),
        ("..", "leads out of the staged folder"),
        ("/dev/null", "leads out of the staged folder"),
        ("nowhere", "No such file or directory"),
        ("link", "cannot be read"),
    ],
)
def test_links_that_lead_nowhere_good_are_refused(folder: Path, target: str, found: str) -> None:
    (folder / "link").symlink_to(target)
    message = refusal(folder)
    assert str(folder / "link") in message
    assert found in message


def test_an_ignored_link_is_not_looked_at(folder: Path) -> None:
    (folder / "target").symlink_to("nowhere")
    (folder / ".gcloudignore").write_text("target\n.gcloudignore\n")
    assert paths(folder) == ["app.yaml"]


def test_a_loop_over_two_links_is_refused(folder: Path) -> None:
    put(folder, "a/x", "b/y")
    (folder / "a/to-b").symlink_to("../b")
    (folder / "b/to-a").symlink_to("../a")
    assert "leads to a folder that it lies in" in refusal(folder)


def test_a_pipe_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert refusal(folder) == f"{folder / 'pipe'} is neither a file nor a folder"


def test_a_name_that_is_not_utf_8_is_refused(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch()
    assert "is not UTF-8" in refusal(folder)


def test_a_missing_folder_a_file_for_a_folder_and_a_folder_without_app_yaml(
    folder: Path, tmp_path: Path
) -> None:
    assert refusal(tmp_path / "none") == f"the staged folder {tmp_path / 'none'} does not exist"
    assert refusal(folder / "app.yaml").endswith("app.yaml is not a folder")
    assert refusal(tmp_path) == f"{tmp_path / 'app.yaml'} does not exist, or is no file"


def test_an_included_ignore_file_must_be_there_and_be_text(folder: Path) -> None:
    (folder / ".gcloudignore").write_text("#!include:more\n")
    assert refusal(folder) == f"{folder / 'more'} does not exist, or is no file"
    (folder / "more").write_bytes(b"\xff")
    assert "is not UTF-8" in refusal(folder)


def test_configurations_beside_the_application_are_found(folder: Path) -> None:
    put(folder, "dispatch.yaml", "WEB-INF/appengine-generated/cron.yaml", "sub/queue.yaml")
    (folder / "dispatch.yaml").write_text("dispatch: []\n")
    (folder / "WEB-INF/appengine-generated/cron.yaml").write_text("cron:\n")
    assert staging.read(folder).configs == {
        "dispatch.yaml": "dispatch: []\n",
        "WEB-INF/appengine-generated/cron.yaml": "cron:\n",
    }


def test_a_configuration_that_is_wrong_is_refused_with_file_and_line(folder: Path) -> None:
    (folder / "queue.yaml").write_text("queue:\n- name: mail\n  rate: fast\n")
    with pytest.raises(Refused) as refused:
        staging.read(folder)
    assert refused.value.details[0].startswith("queue.yaml:3: ")
