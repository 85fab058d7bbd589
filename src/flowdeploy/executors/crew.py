"""Carries a plan out: who does which step, and what is looked at before the first change.

What a plan does not need is not loaded: a feature branch builds and publishes
without Google's libraries, and without an identity there.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, assert_never

from flowdeploy.endpoints import Endpoints
from flowdeploy.executors import build, staging
from flowdeploy.executors.job import Job, Watcher
from flowdeploy.executors.library import Library, Repository
from flowdeploy.executors.staging import Staged
from flowdeploy.maven.clojars import api_of
from flowdeploy.plan import Build, Deploy, Promote, Publish, Stage, Step, Verify, instance_of
from flowdeploy.refs import Kind
from flowdeploy.report import Outcome
from flowdeploy.rollout import Done, Notify, Running

if TYPE_CHECKING:
    from flowdeploy.executors.instances import Instances


class WorkCrew:
    """The rollout's crew for real work (see `flowdeploy.rollout.Crew`), one for each run."""

    def __init__(self, job: Job, watcher: Watcher) -> None:
        self._job = job
        self._watcher = watcher
        self._staged: Staged | None = None
        self._changing = False

    @property
    def not_applied(self) -> tuple[str, ...] | None:
        """Files of the staged folder that take no effect; None before the build."""
        return self._staged.configs if self._staged else self._job.plan.not_applied

    def enter(self, stage: Stage) -> None:
        """Before the first stage: there is an identity to work with. Before the library is
        published, and once more before the first instance is changed: nothing speaks
        against any deploy of any stage."""
        if stage is self._job.plan.stages[0] and self._touches_instances():
            self._watcher.said(f"working as {self._instances.cloud.identity}")
        if stage.name == "publish" or (stage.changes_instances and not self._changing):
            self._check_deploys()
        self._changing = self._changing or stage.changes_instances

    def perform(self, step: Step, notify: Notify) -> Running:
        match step:
            case Build():
                return self._build()
            case Publish():
                return self._publish(step, notify)
            case Deploy():
                return self._instances.deploy(step, notify)
            case Verify():
                return self._instances.verify(step)
            case Promote():
                return self._instances.promote(step, notify)
            case _:
                assert_never(step)

    @cached_property
    def _instances(self) -> Instances:
        from flowdeploy.executors.cloud import Cloud
        from flowdeploy.executors.instances import Instances

        return Instances(Cloud.connect(self._job.endpoints, self._job.connections))

    def _touches_instances(self) -> bool:
        stages = self._job.plan.stages
        return any(instance_of(step) for stage in stages for step in stage.steps)

    def _check_deploys(self) -> None:
        steps = [
            step
            for stage in self._job.plan.stages
            for step in stage.steps
            if isinstance(step, Deploy)
        ]
        if steps and self._staged:
            self._instances.check(steps, self._staged, self._job.orders, self._watcher.checking)

    def _build(self) -> Running:
        """Run the commands, unless an earlier job has; then read what they made."""
        config = self._job.config
        if not self._job.orders.prebuilt:
            build.run(
                config.build,
                environ=self._job.site.environ,
                variables=self._versions(),
                pull_request=self._job.plan.kind == Kind.PULL_REQUEST,
                log=self._job.site.run_folder / "build.log",
                echo=self._watcher.build_line,
            )
        if self._touches_instances():
            self._staged = staging.read(
                config.build.staging, exclude=(self._job.site.home, config.path)
            )
        yield from ()
        outcome = Outcome.UNCHANGED if self._job.orders.prebuilt else Outcome.DONE
        return Done(outcome, notes=self._staged.warnings if self._staged else ())

    def _versions(self) -> dict[str, str]:
        """What the build is told of the plan."""
        told = {
            "FLOWDEPLOY_VERSION": self._job.plan.version,
            "FLOWDEPLOY_LIBRARY_VERSION": self._job.plan.library_version,
        }
        return {name: value for name, value in told.items() if value}

    def _publish(self, step: Publish, notify: Notify) -> Running:
        from flowdeploy.executors import clojars

        library = self._job.config.library
        assert library is not None  # noqa: S101  (without one the plan has no such step)
        repository = repository_of(library.repository, self._job.endpoints)
        published = clojars.publish(
            Library(library.jar, library.pom, library.classifier),
            str(step.version),
            repository,
            commit_in_version=True,
            progress=notify,
            lock=self._job.site.home / "library.lock",
        )
        yield from ()
        outcome = Outcome.UNCHANGED if published.unchanged else Outcome.DONE
        # Where the library is for everybody, also when the sandbox stands in.
        url = library.repository + published.url.removeprefix(repository.url)
        return Done(outcome, url=url, notes=published.warnings)


def repository_of(configured: str, endpoints: Endpoints) -> Repository:
    """Where the library goes: as configured, unless the endpoints say otherwise."""
    url = endpoints.library or configured
    account = endpoints.account
    return Repository(
        url,
        endpoints.library_api or api_of(url),
        account.user if account else "",
        account.token if account else "",
    )
