"""What a run is told: one value, made by the command line and handed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.config.values import Config
from flowdeploy.errors import Refused
from flowdeploy.planning.refs import Commit
from flowdeploy.records.runs import Run


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the user has allowed a run to do, or to leave out.

    ``force`` moves traffic that was changed outside flowdeploy; ``skip_unready`` leaves out
    instances that fail a check; ``health_path`` replaces the configured one. A run that is
    resumed keeps the permissions that it began with, so they are part of its record.
    """

    prebuilt: bool = False
    replace: bool = False
    allow_older: bool = False
    first_live: bool = False
    force: bool = False
    skip_unready: bool = False
    health_path: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Permissions:
        """Ignores permissions that only a later flowdeploy knows."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})


@dataclass(frozen=True, slots=True)
class LockOptions:
    """How to acquire the locks: wait up to ``wait`` seconds, or take them over.

    ``take_over`` is None for commands that cannot take locks over.
    """

    wait: float = 0.0
    take_over: bool | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The commit that a run builds, if one is known.

    ``modified`` is whether tracked files differ from the commit; ``objections`` are the
    reasons not to build this tree.
    """

    commit: Commit | None = None
    modified: bool = False
    objections: tuple[str, ...] = ()

    def require(self) -> None:
        """Raises Refused where the tree is not what the ref names."""
        if self.objections:
            raise Refused(
                "the tree is not what the ref names; nothing was built",
                details=self.objections,
                hint="Check out the ref, so that what is shipped is what its name says.",
            )


@dataclass(frozen=True, slots=True)
class Context:
    """What a run is told.

    ``run`` is its name and ``home`` the folder in which runs are recorded (FLOWDEPLOY_HOME);
    ``user``, ``host`` and ``command`` say who started it, where and how; ``resumed`` is the
    record of the run being resumed, if any; ``configuration`` is the commit of the
    configuration, where one is known.
    """

    run: str
    config: Config
    clients: GoogleClients
    home: Path
    user: str
    host: str
    command: str
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    permissions: Permissions = field(default_factory=Permissions)
    locking: LockOptions = field(default_factory=LockOptions)
    source: Source = field(default_factory=Source)
    resumed: Run | None = None
    configuration: Commit | None = None

    @property
    def run_folder(self) -> Path:
        """Where the run keeps its report and its build's output."""
        return self.home / "runs" / self.run
