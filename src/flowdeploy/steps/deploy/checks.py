"""The instances of a fleet that are deployed to, seen and changed through Google's services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowdeploy.appengine.resources import App
from flowdeploy.checks.deploy import (
    BeforeDeploy,
    Finding,
    deploy_objections,
    group_findings,
    is_deployed,
)
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.errors import ConnectionFailed, Refused, ServiceError
from flowdeploy.planning.plan import Deploy
from flowdeploy.rollout import Notify, Running
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps import observe
from flowdeploy.steps.context import Permissions
from flowdeploy.steps.deploy.deploy import BeforeLive, Means, at_once, deploy
from flowdeploy.steps.deploy.package import VersionPackage, make_packages
from flowdeploy.steps.deploy.upload.uploader import FileUploader, Uploader
from flowdeploy.steps.staging import StagedApp

if TYPE_CHECKING:
    from flowdeploy.clients.storage import Buckets


@dataclass(slots=True)
class Instances:
    """What is learnt of the apps by the checks serves the deploys.

    ``descriptors`` is the folder of the instances' own appengine-web.xml, if they have any;
    ``deliver`` is how all packages will reach their buckets; ``before_live`` does what is
    due before a version that was created gets the traffic.
    """

    cloud: GoogleClients
    descriptors: Path | None = None
    before_live: BeforeLive = at_once
    deliver: Callable[[Buckets, Collection[VersionPackage]], Uploader] = FileUploader
    _apps: dict[str, App] = field(default_factory=dict)
    _packages: dict[str, VersionPackage] = field(default_factory=dict)
    _delivery: Uploader | None = None

    def check(
        self,
        steps: Sequence[Deploy],
        staged: StagedApp,
        permissions: Permissions,
        progress: Callable[[int, int], None],
    ) -> None:
        """Raises Refused with all findings, ServiceError where App Engine is out of reach."""
        if findings := self.findings(steps, staged, permissions, progress):
            raise Refused(
                "the deploy is refused, and nothing was changed", details=group_findings(findings)
            )

    def findings(
        self,
        steps: Sequence[Deploy],
        staged: StagedApp,
        permissions: Permissions,
        progress: Callable[[int, int], None],
    ) -> list[Finding]:
        """Look at every instance to be deployed to; what speaks against it, by instance.

        Raises ServiceError where App Engine is out of reach.
        """
        self._packages, findings = make_packages(steps, staged, permissions, self.descriptors)
        self._delivery = self._delivery or self.deliver(
            self.cloud.buckets, tuple(self._packages.values())
        )
        looks = map_in_threads(self._look, steps, self.cloud.connections)
        for count, (step, seen) in enumerate(looks, 1):
            progress(count, len(steps))
            findings += self._findings(step, seen)
        return sorted(findings, key=lambda finding: finding.instance)

    def deploy(self, step: Deploy, notify: Notify) -> Running:
        app, package = self._apps[step.instance.id], self._packages[step.instance.id]
        assert self._delivery is not None  # noqa: S101  (made by the check)
        means = Means(self.cloud.engine, self._delivery, self.before_live)
        return deploy(means, step.instance, app, package, notify)

    def _look(self, step: Deploy) -> BeforeDeploy | ServiceError:
        try:
            seen = observe.before_deploy(self.cloud.engine, step.instance, str(step.version))
            self._look_into_bucket(step, seen)
        except ServiceError as error:
            return error
        return seen

    def _look_into_bucket(self, step: Deploy, seen: BeforeDeploy) -> None:
        """Where files will have to be brought: all are known before the first is sent."""
        package = self._packages.get(step.instance.id)
        if seen.app and package and self._delivery and not is_deployed(package.wanted, seen):
            self._delivery.look(seen.app.code_bucket)

    def _findings(self, step: Deploy, seen: BeforeDeploy | ServiceError) -> list[Finding]:
        name = step.instance.id
        if isinstance(seen, ServiceError):
            if isinstance(seen, ConnectionFailed):
                raise seen
            return [Finding(name, " ".join(filter(None, (f"{seen.message}.", seen.hint))))]
        if seen.app:
            self._apps[name] = seen.app
        package = self._packages.get(name)
        if package is None:
            return []
        return [Finding(name, o) for o in deploy_objections(package.wanted, seen)]
