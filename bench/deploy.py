"""How long a deploy of a fleet takes, beside the floor below which nothing could be.

    python3 bench/deploy.py                  the table of the README
    python3 bench/deploy.py --instances 20 --gcloud --json

Starts a sandbox, makes applications and fleets, deploys, and prints for each case the wall time
of the production stage, CPU time and peak memory of the whole process, object bytes uploaded,
requests, and the floor: the operation, plus the calls that one instance needs one after the other,
plus all calls times latency over the jobs. Needs flowdeploy with its extra `sandbox` installed.

flowdeploy runs from compiled modules, as pip leaves them and gcloud brings its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from surroundings import (
    COMMIT,
    FLOWDEPLOY,
    JOBS,
    Peak,
    Sandbox,
    Setting,
    configure,
    projects,
    start_sandbox,
    table,
    write_files,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One deploy. Seconds, MiB, bytes; ``wall`` is of the production stage."""

    case: str
    instances: int
    wall: float
    floor: float
    cpu: float
    memory: float
    threads: int
    uploaded: int
    application: int
    requests: int

    @property
    def row(self) -> tuple[str, ...]:
        return (
            self.case,
            str(self.instances),
            f"{self.wall:.1f}",
            f"{self.floor:.1f}",
            f"{self.wall / self.floor:.2f}" if self.floor else "-",
            f"{self.cpu:.1f}",
            f"{self.memory:.0f}",
            str(self.threads),
            f"{self.uploaded / self.application:.3f}",
            str(self.requests),
        )


HEAD = (
    *("CASE", "INSTANCES", "WALL_S", "FLOOR_S", "WALL/FLOOR", "CPU_S", "PEAK_MIB", "THREADS"),
    *("UPLOADED/APP", "REQUESTS"),
)


class Fleet:
    """A project folder: configuration, staged application, and how to deploy it."""

    def __init__(self, folder: Path, instances: int, mode: str) -> None:
        self.folder = folder
        self.staging = folder / "staging"
        self.staging.mkdir(parents=True)
        configure(folder, instances, f"upload: {{mode: {mode}}}", "records: local")

    @property
    def size(self) -> int:
        return sum(p.stat().st_size for p in self.staging.rglob("*") if p.is_file())

    def deploy(self, sandbox: Sandbox, version: str) -> Process:
        command = [*FLOWDEPLOY, "run", version, "--prebuilt", "--report", "report", *COMMIT]
        return watch(command, self.folder, {"FLOWDEPLOY_SANDBOX": sandbox.url})


def change_files(folder: Path, share: float) -> None:
    """A new release: so large a share of the files has other bytes."""
    paths = sorted((folder / "static").rglob("*.bin"))
    chance = random.Random(2)  # noqa: S311
    for path in paths[: round(len(paths) * share)]:
        path.write_bytes(chance.randbytes(path.stat().st_size))


@dataclass(frozen=True, slots=True)
class Process:
    """A command that has ended, and when its production stage began and ended."""

    begin: float
    end: float
    cpu: float
    memory: float
    threads: int


