"""What the benchmarks share: a sandbox in a process of its own, fleets for it, and figures."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOWDEPLOY = [sys.executable, "-m", "flowdeploy"]
COMMIT = ["--commit", "0123456789abcdef", "--commit-time", "2020-04-03T07:30:34Z"]
JOBS = 32


@dataclass(frozen=True, slots=True)
class Setting:
    """``latency`` of each request and length of each operation, in seconds."""

    instances: int
    latency: float
    operation: float


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that runs in a process of its own."""

    url: str

    def call(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self.url + path, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def requests(self) -> list[dict[str, Any]]:
        return list(self.call("GET", "/_sandbox/requests")["requests"])

    def forget(self) -> None:
        self.call("DELETE", "/_sandbox/requests")


class Peak:
    """The most threads and memory (MiB) of a process, looked at while it runs."""

    def __init__(self, pid: int) -> None:
        self.threads = 0
        self.memory = 0.0
        self._status = Path(f"/proc/{pid}/status")
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            fields = dict(line.split(":", 1) for line in lines)
            if "VmHWM" not in fields:
                return
            self.threads = max(self.threads, int(fields["Threads"]))
            self.memory = int(fields["VmHWM"].split()[0]) / 1024
            time.sleep(0.05)


def projects(count: int) -> list[str]:
    return [f"bench-{number}" for number in range(1, count + 1)]


def configure(folder: Path, instances: int, *further: str) -> None:
    """Write the configuration of a fleet that deploys what lies in ``folder/staging``."""
    (folder / "config").mkdir()
    lines = [
        "build: {commands: [], staging: staging}",
        *further,
        f"rollout: {{jobs: {JOBS}}}",
        "instances:",
        "  - {id: bench-uat1, role: uat1}",
        "  - {id: bench-uat2, role: uat2}",
        *(f"  - {{id: {name}, role: production}}" for name in projects(instances)),
    ]
    (folder / "config/instances.yaml").write_text("\n".join(lines) + "\n")


def write_files(folder: Path, count: int, size: int, seed: int = 1) -> None:
    """``count`` files of ``size`` bytes that compress as little as jars do."""
    chance = random.Random(seed)  # noqa: S311
    (folder / "app.yaml").write_text("runtime: java21\napp_engine_apis: true\n")
    # Else ten processes of gcloud would all make one here, and trip over each other.
    (folder / ".gcloudignore").write_text(".gcloudignore\n")
    for number in range(count):
        path = folder / f"static/{number % 20}/{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(size))


@contextmanager
def start_sandbox(setting: Setting) -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory() as state:
        names = ["bench-uat1", "bench-uat2", *projects(setting.instances)]
        command = [
            *FLOWDEPLOY,
            *("sandbox", "serve", "--state", state),
            *("--latency-ms", str(setting.latency * 1000)),
            *("--operation-seconds", str(setting.operation)),
            *(part for name in names for part in ("--app", name)),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=state)
        assert process.stdout is not None  # noqa: S101  (a pipe)
        url = process.stdout.readline().strip()
        try:
            yield Sandbox(url)
        finally:
            process.terminate()
            process.wait()


def table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
