"""A fleet in a sandbox that watches who asks what, and commands that can be cut off there.

Every command is a process of its own (see `forker`). The sandbox kills it, or keeps it
waiting, at a request of its choice: what is then in memory is lost for good.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

BUCKET = "staging.flow-uat1.appspot.com"
PATIENCE = 60.0
SHARD_BY = ("UNSPECIFIED", "COOKIE", "IP", "RANDOM")
SOMEBODY = {"X-Somebody": "else"}  # whoever is not flowdeploy
WATCHED = ("/v1/", "/storage/", "/upload/")

Served = tuple[frozenset[tuple[str, float]], str]  # shares by version, and what they are by
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def served(split: Mapping[str, Any]) -> Served:
    """A split of the API's, of a report, or of a request, to be compared.

    Google's library writes enums as numbers.
    """
    by = split.get("shardBy") or split.get("shard_by") or "UNSPECIFIED"
    by = SHARD_BY[by] if isinstance(by, int) else by
    return frozenset(split["allocations"].items()), by


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; ``number`` is its place among all, when it came and when it was answered.

    ``subject`` is ``PROJECT`` of a move, ``PROJECT VERSION`` of a look at a version, and an
    object's name; ``to`` is what a move asks for.
    """

    what: str
    subject: str
    came: int
    answered: int
    to: Served | None = None


@dataclass(slots=True)
class Trap:
    """What becomes of a command at its ``at``-th changing request.

    ``act``: ``kill-before`` and ``kill-after`` its effect, ``freeze`` until thawed.
    """

    act: str
    at: int
    pid: int = 0
    sprung: threading.Event = field(default_factory=threading.Event)
    thawed: threading.Event = field(default_factory=threading.Event)


class Watch:
    """What a server is asked by the command that uses it."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self.asked: list[Asked] = []
        self.trap: Trap | None = None
        self.meddling: tuple[str, Callable[[], None]] | None = None
        self._numbers = numbers
        self._changes = 0

    def begin(self, trap: Trap | None) -> None:
        self.asked, self.trap, self._changes = [], trap, 0

    def middleware(self) -> Any:
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith(WATCHED) or "X-Somebody" in request.headers:
                return await handler(request)
            return await self._watched(request, handler)

        return watch

    async def _watched(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        came = next(self._numbers)
        what, subject, to = await _said(request)
        await self._meddle(what, subject)
        trap = self._sprung(request.method != "GET")
        if trap and trap.act == "kill-before":
            return _kill(trap, request)
        if trap and trap.act == "freeze":
            await _until(trap.thawed)
        response = await handler(request)
        self.asked.append(Asked(what, subject, came, next(self._numbers), to))
        if trap and trap.act == "kill-after":
            return _kill(trap, request)
        return response

    def _sprung(self, changing: bool) -> Trap | None:
        """The trap, if it closes here; what is frozen stays so, whatever else is asked."""
        self._changes += changing
        trap = self.trap
        if trap is None:
            return None
        if changing and self._changes == trap.at:
            trap.sprung.set()
            return trap
        return trap if trap.act == "freeze" and trap.sprung.is_set() else None

    async def _meddle(self, what: str, subject: str) -> None:
        """Let somebody else act right before the service is looked at a second time."""
        if not self.meddling or (what, subject) != ("split", self.meddling[0]):
            return
        if any((each.what, each.subject) == ("split", subject) for each in self.asked):
            _, act = self.meddling
            self.meddling = None
            await asyncio.get_running_loop().run_in_executor(None, act)


async def _said(request: web.Request) -> tuple[str, str, Served | None]:
    parts = request.path.split("/")
    match request.method, parts[2:]:
        case "PATCH", ["apps", project, "services", "default"]:
            return "move", project, served((await request.json())["split"])
        case "GET", ["apps", project, "services", "default"]:
            return "split", project, None
        case "GET", ["apps", project, "services", "default", "versions", version]:
            return "look", f"{project} {version}", None
        case "POST", _ if parts[1] == "upload":
            return "write", request.query["name"].removeprefix("flowdeploy/"), None
    return request.method, request.path, None


def _kill(trap: Trap, request: web.Request) -> web.StreamResponse:
    os.kill(trap.pid, signal.SIGKILL)
    if request.transport:
        request.transport.abort()
    return web.Response(status=503)


async def _until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command's end: its exit code (-9: killed), its report, and what it asked."""

    code: int
    report: dict[str, Any]
    asked: tuple[Asked, ...]
    err: str

    def steps(self, action: str) -> dict[str, dict[str, Any]]:
        found = (step for step in self.report.get("steps", ()) if step["action"] == action)
        return {step["instance"]: step for step in found}


