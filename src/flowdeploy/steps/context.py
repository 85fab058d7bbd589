"""What a crew is told before it begins."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.config import Config
from flowdeploy.endpoints import Endpoints
from flowdeploy.planning.plan import Plan
from flowdeploy.planning.refs import Commit
from flowdeploy.records.lease import WAIT, WAIT_OR_TAKE_OVER
from flowdeploy.records.runs import Run


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has said may be done, or need not.

    ``force`` is to move traffic that others have moved; ``skip_unready`` leaves out
    instances that fail a check; ``health_path`` is instead of the configured one.
    """

    prebuilt: bool = False
    replace: bool = False
    allow_older: bool = False
    first_live: bool = False
    force: bool = False
    skip_unready: bool = False
    health_path: str | None = None


NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class Site:
    """This machine: its environment, flowdeploy's own folder and that of the run.

    ``command`` is the command line that began it.
    """

    environ: Mapping[str, str]
    home: Path
    run_folder: Path
    command: str = "flowdeploy"

    @property
    def user(self) -> str:
        """Who runs flowdeploy, by the name that CI or this machine has for them."""
        try:
            return self.environ.get("GITHUB_ACTOR") or getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no name: docker run --user
            return f"uid {os.getuid()}"


@dataclass(frozen=True, slots=True)
class Claim:
    """How the locks are come by: after at most ``wait`` seconds, or from whoever has them.

    ``take_over`` is None where the command does not know of that.
    """

    wait: float = 0.0
    take_over: bool | None = None

    @property
    def hint(self) -> str:
        """What to do for whoever does not get them."""
        return WAIT if self.take_over is None else WAIT_OR_TAKE_OVER


AT_ONCE = Claim()


@dataclass(frozen=True, slots=True)
class Context:
    """All that a crew is told.

    ``commit`` is what is built, if anybody knows; ``modified`` is whether tracked
    files differ from it. ``connections`` is how many calls may be under way at once.
    ``earlier`` is the record of the run that is gone on with, if it is one.
    ``before_build`` raises Refused where the tree is not what is to be built.
    ``once_alone`` is called when the locks are taken, where the plan follows from the
    records: it raises Refused where it does not any more, and returns ``earlier`` anew.
    ``replan`` is called then, too, and makes the plan anew; it raises Refused where
    there is nothing to do any more.
    """

    plan: Plan
    config: Config
    endpoints: Endpoints
    site: Site
    orders: Options
    connections: int = 32
    commit: Commit | None = None
    modified: bool = False
    claim: Claim = AT_ONCE
    earlier: Run | None = None
    before_build: Callable[[], None] = lambda: None
    once_alone: Callable[[], Run | None] | None = None
    replan: Callable[[], Plan] | None = None

    @property
    def run(self) -> str:
        return self.site.run_folder.name
