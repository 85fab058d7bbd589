"""The release that a run deploys: the one that was built before, or the one that it builds.

Files first, then the record: what has a record can be deployed without a build.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flowdeploy.appengine.app_yaml import parse
from flowdeploy.checks import drift
from flowdeploy.clients.objects import BucketFolder
from flowdeploy.clients.repository import RepositoryFile
from flowdeploy.config import BucketRecords, LocalRecords, UploadMode, staging_bucket
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Fleet
from flowdeploy.planning.refs import Commit
from flowdeploy.records.releases import (
    Builder,
    LibraryFile,
    RecordedLibrary,
    Release,
    Releases,
    StoredRelease,
    same_commit,
)
from flowdeploy.steps.context import Context
from flowdeploy.steps.deploy.package import CommonFiles
from flowdeploy.steps.publish.library import Library
from flowdeploy.steps.publish.library import LibraryRelease as LocalLibrary
from flowdeploy.steps.release.file_stores import BucketFileStore, FolderFileStore, ReleaseFileStore
from flowdeploy.steps.release.zip_store import ZipFileStore
from flowdeploy.steps.staging import StagedApp
from flowdeploy.steps.stores import open_records

_KEPT_BRIEFLY = (
    "Staging buckets delete their files after some days. A bucket of one's own keeps them:"
    " `records: gs://BUCKET/PREFIX` in the configuration."
)


@dataclass(frozen=True, slots=True)
class DeployableRelease:
    """A release that was built before, ready to be deployed; ``library`` if it has one."""

    staged: StagedApp
    library: Library | None
    note: str


@dataclass(slots=True)
class ReleaseStore:
    """The releases, for one run. Every method raises Refused and ServiceError.

    A release is kept in the first of the ``file_stores``; an earlier one may be in any.
    """

    context: Context
    version: str
    releases: Releases
    file_stores: Sequence[ReleaseFileStore]
    _recorded: StoredRelease | None = None

    def recall(self, *, with_library: bool) -> DeployableRelease | None:
        """The version as it was built before, if it was and need not be built again.

        A build is needed where files of the first one are gone, where it had no
        library and there is to be one, and where nobody can say that both are
        of one commit and nothing else. Refused is a record of another commit.
        """
        self._recorded = self.releases.find(self.version)
        if self._recorded is None or self.context.permissions.replace:
            return None
        release = self._recorded.release
        theirs, ours = release.commit, self.context.source.commit
        if theirs is None or ours is None:
            return None
        if not same_commit(theirs, ours):
            raise self._of_another_commit(release, theirs, ours)
        if (
            release.modified
            or self.context.source.modified
            or (with_library and release.library is None)
        ):
            return None
        vault, _ = self._recover(release)
        return self._to_deployable(release, vault) if vault else None

    def require(self) -> DeployableRelease:
        """The version as it was built before. Refused where it cannot be had any more."""
        recorded = self.releases.find(self.version)
        if recorded is None:
            raise Refused(
                f"version {self.version} has no release record: there is no"
                f" {self.releases.address_of(self.version)}",
                hint="`flowdeploy run` of the trunk or of a release tag writes one.",
            )
        release = replace(recorded.release, library=None)
        vault, lost = self._recover(release)
        if vault is None:
            raise Refused(
                f"version {self.version} has expired: of its {len(release.manifest.by_sha1)}"
                f" files, {len(lost)} are kept nowhere any more",
                details=[f"{self.releases.address_of(self.version)}: built by {release.builder}"],
                hint=_KEPT_BRIEFLY,
            )
        return self._to_deployable(release, vault)

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        """Buckets that have all files of what is kept."""
        return self.file_stores[0].sources

    def save(self, staged: StagedApp, library: LocalLibrary | None) -> None:
        """Keep what was built and is common to all instances: the files, then the record.

        Refused where the version has a record of other content.
        """
        common = CommonFiles.of(staged, self.context.config.descriptors)
        release = _release(self.context, self.version, staged, common, library)
        stands = None if self.context.permissions.replace else self._recorded
        if stands and not stands.release.equals(release):
            raise self._of_another_build(stands.release, release)
        contents = {**common.contents, **self._library_files(library)}
        self.file_stores[0].keep(common.manifest, contents)
        if stands is None:
            self.releases.write(release, over=self._recorded)

    def _recover(self, release: Release) -> tuple[ReleaseFileStore | None, frozenset[str]]:
        """The vault that has all of a release; without one, the least that is lost."""
        losses = []
        for vault in self.file_stores:
            lost = vault.recover(release.manifest, release.library_contents)
            if not lost:
                return vault, lost
            losses.append(lost)
        return None, min(losses, key=len)

    def _to_deployable(self, release: Release, vault: ReleaseFileStore) -> DeployableRelease:
        name = self.releases.address_of(release.version)
        app = parse(release.app_yaml, f"app.yaml in {name}")
        here = vault.here(release.manifest)
        # Files out of another kind of vault are sent as if they were new.
        sources = () if here and vault is not self.file_stores[0] else vault.sources
        staged = StagedApp(
            app, release.app_yaml, release.manifest, release.configs, (), here, sources
        )
        note = f"deployed from {name}: built by {release.builder}"
        return DeployableRelease(staged, self._fetch_library(release.library, vault), note)

    def _fetch_library(
        self, library: RecordedLibrary | None, vault: ReleaseFileStore
    ) -> Library | None:
        """The library's files, brought to the run's folder; the pom is the one with the version."""
        configured = self.context.config.library
        if library is None or configured is None:
            return None
        paths = [self.context.run_folder / Path(file.path).name for file in library.files]
        for file, path in zip(library.files, paths, strict=True):
            vault.fetch(file.sha1, path)
        jar, pom = paths
        return Library(jar, pom, configured.classifier)

    def _library_files(self, library: LocalLibrary | None) -> Mapping[str, Path]:
        """The library's files on this machine by their SHA-1."""
        files = library.files if library else ()
        return {file.checksums.sha1: self._on_disk(file) for file in files}

    def _on_disk(self, file: RepositoryFile) -> Path:
        if isinstance(file.content, Path):
            return file.content
        path = self.context.run_folder / file.name
        path.write_bytes(file.content)
        return path

    def _of_another_commit(self, release: Release, theirs: Commit, ours: Commit) -> Refused:
        return Refused(
            f"version {self.version} was built from another commit; nothing was built now",
            details=[
                f"this is {ours.sha}, and the record says {theirs.sha};"
                " --replace replaces it, unless it has traffic",
                f"{self.releases.address_of(self.version)}: built by {release.builder}",
            ],
            hint="Give this commit a tag of its own.",
        )

    def _of_another_build(self, before: Release, now: Release) -> Refused:
        changed = drift.compare_files(_paths(now), _paths(before))
        what = str(changed[0]) if changed else "another app.yaml"
        return Refused(
            f"version {self.version} was built before, with {what}, and is that for ever",
            details=[
                f"{self.releases.address_of(self.version)}: built by {before.builder}",
                "--replace replaces the record, and the version wherever it has no traffic",
            ],
            hint=f"Give what is new a tag of its own. {_KEPT_BRIEFLY}",
        )


