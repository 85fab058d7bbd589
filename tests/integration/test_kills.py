"""Processes that are killed: whoever goes on with their runs finds every instance right."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.conftest import POM, Remote
from tests.integration.test_interrupt import Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.conftest import Project

SEED = os.environ.get("KILLS_SEED", "20200403")
KILLS = 50
COMMANDS = 400  # in all, so that a run that never gets any further ends the test
OPERATION = 0.3  # seconds
PATIENCE = 60.0  # seconds for one command; as long as a lock lasts that nobody sees is free
PRODUCTION = tuple(f"akvoflow-{number}" for number in range(1, 21))
APPS = ("flow-uat1", "flow-uat2", *PRODUCTION)
SERVED: dict[str, Any] = {"allocations": {"1": 1}}
SHARED: dict[str, Any] = {"allocations": {"1": 0.25, "v0": 0.75}, "shardBy": "IP"}
STAGED = {
    "app.yaml": "runtime: java21\n",
    **{f"{number}.html": f"page {number}" for number in range(5)},
}
FILES = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in STAGED.items()}  # noqa: S324
CONFIG = f"""\
build: {{commands: [], staging: staging}}
library: {{jar: flow.jar, pom: pom.xml}}
rollout: {{jobs: 8, waves: [{{name: first}}]}}
instances:
  - {{id: flow-uat1, role: uat1}}
  - {{id: flow-uat2, role: uat2}}
  - {{id: akvoflow-1, role: production, wave: first}}
  - {{id: akvoflow-2, role: production, wave: first, settings: {{instance_class: F4}}}}
{"".join(f"  - {{id: {name}, role: production}}{chr(10)}" for name in PRODUCTION[2:])}"""


@dataclass
class Killer:
    """Decides when processes are killed; ``moments`` tells of those that were."""

    chance: random.Random
    most: int
    moments: list[str] = field(default_factory=list)
    lasting: dict[str, float] = field(default_factory=dict)  # seconds that a command takes

    @property
    def is_done(self) -> bool:
        return len(self.moments) >= self.most

    def moment(self, command: str) -> float | None:
        """Seconds after it has first said something, if it is to be killed at all."""
        if self.is_done or command not in self.lasting:
            return None
        return self.chance.uniform(0.0, self.lasting[command])


@dataclass
class Operator:
    """Who runs flowdeploy in a project's folder, and again where it was killed."""

    folder: Path
    remote: Remote
    killer: Killer
    commands: Iterator[int] = field(default_factory=lambda: iter(range(COMMANDS)))

    def get_done(self, *command: str) -> None:
        """Run a command to its end, in as many attempts as it takes."""
        before = self._recorded()
        while not self._ends(command[0], command if self._recorded() == before else self._resume()):
            next(self.commands)

    def _resume(self) -> tuple[str, ...]:
        return ("resume", self._recorded()[-1])

    def _recorded(self) -> list[str]:
        """The runs that are on record, oldest first."""
        plans = self.folder.glob(".flowdeploy/runs/*/000-00000-plan.json")
        return sorted(plan.parent.name for plan in plans)

    def _ends(self, name: str, command: Sequence[str]) -> bool:
        """Run it; whether it has come to its end, which must be a good one."""
        with self._process(command) as process:
            assert process.stderr is not None
            said = [process.stderr.readline()]
            began, moment = time.monotonic(), self.killer.moment(name)
            killing = threading.Timer(PATIENCE if moment is None else moment, process.kill)
            killing.start()
            said += process.stderr
            killing.cancel()
        if process.returncode < 0 and moment is not None:
            self._note(f"{moment:.2f} s of `{' '.join(command)}`, after {said[-1].strip()!r}")
            return False
        assert process.returncode == 0, (self.killer.moments[-3:], command, "".join(said))
        self.killer.lasting.setdefault(name, time.monotonic() - began)
        return True

    def _note(self, moment: str) -> None:
        self.killer.moments.append(moment)
        sys.stdout.write(f"kill {len(self.killer.moments)}: {moment}\n")

    def _process(self, command: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flowdeploy", "--verbose", *command],
            cwd=self.folder,
            env={**os.environ, "FLOWDEPLOY_SANDBOX": self.remote.url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def start_sandbox(state: Path) -> Iterator[Remote]:
    """A sandbox that no kill touches."""
    apps = [part for name in APPS for part in ("--app", name)]
    command = [sys.executable, "-m", "flowdeploy", "sandbox", "serve", "--state", str(state)]
    with subprocess.Popen(
        [*command, *apps], stdout=subprocess.PIPE, text=True, cwd=state
    ) as process:
        assert process.stdout is not None
        try:
            remote = Remote(process.stdout.readline().strip())
            remote.settings(operation_seconds=0)
            yield remote
        finally:
            process.terminate()


def write_project(folder: Path) -> None:
    staging = folder / "staging"
    staging.mkdir(parents=True)
    (folder / "config").mkdir()
    (folder / "config/instances.yaml").write_text(CONFIG)
    (folder / "pom.xml").write_text(POM)
    for name, text in STAGED.items():
        (staging / name).write_text(text)
    with zipfile.ZipFile(folder / "flow.jar", "w") as jar:
        jar.writestr("Flow.class", "classes")


def served_before(instance: str) -> Mapping[str, Any]:
    """Some instances serve two versions."""
    return SHARED if instance in PRODUCTION[::4] else SERVED


def release(number: int) -> tuple[str, str, str]:
    """Version, commit and its time."""
    return f"20200403-0730{number:02}", f"{number:040x}", f"2020-04-03T07:30:{number:02}Z"


def changes(remote: Remote, instance: str, version: str) -> list[Any]:
    """What was asked of an instance about a version: its creation, and where traffic was moved."""
    path = f"/v1/apps/{instance}/operations?pageSize=1000"
    operations = remote.call("GET", path)["operations"]
    operations.sort(key=lambda each: each["metadata"]["insertTime"])
    found = []
    for each in operations:
        assert "response" in each, each
        if each["metadata"]["method"].endswith("CreateVersion"):
            found += ["created"] if each["response"]["id"] == version else []
        elif found:
            found.append(each["response"]["split"])
    return found


def split(remote: Remote, instance: str) -> Any:
    return remote.call("GET", f"/v1/apps/{instance}/services/default")["split"]


def same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    by = "UNSPECIFIED"
    return (there["allocations"], there.get("shardBy", by)) == (
        wanted["allocations"],
        wanted.get("shardBy", by),
    )


def check_deployed(remote: Remote, version: str) -> None:
    """Live on UAT1, dark in production, each created once, with its own settings and all files."""
    live = {"allocations": {version: 1}}
    (created, *moves) = changes(remote, "flow-uat1", version)
    assert created == "created"
    assert [same(move, live) for move in moves] == [True]
    for instance in PRODUCTION:
        assert changes(remote, instance, version) == ["created"], instance
        assert same(split(remote, instance), served_before(instance)), instance
        path = f"/v1/apps/{instance}/services/default/versions/{version}?view=FULL"
        there = remote.call("GET", path)
        assert there.get("instanceClass", "F1") == ("F4" if instance == "akvoflow-2" else "F1")
        assert {
            name: each["sha1Sum"] for name, each in there["deployment"]["files"].items()
        } == FILES


def check_promoted(remote: Remote, version: str) -> None:
    for instance in PRODUCTION:
        created, *moves = changes(remote, instance, version)
        assert created == "created"
        assert [move["allocations"] for move in moves] == [{version: 1}], instance


def check_restored(remote: Remote, version: str) -> None:
    for instance in PRODUCTION:
        assert len(changes(remote, instance, version)) == 3, instance
        assert same(split(remote, instance), served_before(instance)), instance


def release_and_promote(operator: Operator, number: int) -> None:
    version, commit, at = release(number)
    source = ("--prebuilt", "--commit", commit, "--commit-time", at)
    operator.get_done("run", version, *source)
    check_deployed(operator.remote, version)
    operator.get_done("promote", version, "all")
    check_promoted(operator.remote, version)
    operator.get_done("rollback", "all")
    check_restored(operator.remote, version)


@pytest.mark.slow
@pytest.mark.parametrize("half", [1, 2])
def test_killed_at_any_moment_a_release_and_its_promotion_are_gone_on_with(
    tmp_path: Path, half: int
) -> None:
    """A lock that a killed process has left is free at once, or the next one would be refused."""
    seed = f"{SEED}, half {half}"
    (tmp_path / "sandbox").mkdir()
    write_project(tmp_path / "flow")
    killer = Killer(random.Random(seed), KILLS // 2)
    sys.stdout.write(f"seed {seed}\n")
    with start_sandbox(tmp_path / "sandbox") as remote:
        for instance in PRODUCTION[::4]:
            remote.put_version(instance, "v0")
            remote.split(instance, SHARED["allocations"])
        remote.settings(operation_seconds=OPERATION)
        operator = Operator(tmp_path / "flow", remote, killer)
        for number in itertools.takewhile(lambda _: not killer.is_done, itertools.count()):
            release_and_promote(operator, number)


def test_the_lock_of_a_publish_that_was_killed_is_free_at_once(project: Project) -> None:
    project.remote.settings(latency=0.05)
    process = Process("run", "refs/heads/feature")
    assert process.wait_for("sent ")
    process.signal(signal.SIGKILL)
    assert process.ended()[0] == -signal.SIGKILL
    project.remote.settings(latency=0)
    objects = project.remote.call("GET", "/storage/v1/b/staging.flow-uat1.appspot.com/o")["items"]
    assert [each["name"] for each in objects if each["name"].endswith("/lock")]
    ended = project.run("--verbose", "run", "refs/heads/feature")
    assert ended.code == 0
    assert "waiting" not in ended.err
    assert len(project.remote.published()) == 1
