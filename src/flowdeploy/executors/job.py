"""What a crew is told before it begins."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flowdeploy.config import Config
from flowdeploy.endpoints import Endpoints
from flowdeploy.plan import Plan
from flowdeploy.refs import Commit


@dataclass(frozen=True, slots=True)
class Orders:
    """What the user has said may be done, or need not."""

    prebuilt: bool = False
    replace: bool = False
    allow_older: bool = False
    first_live: bool = False


NO_ORDERS = Orders()


@dataclass(frozen=True, slots=True)
class Site:
    """This machine: its environment, flowdeploy's own folder and that of the run."""

    environ: Mapping[str, str]
    home: Path
    run_folder: Path

    @property
    def user(self) -> str:
        """Who runs flowdeploy, by the name that CI or this machine has for them."""
        try:
            return self.environ.get("GITHUB_ACTOR") or getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no name: docker run --user
            return f"uid {os.getuid()}"


@dataclass(frozen=True, slots=True)
class Job:
    """All that a crew is told.

    ``commit`` is what is built, if anybody knows; ``modified`` is whether tracked
    files differ from it. ``connections`` is how many calls may be under way at once.
    """

    plan: Plan
    config: Config
    endpoints: Endpoints
    site: Site
    orders: Orders
    connections: int = 32
    commit: Commit | None = None
    modified: bool = False


class Watcher(Protocol):
    """Who is told of what happens beside and between the steps."""

    def build_line(self, text: str) -> None: ...
    def checking(self, done: int, total: int) -> None: ...
    def said(self, text: str) -> None: ...
