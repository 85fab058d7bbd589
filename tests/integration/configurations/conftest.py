"""Releases that bring configuration files, and what the sandbox has of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from tests.integration.conftest import BUILD, Project
from tests.integration.test_appconfig_applied import NEW, OLD, Cloud, told

from flowdeploy.appengine import config_files
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.datastore import Datastore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.scheduler import Scheduler
from flowdeploy.clients.tasks import Tasks

if TYPE_CHECKING:
    from tests.integration.conftest import Remote

Files = Mapping[str, str]
GENERATED = "WEB-INF/appengine-generated"
PRODUCTION = ("akvoflow-1", "akvoflow-2", "akvoflow-3")
CONFIG = """\
build: {commands: [python3 build.py], staging: target/staging}
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
  - {id: akvoflow-1, role: production}
  - {id: akvoflow-2, role: production}
  - {id: akvoflow-3, role: production}
"""
BEFORE, AFTER = "20200402-101500", "20200403-073034"
BUCKET = "/storage/v1/b/staging.flow-uat1.appspot.com/o"
COPY = """\
for path in pathlib.Path("configs").rglob("*.yaml"):
    to = staging / path.relative_to("configs")
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(path.read_bytes())
"""


@dataclass(frozen=True)
class Configuration:
    """What a sandbox has of it."""

    cloud: Cloud

    @classmethod
    def at(cls, url: str) -> Configuration:
        kinds: Any = (Tasks, Scheduler, Datastore, AppEngine)
        session = GoogleSession(AnonymousCredentials(), 2)
        return cls(Cloud(*(kind(url, session) for kind in kinds)))

    def queues(self, project: str) -> tuple[dict[str, Any], ...]:
        return self.cloud.tasks.queues(project)

    def state(self, project: str) -> Any:
        """Everything that is configured, without what servers make up, and order nobody gave."""
        found = told(self.cloud.snapshot(project), project)
        text = partial(json.dumps, sort_keys=True)
        unordered = {part: sorted(found[part], key=text) for part in found if part != "dispatch"}
        return {**found, **unordered}

    def as_with_gcloud(self, *versions: Files, project: str = "akvoflow-37") -> Any:
        """The state that gcloud's own decisions make of versions one after the other, but for
        its pausing of queues; on an application of no other use."""
        for files in versions:
            changes = config_files.changes(config_files.read(files), self.cloud.snapshot(project))
            self.cloud.apply(project, changes.all)
        return self.state(project)


@dataclass(frozen=True)
class Configured(Configuration):
    """A project whose releases have configuration."""

    project: Project

    @property
    def remote(self) -> Remote:
        return self.project.remote

    def write(self, files: Files, folder: str = GENERATED) -> None:
        """The files that the next build stages, and no others."""
        self.project.git("rm", "-rqf", "--ignore-unmatch", "configs")
        for name, text in files.items():
            self.project.write(f"configs/{folder}/{name}", text)
        self.project.git("add", "-A", ".")

    def release(self, tag: str, files: Files, folder: str = GENERATED) -> Any:
        """The report of a release whose build stages these files."""
        self.write(files, folder)
        self.project.release(tag, f"{tag} ")
        return self.project.report("run", tag)

    def live(self, tag: str, files: Files) -> None:
        """A release that has become live everywhere."""
        for report in (self.release(tag, files), self.project.report("promote", tag, "all")):
            assert report["exit_code"] == 0, report

    def remove(self, path: str) -> None:
        shutil.rmtree(self.project.root / path)

    def rewrite_record(self, version: str, **fields: Any) -> None:
        """As an earlier flowdeploy would have written it."""
        name = quote(f"flowdeploy/releases/{version}.json", safe="")
        found = requests.get(f"{self.remote.url}{BUCKET}/{name}?alt=media", timeout=10).json()
        upload = f"/upload{BUCKET}?uploadType=media&name={name}"
        self.remote.call("POST", upload, {**found, **fields})

    def states(self) -> dict[str, Any]:
        return {name: self.state(name) for name in PRODUCTION}


def created(old: Any, new: Any) -> dict[str, list[Any]]:
    """The indexes and queues of one state that another does not have."""
    names = [queue["name"] for queue in old["queues"]]
    return {
        "indexes": [index for index in new["indexes"] if index not in old["indexes"]],
        "queues": [queue for queue in new["queues"] if queue["name"] not in names],
    }


def without(state: Any, parts: Mapping[str, Sequence[Any]]) -> Any:
    """A state but for some resources."""
    return {
        part: [each for each in found if each not in parts.get(part, ())]
        for part, found in state.items()
    }


def outcomes(report: Any, action: str = "configure") -> list[tuple[str, str]]:
    """How the steps of an action have ended, with their instances."""
    return [(s["instance"], s["outcome"]) for s in report["steps"] if s["action"] == action]


@pytest.fixture
def configured(project: Project) -> Configured:
    project.write("build.py", BUILD + COPY)
    project.write("config/instances.yaml", CONFIG)
    return Configured(Configuration.at(project.remote.url).cloud, project)


@pytest.fixture
def ready(configured: Configured) -> Configured:
    """The old release live everywhere, the new one dark in production; a queue is paused."""
    configured.live(BEFORE, OLD)
    for name in PRODUCTION:
        configured.cloud.tasks.pause(name, "mail")
    assert configured.release(AFTER, NEW)["exit_code"] == 0
    configured.remote.forget()
    return configured


__all__ = ["NEW", "OLD"]