class Forker:
    """Begins commands; see the script of this name."""

    def __init__(self) -> None:
        names = [name for name in os.environ if not name.startswith(("FLOWDEPLOY_", "GITHUB_"))]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: os.environ[name] for name in names},
        )

    def ask(self, **asked: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Running:
    """A command that has begun, on one of the servers."""

    pid: int
    watch: Watch
    out: Path

    def is_over(self) -> bool:
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "Z"


class World:
    """A fleet, two machines to work from, and two servers of the same sandbox."""

    def __init__(self, folder: Path, forker: Forker, config: str, apps: Sequence[App]) -> None:
        self._folder = folder
        self._forker = forker
        self._stack = ExitStack()
        self._outputs = itertools.count()
        numbers = itertools.count()
        self.watches = (Watch(numbers), Watch(numbers))
        self._config = folder / "config/instances.yaml"
        self._config.parent.mkdir(parents=True)
        self._config.write_text(config)
        self.urls = [self._serve(watch, apps) for watch in self.watches]

    def _serve(self, watch: Watch, apps: Sequence[App]) -> str:
        state = self._folder / "sandbox"
        sandbox = Sandbox(state, apps, middlewares=[watch.middleware()])
        return self._stack.enter_context(sandbox).url

    def close(self) -> None:
        self._stack.close()

    def begin(
        self, *arguments: str, server: int = 0, home: str = "laptop", trap: Trap | None = None
    ) -> Running:
        watch, out = self.watches[server], self._folder / f"out-{next(self._outputs)}"
        watch.begin(trap)
        pid = self._forker.ask(
            arguments=["--format", "json", *arguments],
            environ={
                "FLOWDEPLOY_SANDBOX": self.urls[server],
                "FLOWDEPLOY_HOME": str(self._folder / home),
                "GITHUB_ACTOR": home,
            },
            folder=str(self._folder),
            out=str(out),
            err=f"{out}.err",
        )
        if trap:
            trap.pid = pid
        return Running(pid, watch, out)

    def ended(self, running: Running) -> Ended:
        code = self._forker.ask(wait=running.pid)
        out, err = running.out.read_text(), Path(f"{running.out}.err").read_text()
        report = json.loads(out) if out and code >= 0 else {}
        return Ended(code, report, tuple(running.watch.asked), err)

    def run(self, *arguments: str, **how: Any) -> Ended:
        return self.ended(self.begin(*arguments, **how))

    def call(self, verb: str, path: str, body: object = None, server: int = 0) -> Any:
        url = self.urls[server] + path
        answer = requests.request(verb, url, json=body, headers=SOMEBODY, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer.json()

    def served(self, project: str) -> Served:
        return served(self.call("GET", f"/v1/apps/{project}/services/default")["split"])

    def split(self, project: str, allocations: Mapping[str, float], by: str) -> None:
        path = f"/v1/apps/{project}/services/default?updateMask=split"
        self.call("PATCH", path, {"split": {"allocations": allocations, "shardBy": by}})

    def put_version(self, project: str, version: str) -> None:
        """A version that can be stopped, as only those of manual or basic scaling can."""
        body = {
            "id": version,
            "runtime": "java21",
            "manualScaling": {"instances": 1},
            "deployment": {"container": {"image": "gcr.io/somebody/else"}},
        }
        self.call("POST", f"/v1/apps/{project}/services/default/versions", body)

    def switch(self, project: str, version: str, status: str) -> None:
        """Start (SERVING) or stop (STOPPED) a version."""
        path = f"/v1/apps/{project}/services/default/versions/{version}?updateMask=servingStatus"
        self.call("PATCH", path, {"servingStatus": status})

    def entries(self) -> dict[str, list[tuple[str, Any]]]:
        """All that is on record for all machines: run → its entries, by name, in order."""
        listed = self.call("GET", f"/storage/v1/b/{BUCKET}/o?prefix=flowdeploy/runs/")
        runs: dict[str, list[tuple[str, Any]]] = {}
        for name in sorted(item["name"] for item in listed.get("items", ())):
            path = f"/storage/v1/b/{BUCKET}/o/{name.replace('/', '%2F')}?alt=media"
            _, _, run, entry = name.split("/")
            runs.setdefault(run, []).append((entry, self.call("GET", path)))
        return runs


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    forker = Forker()
    yield forker
    forker.close()


@pytest.fixture
def world(forker: Forker, tmp_path: Path) -> Callable[[str, Sequence[App]], World]:
    """``world(config, apps)`` → a `World` of its own, to be closed."""
    numbers = itertools.count()

    def make(config: str, apps: Sequence[App]) -> World:
        return World(tmp_path / f"world-{next(numbers)}", forker, config, apps)

    return make


@pytest.fixture
def trap() -> type[Trap]:
    return Trap
