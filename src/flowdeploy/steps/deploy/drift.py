"""Compares instances with what they should be by the files on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.appengine.app_yaml import AppYaml
from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.appengine.resources import DeployedVersion
from flowdeploy.checks import drift
from flowdeploy.checks.drift import FILES, Difference
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.version_settings import version_settings
from flowdeploy.planning.fleet import Instance
from flowdeploy.steps.deploy.descriptors import (
    InstanceDescriptor,
    apply_own_settings,
    own_descriptor,
)
from flowdeploy.steps.deploy.package import CommonFiles, archive_name
from flowdeploy.steps.deploy.settings import descriptor_source, source_of
from flowdeploy.steps.staging import StagedApp


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
    descriptor are compared. With a ``version`` all files of that version are compared.
    Without one the live versions are, but only the descriptor of their files: the staged
    folder may be of another version.
    """

    engine: AppEngine
    staged: StagedApp | None
    descriptors: Path | None
    version: str | None = None

    def compare(self, instance: Instance) -> InstanceDrift:
        """Find all differences. Raises ServiceError, and Refused for a bad descriptor."""
        own = own_descriptor(self.descriptors, instance)
        versions = tuple(self._versions(instance))
        drifts = (
            each
            for version, deployed in versions
            for each in self._version_drifts(instance, own, version, deployed)
        )
        unknown = (version for version, deployed in versions if not self._has_files(deployed))
        return InstanceDrift(tuple(drifts), tuple(unknown))

    @property
    def _compares_all_files(self) -> bool:
        return bool(self.version and self.staged)

    def _has_files(self, deployed: DeployedVersion) -> bool:
        """Whether files can be compared. An archive can only be compared as a whole."""
        if deployed.files is not None:
            return True
        return deployed.archive is not None and self._compares_all_files

    def _versions(self, instance: Instance) -> Iterator[tuple[str, DeployedVersion]]:
        where = (instance.project, instance.service)
        split = self.engine.split(*where)
        live = split.live if split else ()
        for version in (self.version,) if self.version else live:
            deployed = self.engine.find_version(*where, version)
            if deployed:
                yield version, deployed

    def _version_drifts(
        self,
        instance: Instance,
        own: InstanceDescriptor | None,
        version: str,
        deployed: DeployedVersion,
    ) -> Iterator[Drift]:
        actual = deployed.settings or {}
        base = self.staged.app if self.staged else _minimal_app(str(actual.get("runtime")))
        app = apply_own_settings(base, instance, own)
        settings = drift.compare_settings(version_settings(app.fields), actual)
        for difference in (*self._file_differences(own, deployed), *settings):
            if self.staged or difference.wanted is not None:
                yield Drift(version, difference, _source(difference, app, instance, own))

    def _file_differences(
        self, own: InstanceDescriptor | None, deployed: DeployedVersion
    ) -> tuple[Difference, ...]:
        """Empty where App Engine does not report the files."""
        if deployed.files is None:
            return self._archive_differences(own, deployed.archive)
        wanted = {own.file.path: own.file.sha1} if own else {}
        if self.version and self.staged:
            common = CommonFiles.of(self.staged, self.descriptors)
            return drift.compare_files({**common.paths, **wanted}, deployed.files)
        actual = {path: deployed.files[path] for path in wanted.keys() & deployed.files.keys()}
        return drift.compare_files(wanted, actual)

    def _archive_differences(
        self, own: InstanceDescriptor | None, actual: str | None
    ) -> tuple[Difference, ...]:
        """Compares the name of the archive, which is the digest of all its files."""
        if actual is None or not (self.version and self.staged):
            return ()
        common = CommonFiles.of(self.staged, self.descriptors).manifest
        wanted = archive_name(common.with_file(own.file) if own else common)
        return drift.compare_files({"the archive": wanted}, {"the archive": actual})


def _minimal_app(runtime: str) -> AppYaml:
    """An app.yaml with nothing but the runtime."""
    return AppYaml("app.yaml", {"runtime": runtime}, {}, {"runtime": "app.yaml"})


def _source(
    difference: Difference, app: AppYaml, instance: Instance, own: InstanceDescriptor | None
) -> str | None:
    if difference.field == FILES:
        return descriptor_source(instance) if [*difference.wanted] == [DEPLOYED_AS] else None
    head = difference.field.partition(".")[0]
    key = difference.field if difference.field in app.origins else head
    return source_of(key, app, instance, own) if key in app.origins else None
