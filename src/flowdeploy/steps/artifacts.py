"""What a run deploys: built now, or recalled from a release record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flowdeploy.planning.plan import Deploy, Plan, PlanKind
from flowdeploy.planning.revisions import base_of
from flowdeploy.records.releases import Releases
from flowdeploy.report import Outcome
from flowdeploy.rollout.contract import Done, Listener, Running
from flowdeploy.steps import build, staging
from flowdeploy.steps.context import Context
from flowdeploy.steps.publish.library import Library, LibraryRelease
from flowdeploy.steps.staging import StagedApp

if TYPE_CHECKING:
    from flowdeploy.clients.files import BucketFolder
    from flowdeploy.steps.deploy.checks import DeployBatch
    from flowdeploy.steps.release.release_store import DeployableRelease, ReleaseStore

NO_RELEASE_RECORD = (
    "the version has no release record: indexes, queues, cron jobs and dispatch rules stay as"
    " they are"
)

_DEPLOYED = frozenset({PlanKind.TRUNK, PlanKind.RELEASE})  # if not now, by a later job


class Artifacts:
    """The application and the library of one version.

    ``staged`` is None until the files are built or recalled. ``configs`` are the texts of
    queue.yaml and the like by path, None until they are known; for a promotion only these are
    set. ``released`` are the applications of the versions whose revisions are deployed.
    ``remarks`` are for the report.
    """

    def __init__(self, context: Context, listener: Listener) -> None:
        self.staged: StagedApp | None = None
        self.configs: Mapping[str, str] | None = None
        self.released: dict[str, StagedApp] = {}
        self.remarks: tuple[str, ...] = ()
        self._context = context
        self._listener = listener
        self._recalled: DeployableRelease | None = None
        self._is_saved = False

    @property
    def is_recalled(self) -> bool:
        """Whether these are of a release record, and not of this run's build."""
        return self._recalled is not None

    def require_library(self) -> Library:
        """The library's files: those of a recalled release, else those that the build makes.

        For plans that publish: there are none where no library is configured.
        """
        if self._recalled and self._recalled.library:
            return self._recalled.library
        configured = self._context.config.library
        assert configured is not None  # noqa: S101  (without one no plan publishes)
        return Library(configured.jar, configured.pom, configured.classifier)

    def recall(self, releases: ReleaseStore, *, with_library: bool) -> str | None:
        """Use the version's release if it is recorded and need not be built again.

        A note on where it is from; None where it must be built.

        Raises Refused where the record is of another commit.
        """
        release = releases.recall(with_library=with_library)
        if release is None:
            return None
        self._use(release)
        return release.note

    def require(self, releases: ReleaseStore) -> None:
        """Use the version's release. Raises Refused where it is not available any more."""
        self._use(self._require(releases))

    def require_revised(self, releases: ReleaseStore) -> None:
        """Use a version's release for its revisions, which keep its configuration as it is.

        Raises Refused where it is not available any more.
        """
        self.released[releases.version] = self._require(releases).staged

    def read_revised(self, records: Releases, versions: Iterable[str]) -> None:
        """For a preview: use the records of these versions, without their files."""
        from flowdeploy.steps.release.release_store import staged_release

        for version in versions:
            if stored := records.find(version):
                address = records.address_of(version)
                self.released[version] = staged_release(stored.release, address)

    def batches(self, plan: Plan) -> tuple[DeployBatch, ...]:
        """The plan's deploys, by what they deploy; none where that is not known."""
        from flowdeploy.steps.deploy.checks import DeployBatch

        steps = plan.steps_of(Deploy)
        if self.staged is not None:
            return (DeployBatch(steps, self.staged),) if steps else ()
        return tuple(
            DeployBatch([step for step in steps if base_of(str(step.version)) == version], staged)
            for version, staged in self.released.items()
        )

    def recall_configs(self, records: Releases, version: str) -> None:
        """Use the configuration files of the version, or of the one that it is a revision of.

        None where there is no release record.
        """
        names = dict.fromkeys((version, base_of(version)))
        stored = next(filter(None, map(records.find, names)), None)
        self.configs = stored.release.configs if stored else {}
        self.remarks = () if stored else (NO_RELEASE_RECORD,)

    def build(self, plan: Plan, releases: ReleaseStore | None) -> Running:
        """Run the build's commands, unless an earlier run or job has; read what they made.

        ``releases`` is None where this run deploys nothing. Raises Refused where the tree is
        not what the ref names, ToolError for a command that fails.
        """
        yield from ()
        if self._recalled:
            return Done(Outcome.UNCHANGED, notes=(self._recalled.note,))
        self._context.source.require()
        prebuilt = self._context.permissions.prebuilt
        if not prebuilt:
            self._run_commands(plan)
        if releases is not None:
            self.read_staged(releases.sources)
        elif plan.kind in _DEPLOYED:
            self.read_staged(())
        notes = self.staged.warnings if self.staged else ()
        return Done(Outcome.UNCHANGED if prebuilt else Outcome.DONE, notes=notes)

    def read_staged(self, sources: tuple[BucketFolder, ...]) -> None:
        """Use the staged folder as it is. Raises Refused where it cannot be deployed."""
        config = self._context.config
        staged = staging.read(config.build.staging, (self._context.home, config.path))
        self._stage(replace(staged, sources=sources))

    def save(self, releases: ReleaseStore, library: Callable[[], LibraryRelease | None]) -> None:
        """Write the release record of what was built, once; also of what another version was.

        Raises Refused and ServiceError."""
        builder = self._recalled.builder if self._recalled else None
        if self.staged is None or self._is_saved or (self._recalled and not builder):
            return
        releases.save(self.staged, library(), builder)
        self._is_saved = True

    def _require(self, releases: ReleaseStore) -> DeployableRelease:
        release = releases.require()
        self._listener.message(f"Release: {release.note}")
        return release

    def _use(self, release: DeployableRelease) -> None:
        self._recalled = release
        self._stage(release.staged)

    def _stage(self, staged: StagedApp) -> None:
        self.staged, self.configs = staged, staged.configs

    def _run_commands(self, plan: Plan) -> None:
        context = self._context
        variables = {
            "FLOWDEPLOY_VERSION": plan.version,
            "FLOWDEPLOY_LIBRARY_VERSION": plan.library_version,
        }
        build.run_build(
            context.config.build,
            environ=context.environ,
            variables={name: value for name, value in variables.items() if value},
            pull_request=plan.kind is PlanKind.PULL_REQUEST,
            log=context.run_folder / "build.log",
            echo=self._listener.build_line,
        )
