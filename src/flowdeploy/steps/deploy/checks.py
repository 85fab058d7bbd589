"""Checks the instances of a deploy before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowdeploy.appengine.resources import App
from flowdeploy.checks.deploy import (
    BeforeDeploy,
    deploy_objections,
    is_deployed,
)
from flowdeploy.checks.findings import Finding, group_findings
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.config.values import DescriptorsConfig
from flowdeploy.errors import ConnectionFailed, Refused, ServiceError
from flowdeploy.planning.plan import Deploy
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps import observe
from flowdeploy.steps.context import Permissions
from flowdeploy.steps.deploy.deploy import BeforeLive, DeployTarget
from flowdeploy.steps.deploy.package import VersionPackage, make_packages
from flowdeploy.steps.deploy.upload.uploader import FileUploader, Uploader
from flowdeploy.steps.staging import StagedApp

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets


@dataclass(frozen=True, slots=True)
class DeployBatch:
    """Deploys of one application."""

    steps: Sequence[Deploy]
    staged: StagedApp


@dataclass(slots=True)
class DeployChecks:
    """Checks instances, and has their targets for the deploys that follow.

    ``descriptors`` is the folder of the instances' own appengine-web.xml, if they have any;
    ``make_uploader`` makes the uploader for all packages; ``before_live`` does what is due
    between the creation of a version and its traffic.
    """

    clients: GoogleClients
    descriptors: DescriptorsConfig | None
    before_live: BeforeLive
    make_uploader: Callable[[Buckets, Collection[VersionPackage]], Uploader] = FileUploader
    _apps: dict[str, App] = field(default_factory=dict)
    _packages: dict[str, VersionPackage] = field(default_factory=dict)
    _uploader: Uploader | None = None

    def check(
        self,
        batches: Sequence[DeployBatch],
        permissions: Permissions,
        progress: Callable[[int, int], None],
    ) -> None:
        """Raises Refused with all findings, ConnectionFailed where there is no connection."""
        if findings := self.findings(batches, permissions, progress):
            raise Refused(
                "the deploy is refused, and no instance was changed",
                details=group_findings(findings),
            )

    def findings(
        self,
        batches: Sequence[DeployBatch],
        permissions: Permissions,
        progress: Callable[[int, int], None],
    ) -> list[Finding]:
        """Look at every instance; the reasons against its deploy, sorted by instance.

        Raises Refused where the folder of descriptors is missing; ConnectionFailed where
        there is no connection.
        """
        findings: list[Finding] = []
        self._packages = {}
        for batch in batches:
            packed, refused = make_packages(
                batch.steps, batch.staged, permissions, self.descriptors
            )
            self._packages |= packed
            findings += refused
        steps = [step for batch in batches for step in batch.steps]
        self._uploader = self._uploader or self.make_uploader(
            self.clients.buckets, tuple(self._packages.values())
        )
        looks = map_in_threads(self._look, steps, self.clients.connections)
        for count, (step, observed) in enumerate(looks, 1):
            progress(count, len(steps))
            findings += self._findings(step, observed)
        return sorted(findings, key=lambda finding: finding.instance)

    def target(self, step: Deploy) -> DeployTarget:
        """The target of a step that has passed the checks."""
        name = step.instance.id
        assert self._uploader is not None  # noqa: S101  (made by the checks)
        return DeployTarget(
            self.clients.engine,
            self._apps[name],
            self._packages[name],
            self._uploader,
            self.before_live,
        )

    def _look(self, step: Deploy) -> BeforeDeploy | ServiceError:
        try:
            observed = observe.before_deploy(self.clients.engine, step.instance, str(step.version))
            package = self._packages.get(step.instance.id)
            needs_files = package is not None and not is_deployed(package.wanted, observed)
            if observed.app and self._uploader and needs_files:
                # All buckets are listed before the first upload.
                self._uploader.look(observed.app.code_bucket)
        except ServiceError as error:
            return error
        return observed

    def _findings(self, step: Deploy, observed: BeforeDeploy | ServiceError) -> list[Finding]:
        name, project = step.instance.id, step.instance.project
        if isinstance(observed, ConnectionFailed):
            raise observed
        if isinstance(observed, ServiceError):
            text = " ".join(filter(None, (f"{observed.message}.", observed.hint)))
            return [Finding(name, text, project)]
        if observed.app:
            self._apps[name] = observed.app
        package = self._packages.get(name)
        if package is None:
            return []
        found = deploy_objections(package.wanted, observed)
        return [Finding(name, each, project) for each in found]
