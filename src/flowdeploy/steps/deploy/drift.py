"""Compares instances with what they should be by the files on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass

from flowdeploy.appengine.app_yaml import AppYaml
from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.appengine.resources import DeployedVersion
from flowdeploy.checks import drift
from flowdeploy.checks.drift import FILES, Difference
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.version_settings import version_settings
from flowdeploy.config.values import DescriptorsConfig
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.revisions import revisions_of
from flowdeploy.steps.deploy.descriptors import (
    InstanceDescriptor,
    apply_own_settings,
    own_descriptor,
)
from flowdeploy.steps.deploy.package import CommonFiles, archive_name
from flowdeploy.steps.deploy.settings import descriptor_source, source_of
from flowdeploy.steps.staging import StagedApp

ARCHIVE = "the archive"  # in place of a path, where only the name of an archive is known


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference of a version; ``source`` is where the wanted value is written, if anywhere."""

    version: str
    difference: Difference
    source: str | None


@dataclass(frozen=True, slots=True)
class InstanceDrift:
    """The drift of an instance; ``unknown_files`` are the versions whose files are not known."""

    drifts: tuple[Drift, ...]
    unknown_files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DriftComparison:
    """Compares instances with the staged folder, their descriptors and their settings.

    ``staged`` is None where nothing is built; then only the instance's own settings and
    descriptor are compared. With a ``version`` all files of that version are compared, or of
    the revision of it that is live. Without one the live versions are, but only the descriptor
    of their files: the staged folder may be of another version.
    """

    engine: AppEngine
    staged: StagedApp | None
    descriptors: DescriptorsConfig | None
    version: str | None = None

    def compare(self, instance: Instance) -> InstanceDrift:
        """Find all differences. Raises ServiceError, and Refused for a bad descriptor."""
        own = own_descriptor(self.descriptors, instance)
        drifts: list[Drift] = []
        unknown: list[str] = []
        for version, deployed in self._versions(instance):
            files = self._file_differences(own, deployed)
            if files is None:
                unknown.append(version)
            drifts += self._version_drifts(instance, own, version, deployed, files or ())
        return InstanceDrift(tuple(drifts), tuple(unknown))

    def _versions(self, instance: Instance) -> Iterator[tuple[str, DeployedVersion]]:
        where = (instance.project, instance.service)
        split = self.engine.split(*where)
        versions = split.live if split else ()
        if self.version:  # or the revision of it that is live
            versions = revisions_of(self.version, versions)[:1] or (self.version,)
        for version in versions:
            deployed = self.engine.find_version(*where, version)
            if deployed:
                yield version, deployed

    def _version_drifts(
        self,
        instance: Instance,
        own: InstanceDescriptor | None,
        version: str,
        deployed: DeployedVersion,
        files: tuple[Difference, ...],
    ) -> Iterator[Drift]:
        actual = deployed.settings or {}
        runtime = {"runtime": str(actual.get("runtime"))}
        minimal = AppYaml("app.yaml", runtime, {}, {"runtime": "app.yaml"})
        base = self.staged.app if self.staged else minimal
        app = apply_own_settings(base, instance, own)
        settings = drift.compare_settings(version_settings(app.fields), actual)
        for difference in (*files, *settings):
            if self.staged or difference.wanted is not None:
                yield Drift(version, difference, _source(difference, app, instance, own))

    def _file_differences(
        self, own: InstanceDescriptor | None, deployed: DeployedVersion
    ) -> tuple[Difference, ...] | None:
        """None where the files cannot be compared.

        An archive can only be compared as a whole: its name is the digest of all its files.
        """
        wanted = {own.file.path: own.file.sha1} if own else {}
        if self.version and self.staged:
            common = CommonFiles.of(self.staged, self.descriptors)
            if deployed.files is not None:
                return drift.compare_files({**common.paths, **wanted}, deployed.files)
            if deployed.archive is not None:
                manifest = common.manifest.with_file(own.file) if own else common.manifest
                archive = {ARCHIVE: archive_name(manifest)}
                return drift.compare_files(archive, {ARCHIVE: deployed.archive})
        if deployed.files is None:
            return None
        actual = {path: deployed.files[path] for path in wanted.keys() & deployed.files.keys()}
        return drift.compare_files(wanted, actual)


def _source(
    difference: Difference, app: AppYaml, instance: Instance, own: InstanceDescriptor | None
) -> str | None:
    if difference.field == FILES:
        return descriptor_source(instance) if [*difference.wanted] == [DEPLOYED_AS] else None
    head = difference.field.partition(".")[0]
    key = difference.field if difference.field in app.origins else head
    return source_of(key, app, instance, own) if key in app.origins else None
