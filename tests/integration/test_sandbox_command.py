"""``flowdeploy sandbox`` and ``--sandbox``: the sandbox as users start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"


@contextmanager
def _served(*options: str, stderr: IO[str] | None = None) -> Iterator[tuple[str, str]]:
    """The URL that a server prints first, and all that it prints after it."""
    command = [sys.executable, "-m", "flowdeploy", "sandbox", "serve", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout
    url = process.stdout.readline().strip()
    after = [process.stdout.readline()]
    while "token" not in after[-1]:
        after.append(process.stdout.readline())
        assert after[-1], "it has ended"
    try:
        yield url, "".join(after)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0


def _app(url: str, project: str) -> requests.Response:
    return requests.get(f"{url}/v1/apps/{project}", timeout=10)


def test_a_server_says_where_it_is_and_how_to_reach_it(project: Project) -> None:
    with _served(
        *("--app", "my-project:us-central", "--app", "other-project"),
        *("--app", "example.org:third-project"),
    ) as (url, after):
        assert url.startswith("http://127.0.0.1:")
        for words in (
            f"export FLOWDEPLOY_SANDBOX={url}\n",
            f"CLOUDSDK_API_ENDPOINT_OVERRIDES_APPENGINE={url}/\n",
            f"{url}/repo",
        ):
            assert words in after
        assert _app(url, "my-project").json()["locationId"] == "us-central"
        assert _app(url, "other-project").json()["servingStatus"] == "SERVING"
        assert _app(url, "example.org:third-project").ok
        assert _app(url, "akvoflow-3").ok
        assert _app(url, "nobody-here").status_code == 404
        ended = project.run("versions", "--project", "my-project", FLOWDEPLOY_SANDBOX=url)
        assert ended.out.splitlines()[1].startswith("default  1           1.00")


def test_the_servers_state_outlives_it(project: Project, tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state"), "--operation-seconds", "0")
    with _served(*options) as (url, _):
        report = project.report("run", RELEASE, "--only", "akvoflow-1", FLOWDEPLOY_SANDBOX=url)
        assert (report["exit_code"], report["target"]) == (0, url)
    with _served(*options, "--app", "akvoflow-1") as (url, _):
        report = project.report("promote", RELEASE, "akvoflow-1", FLOWDEPLOY_SANDBOX=url)
        assert report["exit_code"] == 0


def test_the_embedded_one_serves_every_command_and_can_be_emptied(project: Project) -> None:
    """What the README shows: a release, its promotion, the way back."""
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    release = project.report("--sandbox", "run", RELEASE, "--only", "akvoflow-1")
    assert release["exit_code"] == 0
    assert release["target"].startswith("http://127.0.0.1:")
    forward = project.report("promote", RELEASE, "akvoflow-1", "--sandbox")
    back = project.report("promote", "1", "akvoflow-1", "--sandbox")
    assert [forward["exit_code"], back["exit_code"]] == [0, 0]
    listed = ["--sandbox", "versions", "--project", "akvoflow-1", "--format", "json"]
    assert [row["id"] for row in project.run(*listed).json] == ["1", RELEASE]
    ended = project.run("sandbox", "reset")
    assert (ended.code, ended.err) == (0, "")
    assert str(project.root / ".flowdeploy/sandbox") in ended.out
    assert [row["id"] for row in project.run(*listed).json] == ["1"]


def test_a_reset_that_deletes_nothing_is_an_error(project: Project) -> None:
    """Where root runs the tests no folder is read-only; a link is not followed, either."""
    (project.root / "state").mkdir()
    (project.root / "state/sandbox.db").touch()
    (project.root / ".flowdeploy").mkdir(exist_ok=True)
    (project.root / ".flowdeploy/sandbox").symlink_to(project.root / "state")
    ended = project.run("sandbox", "reset")
    assert (ended.code, ended.out) == (1, "")
    assert str(project.root / ".flowdeploy/sandbox") in ended.err
    assert (project.root / "state/sandbox.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_reset_of_a_read_only_folder_names_what_stays(project: Project) -> None:
    folder = project.root / ".flowdeploy/sandbox/blobs"
    folder.mkdir(parents=True)
    (folder / "blob").touch()
    folder.chmod(0o500)
    ended = project.run("sandbox", "reset")
    folder.chmod(0o700)
    assert (ended.code, ended.out) == (1, "")
    assert "blob" in ended.err


def test_a_reset_of_nothing_succeeds(project: Project) -> None:
    assert project.run("sandbox", "reset").code == 0
    (project.root / "state").mkdir()
    (project.root / ".flowdeploy").mkdir(exist_ok=True)
    (project.root / ".flowdeploy/sandbox").symlink_to(project.root / "state")
    assert project.run("sandbox", "reset").code == 0  # a link stays, and nothing is in it


def test_only_a_server_that_others_may_reach_warns(project: Project, tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"))
    said = tmp_path / "stderr"
    for host, warns in (("0.0.0.0", True), ("localhost", False)):  # noqa: S104
        with said.open("w") as stderr, _served(*state, "--host", host, stderr=stderr) as (url, _):
            where = url.replace(host, "127.0.0.1")
            assert requests.get(where + "/v1/apps/akvoflow-3", timeout=10).ok
            given = {"Host": url.removeprefix("http://")}
            assert requests.get(where + "/v1/apps/akvoflow-3", headers=given, timeout=10).ok
        assert ("Note: who can reach 0.0.0.0 may use" in said.read_text()) is warns
    assert project


def test_a_server_answers_to_the_names_that_it_is_given(project: Project) -> None:
    with _served("--allow-host", "sandbox", "--allow-host", "Sandbox.Example.Org") as (url, _):
        for host, code in (
            ("sandbox:8080", 200),
            ("sandbox.example.org", 200),
            ("evil.example.org", 403),
        ):
            path = f"{url}/v1/apps/akvoflow-3"
            assert requests.get(path, headers={"Host": host}, timeout=10).status_code == code
    assert project


def test_the_embedded_one_reads_no_credential(project: Project, tmp_path: Path) -> None:
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    ended = project.run(
        "--sandbox",
        "versions",
        "--project",
        "akvoflow-1",
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "nowhere.json"),
    )
    assert (ended.code, ended.err) == (0, "")


def test_a_port_in_use_is_an_error(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = project.run("sandbox", "serve", "--port", port)
    assert ended.code == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "70000"],
        ["--port", "-1"],
        ["--latency-ms", "-1"],
        ["--fault-rate", "2"],
        ["--operation-seconds", "x"],
        ["--scenario", "nowhere.yaml"],
        ["--app", ""],
        ["--app", "BAD/..:x"],
        ["--app", "my-project:nowhere"],
        ["--app", "my-project:"],
    ],
)
def test_impossible_behaviour_is_refused(project: Project, options: list[str]) -> None:
    ended = project.run("sandbox", "serve", *options)
    assert (ended.code, ended.out) == (2, "")
    assert options[0] in ended.err or options[1] in ended.err


def test_an_invalid_state_is_an_error_with_a_hint(project: Project) -> None:
    project.write(".flowdeploy/sandbox/sandbox.db", "no database " * 1000)
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    words = ["--sandbox", "versions", "--project", "akvoflow-1"]
    command = [sys.executable, "-m", "flowdeploy", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "sandbox reset" in done.stderr


def test_a_shell_completes_instances(project: Project) -> None:
    environ = {
        "_FLOWDEPLOY_COMPLETE": "bash_complete",
        "COMP_WORDS": "flowdeploy promote 20200403-073034 akvo",
        "COMP_CWORD": "3",
    }
    for name, value in environ.items():
        project.monkeypatch.setenv(name, value)
    script = "from flowdeploy.__main__ import main; main()"
    command = [sys.executable, "-c", f"import sys; sys.argv[0] = 'flowdeploy'; {script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "plain,akvoflow-1" in done.stdout.splitlines()
