"""How each instance should be by what is on this machine now, and how far it is from that."""

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
from flowdeploy.steps.deploy.descriptors import InstanceDescriptor, own_descriptor, settled
from flowdeploy.steps.deploy.package import Common, archive_name
from flowdeploy.steps.deploy.settings import descriptor_source, source_of
from flowdeploy.steps.staging import Staged


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference of a version, and where it is written how it should be (None: nowhere)."""

    version: str
    difference: Difference
    source: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What is different on an instance; ``untold`` are versions whose files nobody can know."""

    drifts: tuple[Drift, ...]
    untold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drifting:
    """Compares instances with the staged folder, their descriptors and their settings.

    ``staged`` is None where nothing is built: then only what an instance has of its
    own is compared. Of ``version`` all files are compared; where it is None, the live
    versions are, but of their files only the descriptor, for nobody knows whether the
    staged folder is of the same version.
    """

    engine: AppEngine
    staged: Staged | None
    descriptors: Path | None
    version: str | None = None

    def of(self, instance: Instance) -> Compared:
        """All that is different. Raises ServiceError, and Refused for a bad descriptor."""
        own = own_descriptor(self.descriptors, instance)
        seen = tuple(self._versions(instance))
        drifts = (
            found
            for version, deployed in seen
            for found in self._compared(instance, own, version, deployed)
        )
        untold = (version for version, deployed in seen if not self._is_told(deployed))
        return Compared(tuple(drifts), tuple(untold))

    def _is_told(self, deployed: DeployedVersion) -> bool:
        """Whether files can be compared: an archive only as a whole, with what is staged."""
        whole = bool(self.version and self.staged)
        return deployed.files is not None or (deployed.archive is not None and whole)

    def _versions(self, instance: Instance) -> Iterator[tuple[str, DeployedVersion]]:
        where = (instance.project, instance.service)
        split = self.engine.split(*where)
        live = split.live if split else ()
        for version in (self.version,) if self.version else live:
            deployed = self.engine.find_version(*where, version)
            if deployed:
                yield version, deployed

    def _compared(
        self,
        instance: Instance,
        own: InstanceDescriptor | None,
        version: str,
        deployed: DeployedVersion,
    ) -> Iterator[Drift]:
        there = deployed.settings or {}
        base = self.staged.app if self.staged else _bare(str(there.get("runtime")))
        app = settled(base, instance, own)
        found = drift.of_settings(version_settings(app.fields), there)
        for difference in (*self._files(own, deployed), *found):
            if self.staged or difference.wanted is not None:
                yield Drift(version, difference, _source(difference, app, instance, own))

    def _files(
        self, own: InstanceDescriptor | None, deployed: DeployedVersion
    ) -> tuple[Difference, ...]:
        """Nothing where App Engine does not say which files there are.

        An archive is told by its name, which is the digest of all files.
        """
        if deployed.files is None:
            return self._archive(own, deployed.archive)
        wanted = {own.file.path: own.file.sha1} if own else {}
        if self.version and self.staged:
            common = Common.of(self.staged, self.descriptors)
            return drift.of_files({**common.paths, **wanted}, deployed.files)
        there = {path: deployed.files[path] for path in wanted.keys() & deployed.files.keys()}
        return drift.of_files(wanted, there)

    def _archive(self, own: InstanceDescriptor | None, there: str | None) -> tuple[Difference, ...]:
        if there is None or not (self.version and self.staged):
            return ()
        common = Common.of(self.staged, self.descriptors).manifest
        wanted = archive_name(common.with_file(own.file) if own else common)
        return drift.of_files({"the archive": wanted}, {"the archive": there})


def _bare(runtime: str) -> AppYaml:
    """An app.yaml that says nothing but what a version runs on."""
    return AppYaml("app.yaml", {"runtime": runtime}, {}, {"runtime": "app.yaml"})


def _source(
    difference: Difference, app: AppYaml, instance: Instance, own: InstanceDescriptor | None
) -> str | None:
    if difference.field == FILES:
        return descriptor_source(instance) if [*difference.wanted] == [DEPLOYED_AS] else None
    head = difference.field.partition(".")[0]
    key = difference.field if difference.field in app.origins else head
    return source_of(key, app, instance, own) if key in app.origins else None