def _release(
    context: Context,
    version: str,
    staged: StagedApp,
    common: CommonFiles,
    library: LocalLibrary | None,
) -> Release:
    return Release(
        version=version,
        commit=context.source.commit,
        modified=context.source.modified,
        app_yaml=staged.app_yaml,
        manifest=common.manifest,
        configs=staged.configs,
        library=_library_release(library) if library else None,
        builder=Builder(
            user=context.user,
            host=context.host,
            run=context.run,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )


def _library_release(library: LocalLibrary) -> RecordedLibrary:
    files = tuple(
        LibraryFile(file.path, sums.size, sums.sha1, sums.sha256)
        for file in library.files
        for sums in [file.checksums]
    )
    return RecordedLibrary(str(library.coordinates), library.version, files)


def open_releases(context: Context, version: str) -> ReleaseStore:
    """The release records, and the files of releases, where ``records`` says.

    In a bucket of the fleet's own, files lie below ``objects/``. In UAT1's staging bucket
    they lie among those that are staged, and its lifecycle rules delete them after a while.
    Raises ServiceError where there are no usable credentials.
    """
    config, clients = context.config, context.clients
    records = open_release_records(context)
    if isinstance(config.records, LocalRecords):
        folder = context.home / "records" / "objects"
        return ReleaseStore(context, version, records, [FolderFileStore(folder)])
    place = config.records
    clients.buckets.keep_listing(place.bucket)  # it is a staging bucket, too, or may be
    files = BucketFileStore(
        clients.buckets,
        BucketFolder(place.bucket, f"{place.prefix}objects/" if place.own else ""),
        () if place.own else _staging_buckets(config.fleet),
    )
    archives = ZipFileStore(files, context.run_folder)
    zipped = config.upload is UploadMode.ZIP
    return ReleaseStore(
        context, version, records, (archives, files) if zipped else (files, archives)
    )


def open_release_records(context: Context) -> Releases:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    common = open_records(context.config, context.clients, context.home).common
    match context.config.records:
        case BucketRecords(bucket, prefix):
            return Releases(common, f"gs://{bucket}/{prefix}")
        case _:
            return Releases(common, str(context.home / "records"))


def _staging_buckets(fleet: Fleet) -> tuple[BucketFolder, ...]:
    """The staging buckets of a fleet, as App Engine names them after their projects."""
    projects = dict.fromkeys(i.project for i in fleet.instances if not i.skip)
    return tuple(BucketFolder(staging_bucket(project)) for project in projects)


def _paths(release: Release) -> dict[str, str]:
    return {file.path: file.sha1 for file in release.manifest.files}
