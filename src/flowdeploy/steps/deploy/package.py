"""Packages: the version that each instance gets, and its files."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdeploy.appengine.app_yaml import AppYaml, version_body
from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.appengine.manifest import Manifest, size_problems
from flowdeploy.checks.deploy import WantedVersion
from flowdeploy.checks.findings import Finding
from flowdeploy.clients.files import BucketFolder
from flowdeploy.clients.version_settings import version_settings
from flowdeploy.config.values import DescriptorsConfig
from flowdeploy.errors import Refused
from flowdeploy.planning.plan import Deploy
from flowdeploy.steps.context import Permissions
from flowdeploy.steps.deploy.descriptors import (
    InstanceDescriptor,
    apply_own_settings,
    own_descriptor,
    refusal_findings,
    require_as_built,
    require_folder,
)
from flowdeploy.steps.staging import StagedApp


@dataclass(frozen=True, slots=True)
class CommonFiles:
    """The files that all instances get.

    ``paths`` has the SHA-1 of each, ``contents`` those on this machine by their SHA-1. Where
    each instance has a descriptor of its own, the staged one is left out: it is of one of
    the instances, and may have secrets of that one. ``problems`` are limits that the files
    exceed; ``built`` is what the staged descriptor has decided for all instances.
    """

    app: AppYaml
    manifest: Manifest
    paths: dict[str, str]
    contents: Mapping[str, Path]
    sources: tuple[BucketFolder, ...]
    problems: tuple[str, ...]
    built: Mapping[str, Any] | None

    @classmethod
    def of(cls, staged: StagedApp, descriptors: DescriptorsConfig | None) -> CommonFiles:
        replaced = DEPLOYED_AS if descriptors else None
        files = tuple(file for file in staged.manifest.files if file.path != replaced)
        hashes = {file.sha1 for file in files}
        manifest = Manifest(files)
        return cls(
            staged.app,
            manifest,
            {file.path: file.sha1 for file in files},
            {sha1: path for sha1, path in staged.contents.items() if sha1 in hashes},
            staged.sources,
            size_problems(manifest),
            staged.built,
        )


@dataclass(frozen=True, slots=True)
class VersionPackage:
    """A version to create. ``app`` has the instance's own settings, ``manifest`` all files.

    ``common`` are the files that all instances get and ``own`` those of this one alone,
    on this machine by their SHA-1; ``sources`` are buckets that have those of the common
    files that are not here.
    """

    wanted: WantedVersion
    app: AppYaml
    manifest: Manifest
    common: Mapping[str, Path]
    own: Mapping[str, Path]
    sources: tuple[BucketFolder, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def contents(self) -> Mapping[str, Path]:
        return {**self.common, **self.own}

    def to_version_body(self, bucket: str) -> dict[str, Any]:
        """The JSON of versions.create for files that are in ``bucket``."""
        return version_body(self.app, self.wanted.version, self.manifest, bucket)


def make_packages(
    steps: Sequence[Deploy],
    staged: StagedApp,
    permissions: Permissions,
    descriptors: DescriptorsConfig | None,
) -> tuple[dict[str, VersionPackage], list[Finding]]:
    """The package of each instance, by id, and the findings for those that get none.

    Raises Refused where the folder of ``descriptors`` is missing.
    """
    require_folder(descriptors)
    common = CommonFiles.of(staged, descriptors)
    packed: dict[str, VersionPackage] = {}
    findings: list[Finding] = []
    for step in steps:
        try:
            own = own_descriptor(descriptors, step.instance)
            packed[step.instance.id] = _make_package(step, common, own, permissions)
        except Refused as refused:
            findings += refusal_findings(step.instance, refused)
    return packed, findings


def _make_package(
    step: Deploy, common: CommonFiles, own: InstanceDescriptor | None, permissions: Permissions
) -> VersionPackage:
    notes = require_as_built(own, common.built)
    app = apply_own_settings(common.app, step.instance, own)
    _check_service(step, common.app)
    replaced = {own.file.path: own.file.sha1} if own else {}
    manifest = common.manifest.with_file(own.file) if own else common.manifest
    if problems := size_problems(manifest) if own else common.problems:
        raise Refused(
            f"App Engine does not take the files of {step.instance.id}",
            details=problems,
            hint="Leave them out of the build, or list them in .gcloudignore.",
        )
    wanted = WantedVersion(
        str(step.version),
        step.traffic,
        ChainMap(replaced, common.paths) if own else common.paths,
        version_settings(app.fields),
        archive_name(manifest),
        first_live=permissions.first_live,
        replace=permissions.replace,
        allow_older=permissions.allow_older,
    )
    return VersionPackage(
        wanted,
        app,
        manifest,
        common.contents,
        {own.file.sha1: own.path} if own else {},
        common.sources,
        (*notes, *app.warnings[len(common.app.warnings) :]),
    )


def archive_name(files: Manifest) -> str:
    """The name of an archive's object; archives of the same name have the same files."""
    return f"{files.digest}.zip"


def _check_service(step: Deploy, app: AppYaml) -> None:
    instance = step.instance
    if app.service not in ("default", instance.service):
        raise Refused(
            f"{app.source} is for the service {app.service},"
            f" and {instance.id} is the service {instance.service}",
            hint="Write the instance's `service` in the configuration, or take it out of app.yaml.",
        )