def watch(command: list[str], folder: Path, variables: dict[str, str]) -> Process:
    """Run a command; the production stage begins and ends with what it says of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    marks: list[float] = []
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    threads = Peak(process.pid)
    said: list[str] = []
    for line in process.stderr or ():
        said.append(line)
        if line.startswith("production"):
            marks.append(time.time())
    if process.wait() != 0:
        sys.exit("".join(said[-30:]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Process(marks[0], marks[-1], cpu, threads.memory, threads.threads)


def measure(case: str, setting: Setting, fleet: Fleet, sandbox: Sandbox, version: str) -> Figures:
    sandbox.forget()
    process = fleet.deploy(sandbox, version)
    asked = [r for r in sandbox.requests() if process.begin <= r["at"] <= process.end + 1]
    return Figures(
        case,
        setting.instances,
        process.end - process.begin,
        floor(setting, asked),
        process.cpu,
        process.memory,
        process.threads,
        count_uploads(sandbox.requests()),
        fleet.size,
        len(asked),
    )


def count_uploads(requests: list[dict[str, Any]]) -> int:
    return sum(r["received"] for r in requests if "/upload/storage/" in r["path"])


def floor(setting: Setting, asked: list[dict[str, Any]]) -> float:
    """What no tool could go below that makes these calls."""
    by_project = Counter(name for r in asked if (name := project_of(r["path"])))
    in_sequence = statistics.median(by_project.values()) if by_project else 0
    together = len(asked) * setting.latency / JOBS
    return setting.operation + in_sequence * setting.latency + together


def project_of(path: str) -> str | None:
    """``bench-7`` in /v1/apps/bench-7/… or /storage/v1/b/staging.bench-7.appspot.com/…"""
    parts = path.replace("staging.", "").replace(".appspot.com", "").split("/")
    return next((part for part in parts if part.startswith("bench-")), None)


@contextmanager
def fleet(setting: Setting, mode: str, files: int, size: int) -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as folder:
        made = Fleet(Path(folder), setting.instances, mode)
        write_files(made.staging, files, size)
        yield made


def releases(setting: Setting, mode: str, files: int, size: int) -> Iterator[Figures]:
    """A cold deploy, a typical release after it, and that once more."""
    name = f"{mode}, {files} x {size // 1000} KB"
    with start_sandbox(setting) as there, fleet(setting, mode, files, size) as ours:
        yield measure(f"{name}, cold", setting, ours, there, "20200403-073034")
        change_files(ours.staging, 0.05)
        yield measure(f"{name}, 95 % there", setting, ours, there, "20200404-073034")
        yield measure(f"{name}, again", setting, ours, there, "20200404-073034")


def against_gcloud(setting: Setting, mode: str) -> Iterator[Figures]:
    """A cold deploy of 200 files of 20 KB with flowdeploy, and with gcloud in ten processes."""
    with start_sandbox(setting) as there, fleet(setting, mode, 200, 20_000) as ours:
        yield measure(f"{mode}, beside gcloud", setting, ours, there, "20200403-073034")
    with start_sandbox(setting) as there, fleet(setting, mode, 200, 20_000) as ours:
        yield gcloud(setting, ours, there)


def gcloud(setting: Setting, fleet: Fleet, there: Sandbox) -> Figures:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.time()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(10) as pool:

        def deploy(project: str) -> None:
            subprocess.run(
                [
                    *("gcloud", "app", "deploy", str(fleet.staging / "app.yaml"), "--quiet"),
                    *("--no-promote", "--version", "20200403-073034", "--project", project),
                ],
                env=gcloud_environment(there.url, f"{scratch}/{project}"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )

        list(pool.map(deploy, projects(setting.instances)))
    end = time.time()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    asked = there.requests()
    return Figures(
        "gcloud, 10 processes",
        setting.instances,
        end - begin,
        floor(setting, asked),
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        after.ru_maxrss / 1024,
        0,
        count_uploads(asked),
        fleet.size,
        len(asked),
    )


def gcloud_environment(url: str, config: str) -> dict[str, str]:
    """A configuration of its own for each process: gcloud's own database takes one at a time."""
    prefix = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        f"{prefix}APPENGINE": f"{url}/",
        f"{prefix}STORAGE": f"{url}/storage/v1/",
        "CLOUDSDK_CONFIG": config,
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
    }


@contextmanager
def compiled() -> Iterator[None]:
    """Let Python keep what it compiles, whatever the environment says, and compile all of it."""
    nothing = Setting(1, 0.0, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        with start_sandbox(nothing) as there, fleet(nothing, "zip", 1, 1) as ours:
            ours.deploy(there, "20200403-073034")
        yield


def cases(options: argparse.Namespace) -> Iterator[Callable[[], Iterator[Figures]]]:
    setting = Setting(options.instances, 0.05, 5.0)
    yield lambda: releases(setting, "files", 400, 20_000)
    yield lambda: releases(setting, "zip", 400, 20_000)
    if options.large:
        yield lambda: releases(setting, "zip", 370, 162_000)
        many = Setting(1000, 0.05, 5.0)
        yield lambda: releases(many, "zip", 400, 20_000)
    if options.gcloud and shutil.which("gcloud"):
        twenty = Setting(20, 0.05, 2.0)
        yield lambda: against_gcloud(twenty, "zip")
        yield lambda: against_gcloud(twenty, "files")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--gcloud", action="store_true", help="beside gcloud in ten processes")
    parser.add_argument("--large", action="store_true", help="60 MB, and 1,000 instances")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = []
    with compiled():
        for case in cases(options):
            for one in case():
                figures.append(one)
                sys.stderr.write(f"{'  '.join(one.row)}\n")
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in figures], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in table([HEAD, *(f.row for f in figures)]))


if __name__ == "__main__":
    main()
