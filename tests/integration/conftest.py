"""A small fleet in a checkout of its own, a sandbox for its cloud, and flowdeploy run on both.

Commands run in this process, through the one entrance that the installed
program has, so that a test takes a moment. Operations of the sandbox end at
once unless a test says otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.fault_proxy import FaultProxy, fault_proxy

from flowdeploy.cli.main import main
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

CONFIG = """\
build:
  commands: [python3 build.py]
  staging: target/staging
library: {jar: target/flow-classes.jar, pom: pom.xml, classifier: classes}
rollout: {waves: [{name: internal}, {name: small}]}
instances:
  - {id: flow-uat1, role: uat1, url: "https://uat1.example.org"}
  - {id: flow-uat2, role: uat2, url: "https://uat2.example.org"}
  - {id: akvoflow-1, role: production, wave: internal}
  - {id: akvoflow-2, role: production, wave: small}
  - {id: akvoflow-3, role: production}
  - {id: akvoflow-37, role: production, skip: closed in 2019}
  - {id: akvoflow-4, role: production}
  - {id: akvoflow-5, role: production}
"""
POM = """\
<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.akvo.flow</groupId>
  <artifactId>akvo-flow</artifactId>
  <version>1</version>
  <licenses><license><name>AGPL-3.0</name></license></licenses>
</project>
"""
# It stages four files, and keeps the environment that it was given.
BUILD = """\
import json, os, pathlib, zipfile

staging = pathlib.Path("target/staging")
(staging / "WEB-INF").mkdir(parents=True, exist_ok=True)
(staging / "app.yaml").write_text("runtime: java21\\napp_engine_apis: true\\n")
for name in ("index.html", "WEB-INF/web.xml"):
    (staging / name).write_text(pathlib.Path("content.txt").read_text() + name)
(staging / "WEB-INF/copy.xml").write_text((staging / "WEB-INF/web.xml").read_text())
with zipfile.ZipFile("target/flow-classes.jar", "w") as jar:
    jar.writestr("Flow.class", "classes")
pathlib.Path("target/environment.json").write_text(json.dumps(dict(os.environ)))
print("built", os.environ.get("FLOWDEPLOY_VERSION"))
"""
INSTANCES = ("flow-uat1", "flow-uat2", *(f"akvoflow-{n}" for n in (1, 2, 3, 37, 4, 5)))
TAGS = ("20200402-101500", "20200403-073034")
CHANGED = ("/v1/", "/repo/")
COMMITTED = "2020-04-03T09:30:34+02:00"


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Remote:
    """The sandbox, seen from outside."""

    url: str

    def call(self, verb: str, path: str, body: object = None) -> Any:
        answer = requests.request(verb, self.url + path, json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, kind: str, **narrowing: object) -> None:
        self.call("POST", "/_sandbox/faults", {"kind": kind, **narrowing})

    def settings(self, **changes: float) -> None:
        self.call("PATCH", "/_sandbox/settings", changes)

    def requests(self, method: str = "*", path: str = "*") -> list[dict[str, Any]]:
        """What was asked of it, oldest first; ``path`` is a glob."""
        log = self.call("GET", f"/_sandbox/requests?path={path}")["requests"]
        return [entry for entry in log if method in ("*", entry["method"])]

    def changes(self) -> list[str]:
        """Every request that would change an app or the library, as ``METHOD path``."""
        asked = [r for r in self.requests() if r["method"] != "GET"]
        return [f"{r['method']} {r['path']}" for r in asked if r["path"].startswith(CHANGED)]

    def begun(self, project: str) -> list[str]:
        """The methods of all operations of an app, in the order in which they began."""
        operations = self.call("GET", f"/v1/apps/{project}/operations").get("operations", [])
        metadata = sorted((o["metadata"] for o in operations), key=lambda m: m["insertTime"])
        return [m["method"].rpartition(".")[2] for m in metadata]

    def moves(self, project: str) -> list[dict[str, Any]]:
        """The splits that all changes of an app's traffic have led to, oldest first."""
        operations = self.call("GET", f"/v1/apps/{project}/operations").get("operations", [])
        moved = [o for o in operations if o["metadata"]["method"].endswith("UpdateService")]
        moved.sort(key=lambda o: o["metadata"]["insertTime"])
        return [o["response"]["split"] for o in moved]

    def live(self, project: str, service: str = "default") -> dict[str, float]:
        split = self.call("GET", f"/v1/apps/{project}/services/{service}")["split"]
        return dict(split["allocations"])

    def versions(self, project: str, service: str = "default") -> list[str]:
        path = f"/v1/apps/{project}/services/{service}/versions?pageSize=1000"
        return [version["id"] for version in self.call("GET", path)["versions"]]

    def files(self, project: str, version: str) -> list[str]:
        path = f"/v1/apps/{project}/services/default/versions/{version}?view=FULL"
        return sorted(self.call("GET", path)["deployment"]["files"])

    def put_version(
        self, project: str, version: str, service: str = "default", **fields: object
    ) -> None:
        """Somebody else's deploy."""
        container = {"container": {"image": "gcr.io/somebody/else"}}
        body = {"id": version, "runtime": "java21", "deployment": container, **fields}
        self.call("POST", f"/v1/apps/{project}/services/{service}/versions", body)

    def split(self, project: str, allocations: dict[str, float]) -> None:
        """Somebody else's traffic split, by IP."""
        path = f"/v1/apps/{project}/services/default?updateMask=split"
        self.call("PATCH", path, {"split": {"allocations": allocations, "shardBy": "IP"}})

    def advance(self, seconds: float) -> None:
        """Put its clock forward."""
        self.call("POST", "/_sandbox/clock", {"advance": seconds})

    def forget(self) -> None:
        """Empty the log of requests."""
        self.call("DELETE", "/_sandbox/requests")

    def heal(self) -> None:
        """Disarm all faults."""
        self.call("DELETE", "/_sandbox/faults")

    def disable(self, project: str) -> None:
        self.call(
            "PATCH",
            f"/v1/apps/{project}?updateMask=servingStatus",
            {"servingStatus": "USER_DISABLED"},
        )

    def published(self) -> list[str]:
        """The versions of the library that Clojars knows."""
        answer = requests.get(f"{self.url}/api/artifacts/org.akvo.flow/akvo-flow", timeout=10)
        if answer.status_code == 404:
            return []
        return [version["version"] for version in answer.json()["recent_versions"]]


