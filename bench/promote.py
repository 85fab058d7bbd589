"""How long it takes to move the traffic of a fleet, and to give it back.

    python3 bench/promote.py                  100 and 1,000 instances
    python3 bench/promote.py --instances 100 --json

Starts a sandbox in a process of its own, with a latency of 50 ms and operations of 2 s, puts a
version of 400 files on every instance, and runs `promote`, `rollback`, `history` and `status`,
with their record and their lock in the bucket of the records. Prints for each command its time
from the first instruction of the process to the last, the time until it says anything, CPU time
and peak memory of its process, threads and requests. Needs flowdeploy with its extra `sandbox`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from deploy import compiled
from surroundings import (
    FLOWDEPLOY,
    Peak,
    Sandbox,
    Setting,
    configure,
    projects,
    start_sandbox,
    table,
)

VERSION = "20200403-073034"
FILES = 400
GOALS = {("promote", 100): 7.0, ("promote", 1000): 35.0}  # seconds
COMMANDS = {
    "promote": ("promote", VERSION, "all"),
    "rollback": ("rollback", "all"),
    "history": ("history",),
    "status": ("status",),
}
HEAD = (
    *("COMMAND", "INSTANCES", "WALL_S", "GOAL_S", "FIRST_LINE_S", "CPU_S", "PEAK_MIB"),
    *("THREADS", "REQUESTS"),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One command. Seconds and MiB, of the whole process."""

    command: str
    instances: int
    wall: float
    first_line: float
    cpu: float
    memory: float
    threads: int
    requests: int

    @property
    def row(self) -> tuple[str, ...]:
        goal = GOALS.get((self.command, self.instances))
        return (
            self.command,
            str(self.instances),
            f"{self.wall:.1f}",
            f"{goal:.0f}" if goal else "-",
            f"{self.first_line:.2f}",
            f"{self.cpu:.1f}",
            f"{self.memory:.0f}",
            str(self.threads),
            str(self.requests),
        )


def figures(instances: int) -> Iterator[Figures]:
    """All commands one after the other, on a fleet of its own."""
    setting = Setting(instances, 0.0, 0.0)
    with start_sandbox(setting) as there, project(instances) as folder:
        prepare(there, instances)
        behave(there, latency=0.05, operation_seconds=2.0)
        for name, command in COMMANDS.items():
            yield measure(name, command, instances, there, folder)


@contextmanager
def project(instances: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configure(folder, instances)
        yield folder


def behave(there: Sandbox, **settings: float) -> None:
    send(connection(there), "PATCH", "/_sandbox/settings", settings)


def prepare(there: Sandbox, instances: int) -> None:
    """Put the version on every instance, out of one bucket that has its files."""
    names = [hashlib.sha1(f"{n}".encode()).hexdigest() for n in range(FILES)]  # noqa: S324
    bucket = "staging.bench-uat1.appspot.com"
    upload = connection(there)
    for number, name in enumerate(names):
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
        send(upload, "POST", path, f"{number}".encode())
    files = {
        f"WEB-INF/classes/org/example/part{number % 20}/Class{number}.class": {
            "sourceUrl": f"https://storage.googleapis.com/{bucket}/{name}",
            "sha1Sum": name,
        }
        for number, name in enumerate(names)
    }
    body = json.dumps({"id": VERSION, "runtime": "java21", "deployment": {"files": files}})
    with ThreadPoolExecutor(4) as pool:
        parts = [projects(instances)[part::4] for part in range(4)]
        list(pool.map(lambda part: put_versions(there, part, body.encode()), parts))


def put_versions(there: Sandbox, names: list[str], body: bytes) -> None:
    to = connection(there)
    for name in names:
        send(to, "POST", f"/v1/apps/{name}/services/default/versions", body)


def connection(there: Sandbox) -> HTTPConnection:
    parts = urlsplit(there.url)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def send(to: HTTPConnection, method: str, path: str, body: object) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    to.request(method, path, content, {"Content-Type": "application/json"})
    answer = to.getresponse()
    said = answer.read()
    if answer.status != 200:
        sys.exit(f"{method} {path}: {answer.status} {said[:500]!r}")


def measure(
    name: str, command: tuple[str, ...], instances: int, there: Sandbox, folder: Path
) -> Figures:
    there.forget()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    process = subprocess.Popen(
        [*FLOWDEPLOY, *command],
        cwd=folder,
        env={**os.environ, "FLOWDEPLOY_SANDBOX": there.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = Peak(process.pid)
    lines, first = [], 0.0
    for line in process.stdout or ():
        first = first or time.monotonic() - began
        lines.append(line)
    if process.wait() != 0:
        sys.exit("".join(lines[-30:]))
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    asked = len(there.requests())
    return Figures(name, instances, wall, first, cpu, peak.memory, peak.threads, asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instances", type=int, action="append", help="[repeatable]")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    with compiled():
        for instances in options.instances or (100, 1000):
            for one in figures(instances):
                found.append(one)
                sys.stderr.write(f"{'  '.join(one.row)}\n")
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in table([HEAD, *(f.row for f in found)]))


if __name__ == "__main__":
    main()
