"""What a run deploys: what it builds, or what an earlier run has built and put on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flowdeploy.planning.plan import PlanKind
from flowdeploy.report import Outcome
from flowdeploy.rollout import Done, Listener, Running
from flowdeploy.steps import build, staging
from flowdeploy.steps.context import Context
from flowdeploy.steps.publish.library import Library, LibraryRelease
from flowdeploy.steps.staging import Staged

if TYPE_CHECKING:
    from flowdeploy.steps.release.releases import ReadyRelease, ReleaseStore

UNRECORDED = (
    "the version has no release record: indexes, queues, cron jobs and dispatch rules stay as"
    " they are"
)


class Artifacts:
    """The application and the library of one version.

    ``staged`` is None until they are there. ``configs`` are the texts of queue.yaml and
    the like by path, None until they are known; a promotion knows these alone.
    ``remarks`` are what a person should know of them.
    """

    def __init__(
        self, job: Context, listener: Listener, archive: Callable[[], ReleaseStore]
    ) -> None:
        self.staged: Staged | None = None
        self.configs: Mapping[str, str] | None = None
        self.remarks: tuple[str, ...] = ()
        self._job = job
        self._listener = listener
        self._archive = archive
        self._recalled: ReadyRelease | None = None
        self._kept = False

    @property
    def library(self) -> Library | None:
        """The library's files of an earlier run, if they are to be used."""
        return self._recalled.library if self._recalled else None

    def recall(self, *, with_library: bool) -> None:
        """Use what was built before, if it need not be built again. Raises Refused."""
        if recalled := self._archive().recall(with_library=with_library):
            self._use(recalled)

    def require(self) -> None:
        """Use what was built before. Raises Refused where it cannot be had any more."""
        recalled = self._archive().require()
        self._listener.message(f"Release: {recalled.note}")
        self._use(recalled)

    def recall_configs(self, version: str) -> None:
        """What is on record of a version's configuration; nothing where it has no record."""
        released = self._archive().releases.find(version)
        self.configs = released.release.configs if released else {}
        self.remarks = () if released else (UNRECORDED,)

    def build(self, *, to_deploy: bool) -> Running:
        """Run the commands, unless an earlier run or job has; then read what they made."""
        if self._recalled:
            yield from ()
            return Done(Outcome.UNCHANGED, notes=(self._recalled.note,))
        config, prebuilt = self._job.config, self._job.orders.prebuilt
        self._job.before_build()
        if not prebuilt:
            self._run_commands()
        if to_deploy:
            staged = staging.read(config.build.staging, (self._job.site.home, config.path))
            self._stage(replace(staged, sources=self._archive().sources))
        yield from ()
        notes = self.staged.warnings if self.staged else ()
        return Done(Outcome.UNCHANGED if prebuilt else Outcome.DONE, notes=notes)

    def keep(self, library: LibraryRelease | None) -> None:
        """Put on record, once, what has just been built and is going to be deployed."""
        if self.staged is None or self._recalled or self._kept:
            return
        self._archive().keep(self.staged, library)
        self._kept = True

    def _use(self, recalled: ReadyRelease) -> None:
        self._recalled = recalled
        self._stage(recalled.staged)

    def _stage(self, staged: Staged) -> None:
        self.staged, self.configs = staged, staged.configs

    def _run_commands(self) -> None:
        job = self._job
        told = {
            "FLOWDEPLOY_VERSION": job.plan.version,
            "FLOWDEPLOY_LIBRARY_VERSION": job.plan.library_version,
        }
        build.run(
            job.config.build,
            environ=job.site.environ,
            variables={name: value for name, value in told.items() if value},
            pull_request=job.plan.kind is PlanKind.PULL_REQUEST,
            log=job.site.run_folder / "build.log",
            echo=self._listener.build_line,
        )
