"""Saves what a run builds as a release, and finds it again.

The files are saved before the record, so a release with a record can be deployed without a
build.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flowdeploy.appengine.app_yaml import parse
from flowdeploy.checks import drift
from flowdeploy.clients.files import BucketFolder, write_private
from flowdeploy.config.values import BucketRecords, LocalRecords, UploadMode, staging_bucket
from flowdeploy.errors import Refused
from flowdeploy.planning.refs import Commit, commit_version
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

_STAGING_BUCKETS_EXPIRE = (
    "Staging buckets delete their files after some days. A bucket of your own keeps them:"
    " `records: gs://BUCKET/PREFIX` in the configuration."
)


@dataclass(frozen=True, slots=True)
class DeployableRelease:
    """A release that was built before; ``library`` is None where it has none.

    ``builder`` is who built it, if that was as another version: it is not on record yet.
    """

    staged: StagedApp
    library: Library | None
    note: str
    builder: Builder | None = None


@dataclass(slots=True)
class ReleaseStore:
    """The release of a run's version. Every method raises Refused and ServiceError.

    It is saved in the first of the ``file_stores``; an earlier build may be in any of them.
    ``trunk_version`` is the one as which the trunk's pipeline builds the same commit, if its
    build is to be used.
    """

    context: Context
    version: str
    releases: Releases
    file_stores: Sequence[ReleaseFileStore]
    trunk_version: str | None = None
    _recorded: StoredRelease | None = None

    def recall(self, *, with_library: bool) -> DeployableRelease | None:
        """The release of an earlier build; None where the version must be built.

        It must be built where `find_build` finds none, and where files of it are lost. Raises
        as `find_build`.
        """
        release = self.find_build(with_library=with_library)
        store, _ = self._recover(release) if release else (None, None)
        if release is None or store is None:
            return None
        found = self._to_deployable(release, store)
        return found if release.version == self.version else replace(found, builder=release.builder)

    def find_build(self, *, with_library: bool) -> Release | None:
        """The record of an earlier build that can be used, of this version or of the trunk's.

        None where that had no library and one is needed, and where it is not known that both
        builds are of the same commit without modifications. Raises Refused where the release
        record is of another commit.
        """
        self._recorded = self.releases.find(self.version)
        recorded, source = self._recorded, self.context.source
        if recorded is None and self.trunk_version:
            recorded = self.releases.find(self.trunk_version)
        if recorded is None or self.context.permissions.replace:
            return None
        release = recorded.release
        if release.commit is None or source.commit is None:
            return None
        if not same_commit(release.commit, source.commit):
            raise self._of_another_commit(release, release.commit, source.commit)
        lacks_library = with_library and release.library is None
        return None if release.modified or source.modified or lacks_library else release

    def require(self) -> DeployableRelease:
        """The release of an earlier build.

        Raises Refused where the version has no release record, or its files are lost.
        """
        recorded = self.releases.find(self.version)
        if recorded is None:
            raise Refused(
                f"version {self.version} has no release record: there is no"
                f" {self.releases.address_of(self.version)}",
                hint="`flowdeploy run` of the trunk or of a release tag writes one.",
            )
        release = replace(recorded.release, library=None)
        store, lost = self._recover(release)
        if store is None:
            raise Refused(
                f"version {self.version} has expired: of its {len(release.manifest.by_sha1)}"
                f" files, {len(lost)} are no longer stored",
                details=[f"{self.releases.address_of(self.version)}: built by {release.builder}"],
                hint=_STAGING_BUCKETS_EXPIRE,
            )
        return self._to_deployable(release, store)

    @property
    def sources(self) -> tuple[BucketFolder, ...]:
        """Buckets that have all files of a saved release."""
        return self.file_stores[0].sources

    def save(
        self, staged: StagedApp, library: LocalLibrary | None, builder: Builder | None = None
    ) -> None:
        """Save what was built and is common to all instances: first the files, then the record.

        ``builder`` is who built it; by default this run. Raises Refused where the version has
        a release record with other content.
        """
        common = CommonFiles.of(staged, self.context.config.descriptors)
        release = _release(self.context, self.version, staged, common, library)
        release = replace(release, builder=builder or release.builder)
        existing = None if self.context.permissions.replace else self._recorded
        if existing and not existing.release.equals(release):
            raise self._of_another_build(existing.release, release)
        contents = {**common.contents, **self._library_files(library)}
        self.file_stores[0].save(common.manifest, contents)
        if existing is None:
            self.releases.write(release, over=self._recorded)

    def _recover(self, release: Release) -> tuple[ReleaseFileStore | None, frozenset[str]]:
        """The store that has all files of a release; without one, the fewest lost files."""
        losses = []
        for store in self.file_stores:
            lost = store.recover(release.manifest, release.library_contents)
            if not lost:
                return store, lost
            losses.append(lost)
        return None, min(losses, key=len)

    def _to_deployable(self, release: Release, store: ReleaseFileStore) -> DeployableRelease:
        name = self.releases.address_of(release.version)
        paths = store.local_paths(release.manifest)
        # Files that were fetched from another kind of store are uploaded like new ones.
        sources = () if paths and store is not self.file_stores[0] else store.sources
        staged = replace(staged_release(release, name), contents=paths, sources=sources)
        note = f"deployed from {name}: built by {release.builder}"
        return DeployableRelease(staged, self._fetch_library(release.library, store), note)

    def _fetch_library(
        self, library: RecordedLibrary | None, store: ReleaseFileStore
    ) -> Library | None:
        """Fetch the library's files into the run's folder; the pom has the version already."""
        configured = self.context.config.library
        if library is None or configured is None:
            return None
        paths = [self.context.run_folder / Path(file.path).name for file in library.files]
        for file, path in zip(library.files, paths, strict=True):
            store.fetch(file.sha1, path)
        jar, pom = paths
        return Library(jar, pom, configured.classifier)

    def _library_files(self, library: LocalLibrary | None) -> Mapping[str, Path]:
        """The library's files on this machine by SHA-1; what is in memory is written to one."""
        paths: dict[str, Path] = {}
        for file in library.files if library else ():
            path = self.context.run_folder / file.name
            if isinstance(file.content, Path):
                path = file.content
            else:
                write_private(path, file.content)
            paths[file.checksums.sha1] = path
        return paths

    def _of_another_commit(self, release: Release, theirs: Commit, ours: Commit) -> Refused:
        return Refused(
            f"version {self.version} was built from another commit; nothing was changed",
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
            f"version {self.version} was built before with {what}, and cannot change",
            details=[
                f"{self.releases.address_of(self.version)}: built by {before.builder}",
                "--replace replaces the record, and the version wherever it has no traffic",
            ],
            hint=f"Give the new build a tag of its own. {_STAGING_BUCKETS_EXPIRE}",
        )


