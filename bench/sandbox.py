"""How fast the sandbox is, beside what it was built to reach.

    python3 bench/sandbox.py            a table; --json for programs

Each case has a server in a process of its own, on loopback. Small requests go over a few
connections that are kept alive; a server is one thread, and so uses one core. The memory of an
upload is what the server's peak grows by, and is asked to be less than the file. RATIO is how
many times better than asked it is. Needs flowdeploy with its extra `sandbox` installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

SERVE = """
import sys, time
from pathlib import Path
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

names, versions = int(sys.argv[2]), tuple(f"v{n}" for n in range(int(sys.argv[3])))
began = time.perf_counter()
apps = [App(f"bench-{n}", versions=versions) for n in range(names)]
sandbox = Sandbox(Path(sys.argv[1]), apps)
sandbox.start()
print(sandbox.url, time.perf_counter() - began, flush=True)
sys.stdin.read()
sandbox.stop()
"""
CONNECTIONS = 4
SECONDS = 5.0
MEBIBYTE = 1 << 20
UPLOAD_MIB = 100
GET = "GET {} HTTP/1.1\r\nHost: bench\r\n\r\n"
SMALL = {
    "get an application": "/v1/apps/bench-0",
    "get a version": "/v1/apps/bench-0/services/default/versions/v0",
    "get an object's description": "/storage/v1/b/staging.bench-0.appspot.com/o/small",
}
UPLOAD = "/{}/storage/v1/b/staging.bench-0.appspot.com/o?uploadType={}&name={}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. ``asked`` is at least so many of a rate, at most so many of all else."""

    case: str
    measured: float
    asked: float
    unit: str

    @property
    def ratio(self) -> float:
        is_rate = self.unit.endswith("/s")
        return self.measured / self.asked if is_rate else self.asked / self.measured

    @property
    def row(self) -> tuple[str, ...]:
        measured, asked = (f"{value:,.4g}" for value in (self.measured, self.asked))
        return (self.case, f"{measured} {self.unit}", f"{asked} {self.unit}", f"{self.ratio:.1f}")


@dataclass(slots=True)
class Server:
    """``began`` is the seconds that it took to be there, ``peak`` its memory in MiB at its end."""

    address: tuple[str, int]
    began: float
    peak: float = 0.0


@contextmanager
def served(state: Path, apps: int = 1, versions: int = 1) -> Iterator[Server]:
    command = [sys.executable, "-c", SERVE, str(state), str(apps), str(versions)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout  # noqa: S101, PT018 (pipes)
        url, began = process.stdout.readline().split()
        parts = urlsplit(url)
        server = Server((parts.hostname or "", parts.port or 0), float(began))
        yield server
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        kibibytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        server.peak = kibibytes / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the sandbox is.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = [*small_requests(Path(folder, "small")), *uploads(Path(folder)), *starts(folder)]
    if options.json:
        rows = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in table(figures))


def small_requests(state: Path) -> Iterator[Figure]:
    with served(state) as server:
        upload(server, "media", "small", 1)
        for case, path in SMALL.items():
            rate = requests_per_second(server.address, path)
            yield Figure(case, rate, 1500, "requests/s")


def requests_per_second(address: tuple[str, int], path: str) -> float:
    """Over all connections together, each of which asks again as soon as it is answered."""
    end = time.perf_counter() + SECONDS
    counts = [0] * CONNECTIONS

    def ask(number: int) -> None:
        request = GET.format(path).encode()
        with socket.create_connection(address) as connection:
            while time.perf_counter() < end:
                connection.sendall(request)
                read_answer(connection)
                counts[number] += 1

    side_by_side(ask)
    return sum(counts) / SECONDS


def side_by_side(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read_answer(connection: socket.socket) -> None:
    """Raises RuntimeError for what is no success."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += connection.recv(1 << 16)
    if not data.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(data.decode())
    length = int(data.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    missing = end + 4 + length - len(data)
    while missing > 0:
        missing -= len(connection.recv(1 << 16))


def uploads(folder: Path) -> Iterator[Figure]:
    with served(folder / "idle") as idle:
        upload(idle, "media", "small", 1)
    for kind in ("media", "resumable"):
        with served(folder / kind) as server:
            upload(server, kind, "large", UPLOAD_MIB * MEBIBYTE)
        case = f"memory for an upload of {UPLOAD_MIB} MiB, {kind}"
        yield Figure(case, server.peak - idle.peak, UPLOAD_MIB, "MiB")


def upload(server: Server, kind: str, name: str, size: int) -> None:
    connection = HTTPConnection(*server.address)
    chunk = bytes(min(size, MEBIBYTE))
    headers = {"Content-Length": str(size)}
    path, method = UPLOAD.format("upload", kind, name), "POST"
    if kind == "resumable":
        connection.request(method, path)
        begun = connection.getresponse()
        begun.read()
        path, method = begun.headers["Location"], "PUT"
    connection.request(method, path, (chunk for _ in range(size // len(chunk))), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{kind}: {answer.status}")


def starts(folder: str) -> Iterator[Figure]:
    for case in ("the first time", "again"):
        with served(Path(folder, "starts"), 1000, 100) as server:
            name = f"start with 1,000 x 100 versions, {case}"
            yield Figure(name, server.began, 1, "s")


def table(figures: list[Figure]) -> Iterator[str]:
    rows = [("CASE", "MEASURED", "ASKED", "RATIO"), *(figure.row for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
    yield ""
    yield f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