@dataclass
class Project:
    """The checkout that commands run in, and what they leave there."""

    root: Path
    remote: Remote
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, *arguments: str, **environ: str) -> Ended:
        """Run flowdeploy in this process, with further variables in its environment."""
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        self.capsys.readouterr()
        with self.monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main(arguments)
        for number, handler in before.items():
            signal.signal(number, handler)
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, *self.capsys.readouterr())

    def report(self, *arguments: str, **environ: str) -> Any:
        """Run it, and give the JSON report back, whose exit code is the command's."""
        ended = self.run("--format", "json", *arguments, **environ)
        assert ended.json["exit_code"] == ended.code
        return ended.json

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def commit(self, message: str = "Change") -> None:
        self.git("commit", "-q", "-a", "-m", message)

    def release(self, tag: str, content: str) -> None:
        """A commit with other content under a tag of its own, checked out."""
        self.write("content.txt", content)
        self.commit()
        self.git("tag", "-f", tag)

    def leave_git(self) -> None:
        """Let the folder be no checkout any more."""
        shutil.rmtree(self.root / ".git")

    def outline(self, report: Any) -> list[str]:
        """Each step of a report in a line: stage, instance or action, outcome, state."""
        return [
            f"{s['stage']} {s['instance'] or s['action']}: {s['outcome']}"
            + (f", {s['state']}" if s["state"] else "")
            for s in report["steps"]
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What the last build saw."""
        seen: dict[str, str] = json.loads((self.root / "target/environment.json").read_text())
        return seen

    @property
    def runs(self) -> list[Path]:
        """The folders of all runs, oldest first."""
        return sorted((self.root / ".flowdeploy/runs").iterdir())


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@contextmanager
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the machine's git settings, CI or credentials, and a fixed time of commits."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITHUB_", "SEMAPHORE_", "CLOJARS_", "FLOWDEPLOY_")):
            monkeypatch.delenv(name)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "someone@example.org")
        monkeypatch.setenv(f"GIT_{role}_DATE", COMMITTED)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    yield


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet's checkout, to be copied: master at its one commit, which has two release tags."""
    folder = tmp_path_factory.mktemp("template") / "flow"
    for path, text in {
        "config/instances.yaml": CONFIG,
        "pom.xml": POM,
        "build.py": BUILD,
        "content.txt": "first ",
        ".gitignore": "target/\n.flowdeploy/\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    with pytest.MonkeyPatch.context() as monkeypatch, clean_environment(monkeypatch):
        git(folder, "init", "-q", "-b", "master", "--template=")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "Begin")
        for tag in TAGS:
            git(folder, "tag", tag)
    return folder


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    """A sandbox with the fleet's applications, each with its version ``1`` live."""
    with Sandbox(tmp_path / "sandbox", [App(name) for name in INSTANCES]) as sandbox:
        yield Remote(sandbox.url)


@pytest.fixture
def project(
    tmp_path: Path,
    checkout: Path,
    remote: Remote,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Project]:
    """The fleet's checkout, in which commands run against the sandbox."""
    root = tmp_path / "flow"
    shutil.copytree(checkout, root)
    with clean_environment(monkeypatch):
        monkeypatch.chdir(root)
        monkeypatch.setenv("FLOWDEPLOY_SANDBOX", remote.url)
        yield Project(root, remote, capsys, monkeypatch)


@pytest.fixture
def proxy(project: Project) -> Iterator[FaultProxy]:
    """A proxy between the project's commands and the sandbox, which makes answers wrong."""
    with fault_proxy(project.remote.url) as proxy:
        project.monkeypatch.setenv("FLOWDEPLOY_SANDBOX", proxy.url)
        yield proxy


@pytest.fixture
def fleet(project: Project) -> Project:
    """The same, with a version ``v2`` dark on every production instance that is not skipped."""
    for number in (1, 2, 3, 4, 5):
        project.remote.put_version(f"akvoflow-{number}", "v2")
    project.remote.forget()
    return project
