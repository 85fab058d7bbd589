"""Pipes, sockets, devices and folders where files belong are refused, and never waited for."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.errors import ServiceError

if TYPE_CHECKING:
    from tests.integration.conftest import Ended, Project

RELEASE = "20200403-073034"
PREBUILT = ("run", RELEASE, "--prebuilt", "--allow-dirty")
DESCRIPTOR = "<appengine-web-app><runtime>java21</runtime></appengine-web-app>"


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """What waits for a pipe ends the test."""

    def fail(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def built(project: Project) -> Project:
    """The staged folder, the jar and the pom are there, and a descriptor for each instance."""
    project.edit("config/instances.yaml", "library:", "descriptors: own\nlibrary:")
    for name in ("flow-uat1", *(f"akvoflow-{n}" for n in (1, 2, 3, 37, 4, 5))):
        project.write(f"own/{name}/appengine-web.xml", DESCRIPTOR)
    project.run("run", "refs/pull/1/merge", "--allow-dirty")
    assert (project.root / "target/staging/app.yaml").exists()
    return project


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    here = Path.cwd()
    os.fchdir(folder)  # the name of a socket has at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)
        os.close(folder)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _large(path: Path) -> None:
    path.write_bytes(b"x" * (5 << 20))


def _refused(ended: Ended, project: Project) -> None:
    assert ended.code in (2, 4)
    assert "Traceback" not in ended.err
    assert project.remote.changes() == []


@pytest.mark.parametrize("make", [_pipe, _socket, _device, _large, Path.mkdir])
@pytest.mark.parametrize(
    "path",
    [
        "config/instances.yaml",
        "target/staging/app.yaml",
        "target/staging/.gcloudignore",
        "target/flow-classes.jar",
        "pom.xml",
        "own/akvoflow-3/appengine-web.xml",
    ],
)
def test_what_is_no_file_is_refused(
    built: Project, path: str, make: Callable[[Path], None]
) -> None:
    (built.root / path).unlink(missing_ok=True)
    make(built.root / path)
    ended = built.run(*PREBUILT)
    _refused(ended, built)
    assert path.rpartition("/")[2] in ended.out + ended.err


@pytest.mark.parametrize("make", [_pipe, _socket, _device])
def test_what_is_no_file_is_not_deployed(built: Project, make: Callable[[Path], None]) -> None:
    make(built.root / "target/staging/odd")
    ended = built.run(*PREBUILT)
    _refused(ended, built)
    assert "odd" in ended.out + ended.err


def test_a_plan_does_not_wait_for_a_pom(built: Project) -> None:
    (built.root / "pom.xml").unlink()
    _pipe(built.root / "pom.xml")
    assert built.run("plan", RELEASE, "--allow-dirty").code in (0, 4)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/dev/null", "/proc/self/mem"])
def test_devices_are_no_configuration(project: Project, path: str) -> None:
    ended = project.run("config", "check", "--config", path)
    assert ended.code == 2
    assert path in ended.err


@pytest.mark.parametrize("make", [_pipe, _socket, _device])
def test_what_is_no_file_is_no_record(tmp_path: Path, make: Callable[[Path], None]) -> None:
    store = FolderStore(tmp_path)
    store.write("runs/1", b"{}", 0)
    make(tmp_path / "runs/2")
    with pytest.raises(ServiceError, match="it is a"):
        store.read("runs/2")
