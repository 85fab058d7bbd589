"""A fleet of two, the states in which its commands begin, and what is so afterwards."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.fault_proxy import Asked
from tests.integration.answers.honesty import Healthy
from tests.integration.configurations.conftest import COPY, NEW, OLD
from tests.integration.conftest import BUILD, POM, Remote, clean_environment, git

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

OLDER, NEWER = "20200402-101500", "20200403-073034"
PRODUCTION = ("akvoflow-1", "akvoflow-2")
INSTANCES = ("flow-uat1", "flow-uat2", *PRODUCTION)
CONFIG = """\
build: {commands: [python3 build.py], staging: target/staging}
library: {jar: target/flow-classes.jar, pom: pom.xml, classifier: classes}
health: {path: /, timeout: 5s, attempts: 1}
instances:
  - {id: flow-uat1, role: uat1, url: "https://uat1.example.org"}
  - {id: flow-uat2, role: uat2, url: "https://uat2.example.org"}
  - {id: akvoflow-1, role: production}
  - {id: akvoflow-2, role: production}
"""
CONFIGS = {
    "instances": CONFIG,
    "zip": CONFIG + "upload: {mode: zip}\n",
    "large": CONFIG.replace("target/staging", "large"),
    "changed": CONFIG.replace("akvoflow-1,", "akvoflow-1, settings: {instance_class: F2},"),
}
RUN = "the partial run"
ENDPOINTS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"/v1/apps/[^/]+", "app"),
        (r"/v1/apps/[^/]+/services", "services"),
        (r"/v1/apps/[^/]+/services/[^/]+", "service"),
        (r"/v1/apps/[^/]+/services/[^/]+/versions", "versions"),
        (r"/v1/apps/[^/]+/services/[^/]+/versions/[^/]+", "version"),
        (r"/v1/apps/[^/]+/operations", "operations"),
        (r"/v1/apps/[^/]+/operations/[^/]+", "operation"),
        (r"/storage/v1/b/[^/]+", "bucket"),
        (r"/storage/v1/b/[^/]+/o", "objects"),
        (r"/storage/v1/b/.*/rewriteTo/.*", "rewrite"),
        (r"/storage/v1/b/.*/compose", "compose"),
        (r"/storage/v1/b/[^/]+/o/[^/]+", "object"),
        (r"/(resumable/)?upload/storage/v1/b/[^/]+/o", "upload"),
        (r"/batch/storage/v1", "batch"),
        (r"/v2/projects/[^/]+/locations", "locations of queues"),
        (r"/v2beta3/.*/queues", "queues"),
        (r"/v2beta3/.*/queues/[^/:]+(:\w+)?", "queue"),
        (r"/v1beta1/projects/[^/]+/locations", "locations of jobs"),
        (r"/v1beta1/.*/jobs", "jobs"),
        (r"/v1beta1/.*/jobs/[^/:]+(:\w+)?", "job"),
        (r"/v1/projects/[^/]+/indexes", "indexes"),
        (r"/v1/projects/[^/]+/services:batchGet", "enabled APIs"),
        (r"/repo/.*/maven-metadata\.xml", "library metadata"),
        (r"/repo/.*", "library file"),
        (r"/api/artifacts/.*", "library API"),
        (r"/", "page"),
    )
)


def endpoint_of(asked: Asked) -> str:
    """The name of what a request asks for, the same for all instances."""
    name = next(name for pattern, name in ENDPOINTS if pattern.fullmatch(asked.path))
    kind = re.search(r"alt=media|uploadType=\w+|upload_id|delimiter=|fields=kind", asked.query)
    if kind:
        name += f" {kind[0].rstrip('=').removeprefix('alt=').removeprefix('uploadType=')}"
    if name.startswith("object ") or name == "object":
        area = re.search(r"flowdeploy%2F(runs|releases|locks|[a-z-]+)", asked.path)
        name += f" of {area[1]}" if area else " of files"
    return f"{asked.method} {name}"


@dataclass(frozen=True)
class Scene:
    """A state in which commands begin."""

    database: Path
    home: Path
    run: str


@dataclass(frozen=True)
class Command:
    """A command, the scene in which it begins, and whether it may change something."""

    name: str
    scene: str
    arguments: tuple[str, ...]
    config: str = "instances"
    reports: bool = True
    batches: bool = True
    operation_seconds: float = 0.0


@dataclass
class Bench:
    """A checkout and a sandbox, which are taken back to a scene before each command."""

    root: Path
    remote: Remote
    database: Path
    scenes: dict[str, Scene] = field(default_factory=dict)
    healthy: dict[Command, Healthy] = field(default_factory=dict)

    def keep(self, name: str, run: str = "") -> None:
        """Keep what is so now as a scene."""
        folder = self.root.parent / "scenes" / name
        folder.mkdir(parents=True)
        _copy_database(self.database, folder / "sandbox.db")
        home = self.root / ".flowdeploy"
        if home.exists():
            shutil.copytree(home, folder / "home")
        self.scenes[name] = Scene(folder / "sandbox.db", folder / "home", run)

    def go_to(self, name: str) -> None:
        """Let all be as in a scene."""
        scene = self.scenes[name]
        _copy_database(scene.database, self.database)
        shutil.rmtree(self.root / ".flowdeploy", ignore_errors=True)
        if scene.home.exists():
            shutil.copytree(scene.home, self.root / ".flowdeploy")

    def arguments(self, command: Command) -> tuple[str, ...]:
        run = self.scenes[command.scene].run
        config = f"config/{command.config}.yaml"
        given = (run if each == RUN else each for each in command.arguments)
        return ("--format", "json", "--config", config, *given)

    def call(self, *arguments: str, code: int = 0) -> Any:
        """The report of a command in a process of its own, while scenes are made."""
        done = subprocess.run(
            [sys.executable, "-m", "flowdeploy", "--format", "json", *arguments],
            cwd=self.root,
            env={**os.environ, "FLOWDEPLOY_SANDBOX": self.remote.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def facts(self) -> dict[str, dict[str, Any]]:
        """What is so on each instance: versions, traffic and configuration."""
        tables = self.remote.call("GET", "/_sandbox/state")
        return {name: _facts_of(tables, name) for name in INSTANCES}


def _copy_database(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
    one.close()
    other.close()


def _facts_of(tables: Any, project: str) -> dict[str, Any]:
    def rows(table: str, *columns: str) -> list[str]:
        key = "app" if table in ("services", "versions") else "project"
        found = (row for row in tables[table] if row[key] == project)
        return sorted(json.dumps([row[name] for name in columns], sort_keys=True) for row in found)

    (app,) = (row for row in tables["apps"] if row["id"] == project)
    return {
        "live": {
            row["id"]: row["split"]["allocations"]
            for row in tables["services"]
            if row["app"] == project
        },
        "versions": [row["id"] for row in tables["versions"] if row["app"] == project],
        "dispatch": app["body"].get("dispatchRules"),
        "queues": rows("queues", "id", "state", "body"),
        "jobs": rows("jobs", "state", "body"),
        "indexes": rows("indexes", "body"),
    }


COMMANDS = (
    Command("run", "old", ("run", NEWER, "--prebuilt")),
    Command("run with an archive", "old", ("run", NEWER, "--prebuilt"), "zip"),
    Command("run with a large file", "old", ("run", NEWER, "--prebuilt"), "large"),
    Command("run without batches", "old", ("run", NEWER, "--prebuilt"), batches=False),
    Command("promote slowly", "dark", ("promote", NEWER, "all"), operation_seconds=0.05),
    Command("promote", "dark", ("promote", NEWER, "all")),
    Command("rollback", "live", ("rollback", "all")),
    Command("resume", "partial", ("resume", RUN)),
    Command("deploy", "partial", ("deploy", NEWER, "akvoflow-2")),
    Command("deploy with an archive", "partial zip", ("deploy", NEWER, "akvoflow-2"), "zip"),
    Command("reconfigure", "live", ("reconfigure", "all"), "changed"),
    Command("status", "dark", ("status",), reports=False),
    Command("status --drift", "dark", ("status", "--drift"), reports=False),
    Command("versions", "dark", ("versions", "--project", "akvoflow-1"), reports=False),
    Command("history", "live", ("history",), reports=False),
    Command("history RUN", "partial", ("history", RUN), reports=False),
    Command("plan", "old", ("plan", NEWER, "--verbose"), reports=False),
)


@contextmanager
def open_bench(folder: Path) -> Iterator[Bench]:
    """A bench with all scenes, in a new folder."""
    root = folder / "flow"
    with pytest.MonkeyPatch.context() as patch, clean_environment(patch):
        _make_checkout(root)
        state = folder / "sandbox"
        with Sandbox(state, [App(name) for name in INSTANCES]) as sandbox:
            bench = Bench(root, Remote(sandbox.url), state / "sandbox.db")
            _make_scenes(bench)
            yield bench


def _make_checkout(root: Path) -> None:
    for path, text in {
        **{f"config/{name}.yaml": text for name, text in CONFIGS.items()},
        "pom.xml": POM,
        "build.py": BUILD + COPY,
        ".gitignore": "target/\nlarge/\n.flowdeploy/\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git(root, "init", "-q", "-b", "master", "--template=")
    _release(root, OLDER, OLD)


def _make_scenes(bench: Bench) -> None:
    bench.call("run", OLDER)
    bench.call("promote", OLDER, "all")
    _release(bench.root, NEWER, NEW)
    subprocess.run([sys.executable, "build.py"], cwd=bench.root, check=True, capture_output=True)
    shutil.copytree(bench.root / "target/staging", bench.root / "large")
    (bench.root / "large/large.bin").write_bytes(random.Random(1).randbytes(6 << 20))
    bench.keep("old")
    for name, config in (("partial", "instances"), ("partial zip", "zip")):
        bench.go_to("old")
        create = "/v1/apps/akvoflow-2/services/default/versions"
        bench.remote.fault("permission", method="POST", target=create)
        report = bench.call("--config", f"config/{config}.yaml", "run", NEWER, code=3)
        bench.remote.heal()
        bench.keep(name, report["run"])
    bench.go_to("old")
    bench.call("run", NEWER)
    bench.keep("dark")
    bench.call("promote", NEWER, "all")
    bench.keep("live")


def _release(root: Path, tag: str, files: Mapping[str, str]) -> None:
    """A commit with content and configuration files of its own."""
    for name, text in files.items():
        path = root / "configs/WEB-INF/appengine-generated" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "content.txt").write_text(tag)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", tag)
    git(root, "tag", tag)