def staged_release(release: Release, address: str) -> StagedApp:
    """A recorded release, as far as its record tells: without the content of its files."""
    app = parse(release.app_yaml, f"app.yaml in {address}")
    return StagedApp(
        app, release.app_yaml, release.manifest, release.configs, (), {}, built=release.descriptor
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
        descriptor=staged.built,
    )


def _library_release(library: LocalLibrary) -> RecordedLibrary:
    files = tuple(
        LibraryFile(file.path, sums.size, sums.sha1, sums.sha256)
        for file in library.files
        for sums in [file.checksums]
    )
    return RecordedLibrary(str(library.coordinates), library.version, files)


def open_releases(context: Context, version: str) -> ReleaseStore:
    """The release records and the files of releases, where the configuration puts records.

    In a bucket of the fleet's own, files are below ``objects/``. In UAT1's staging bucket
    they are among the staged files, which its lifecycle rules delete after some days. Raises
    ServiceError where there are no usable credentials.
    """
    config, clients = context.config, context.clients
    records = open_release_records(context)
    commit = context.source.commit
    trunk_version = commit_version(commit) if commit and config.build.reuse else None
    if isinstance(config.records, LocalRecords):
        folder = context.home / "records" / "objects"
        return ReleaseStore(context, version, records, [FolderFileStore(folder)], trunk_version)
    place = config.records
    # App Engine names the staging buckets after their projects.
    projects = dict.fromkeys(i.project for i in config.fleet.instances if not i.skip)
    staging_buckets = [BucketFolder(staging_bucket(project)) for project in projects]
    clients.buckets.keep_listing(place.bucket)  # it may be a staging bucket, too
    files = BucketFileStore(
        clients.buckets,
        BucketFolder(place.bucket, f"{place.prefix}objects/" if place.own else ""),
        () if place.own else staging_buckets,
    )
    archives = ZipFileStore(files, context.run_folder)
    zipped = config.upload is UploadMode.ZIP
    return ReleaseStore(
        context, version, records, (archives, files) if zipped else (files, archives), trunk_version
    )


def open_release_records(context: Context) -> Releases:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    common = open_records(context.config, context.clients, context.home).common
    match context.config.records:
        case BucketRecords(bucket, prefix):
            return Releases(common, f"gs://{bucket}/{prefix}")
        case _:
            return Releases(common, str(context.home / "records"))


def _paths(release: Release) -> dict[str, str]:
    return {file.path: file.sha1 for file in release.manifest.files}
