"""The state survives a kill, and several processes may share it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App, State, StateError

SERVE = """
import sys
from pathlib import Path
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App
sandbox = Sandbox(Path(sys.argv[1]), [App("akvoflow-1")])
print(sandbox.url, flush=True)
sandbox.serve_forever()
print("bye")
"""
BUCKET = "staging.akvoflow-1.appspot.com"


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox in a process of its own, and its URL."""
    command = [sys.executable, "-c", SERVE, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def upload(url: str, name: str, data: bytes) -> bool:
    path = f"{url}/upload/storage/v1/b/{BUCKET}/o"
    query = {"uploadType": "media", "name": name}
    return requests.post(path, params=query, data=data, timeout=10).ok


@pytest.mark.parametrize("seed", range(5))
def test_acknowledged_uploads_survive_a_kill(tmp_path: Path, seed: int) -> None:
    content = random.Random(seed)
    stored: list[str] = []
    with serve(tmp_path) as (process, url):
        killer = threading.Timer(content.uniform(0.05, 0.3), process.send_signal, [signal.SIGKILL])
        killer.start()
        with contextlib.suppress(requests.RequestException):
            while True:
                data = content.randbytes(content.randrange(200_000))
                name = hashlib.sha256(data).hexdigest()
                if upload(url, name, data):
                    stored.append(name)
        killer.join()
    with Sandbox(tmp_path) as sandbox:
        listed = requests.get(f"{sandbox.url}/storage/v1/b/{BUCKET}/o", timeout=5).json()
        names = {item["name"] for item in listed.get("items", [])}
        assert names >= set(stored)
        for name in names:
            media = f"{sandbox.url}/download/storage/v1/b/{BUCKET}/o/{name}"
            assert hashlib.sha256(requests.get(media, timeout=5).content).hexdigest() == name


def test_two_processes_may_share_a_state(tmp_path: Path) -> None:
    with serve(tmp_path) as (_, first), serve(tmp_path) as (_, second):
        threads = [
            threading.Thread(target=upload, args=(url, f"{number}", b"x"))
            for number in range(20)
            for url in (first, second)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        listed = requests.get(f"{first}/storage/v1/b/{BUCKET}/o", timeout=5).json()
        assert len(listed["items"]) == 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with serve(tmp_path) as (process, url):
        assert requests.get(f"{url}/v1/apps/akvoflow-1", timeout=5).ok
        os.kill(process.pid, number)
        assert process.stdout is not None
        assert process.stdout.read() == "bye\n"
        assert process.wait(10) == 0


def test_an_existing_application_is_not_changed(tmp_path: Path) -> None:
    with Sandbox(tmp_path, [App("akvoflow-1")]):
        pass
    with Sandbox(tmp_path, [App("akvoflow-1", versions=("other",)), App("akvoflow-2")]) as sandbox:
        for app in ("akvoflow-1", "akvoflow-2"):
            url = f"{sandbox.url}/v1/apps/{app}/services/default/versions"
            listed = requests.get(url, timeout=5).json()["versions"]
            assert [version["id"] for version in listed] == ["1"]


def test_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Sandbox(tmp_path, port=taken.getsockname()[1])


def test_a_damaged_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sandbox.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(StateError, match="not a database"):
        Sandbox(tmp_path)


def test_a_database_of_another_program_is_an_error(tmp_path: Path) -> None:
    State(tmp_path, ["CREATE TABLE apps (title TEXT)"]).close()
    with pytest.raises(StateError, match="no such column"):
        Sandbox(tmp_path, [App("akvoflow-1")])


def test_a_file_instead_of_the_state_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="exists"):
        Sandbox(tmp_path / "state")


def test_an_exception_rolls_a_transaction_back(tmp_path: Path) -> None:
    state = State(tmp_path, ["CREATE TABLE IF NOT EXISTS things (name TEXT)"])
    with pytest.raises(sqlite3.OperationalError):
        add_to(state, "things", "nothing")
    with state.read() as db:
        assert db.execute("SELECT count(*) FROM things").fetchone()[0] == 0
    state.close()


def add_to(state: State, *tables: str) -> None:
    with state.write() as db:
        for table in tables:
            db.execute(f"INSERT INTO {table} VALUES ('x')")  # noqa: S608
