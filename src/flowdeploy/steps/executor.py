"""Carries a plan out: who does which step, and what is looked at before the first change.

What a plan does not need is not loaded: with local records a feature branch builds
and publishes without Google's libraries, and without an identity there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, assert_never

from flowdeploy.config import HealthConfig
from flowdeploy.errors import Refused
from flowdeploy.planning.configure_steps import by_instance, configured
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import (
    Build,
    Configure,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Publish,
    Stage,
    StageKind,
    Step,
    Verify,
    instance_of,
)
from flowdeploy.report import Outcome, StepReport
from flowdeploy.rollout import Done, Listener, Notify, Pause, Running
from flowdeploy.steps import staging
from flowdeploy.steps.artifacts import Artifacts
from flowdeploy.steps.context import Context
from flowdeploy.steps.journal import RunJournal, roles
from flowdeploy.steps.publish.library import Library, LibraryRelease

if TYPE_CHECKING:
    from flowdeploy.clients.cloud import GoogleClients
    from flowdeploy.steps.configuration.apply import Configurator
    from flowdeploy.steps.deploy.checks import Instances
    from flowdeploy.steps.history import RunHistory
    from flowdeploy.steps.publish.publish import Publishing
    from flowdeploy.steps.release.releases import ReleaseStore
    from flowdeploy.steps.traffic.verify import Gate


class PlanExecutor:
    """The rollout's crew for real work (see `flowdeploy.rollout.Crew`), one for each run."""

    def __init__(self, job: Context, listener: Listener) -> None:
        self.plan = job.plan
        self.logbook = RunJournal(job, lambda: self._cloud)
        self._job = job
        self._listener = listener
        self._product = Artifacts(job, listener, lambda: self._archive)
        self._begun = False
        self._changing = False

    def close(self) -> None:
        """Let others have the instances again."""
        self.logbook.release()

    def enter(self, stage: Stage) -> None:
        """Before the first stage: there is an identity to work with, and what was released
        before is known. Before the library is published, and once more before the first
        instance is changed: nothing speaks against publishing it, nor against any deploy
        of any stage, and what was built is kept. From the first look at an instance on that
        leads to a change, nobody else changes any of the same role."""
        if not self._begun:
            self._begun = True
            self._begin()
            stage = self.plan.stages[0]
        self._refine()
        if any(map(instance_of, stage.steps)):
            self.logbook.lock(self._listener.waiting)
        if stage.kind is StageKind.PUBLISH:
            _all_of(self._check_library, self._check_deploys)
            self._product.keep(self._library())
        elif stage.changes_instances and not self._changing:
            self._check_deploys()
            self._product.keep(self._library())
        if checks := [step for step in stage.steps if isinstance(step, Verify)]:
            self._gate.look(checks, self._listener.checking)
        self._changing = self._changing or stage.changes_instances

    def refined(self, _: Plan) -> Plan:
        return self.plan

    def leave(self, steps: Sequence[StepReport]) -> None:
        """After a promotion: the instances are well with their traffic."""
        moved = [each.step for each in steps if each.succeeded and isinstance(each.step, Promote)]
        if moved:
            instances = [step.instance for step in moved]
            self._gate.require_well(instances, self._listener.checking)

    def perform(self, step: Step, notify: Notify) -> Running:
        match step:
            case Build():
                return self._product.build(to_deploy=self.plan.has(Deploy))
            case Publish():
                return self._publishing.publish(step, notify)
            case Deploy():
                return self._instances.deploy(step, notify)
            case Configure():
                return self._configurator.configure(step, notify)
            case Verify():
                return self._gate.verify(step, notify)
            case Promote():
                return self._gate.promote(step, notify)
            case _:
                assert_never(step)

    @cached_property
    def _cloud(self) -> GoogleClients:
        from flowdeploy.clients.cloud import GoogleClients

        return GoogleClients.connect(self._job.endpoints, self._job.connections)

    @cached_property
    def _instances(self) -> Instances:
        from flowdeploy.steps.deploy.checks import Instances
        from flowdeploy.steps.deploy.upload.zipping import zip_delivery

        config = self._job.config
        made = Instances(self._cloud, config.descriptors, before_live=self._before_live)
        if config.upload == "zip":
            made.deliver = partial(zip_delivery, self._job.site.run_folder)
        return made

    def _before_live(self, instance: Instance, notify: Notify) -> Running:
        """What is due between a live deploy's creation of the version and its traffic."""
        if not self._product.configs:
            return Done(Outcome.UNCHANGED)
        return (yield from self._configurator.before_live(instance, str(self.plan.version), notify))

    def _ready(self, instance: Instance, notify: Notify) -> Generator[Pause, None, tuple[str, ...]]:
        """Whether the configuration that comes with an instance's traffic can come."""
        steps = self._configures.get(instance.id, [])
        if steps or self._product.configs:
            yield from self._configurator.ready(instance, steps, notify)
        return self._product.remarks

    @cached_property
    def _configurator(self) -> Configurator:
        """Once the configuration files are known."""
        from flowdeploy.steps.configuration.apply import Configurator
        from flowdeploy.steps.configuration.restore import Restorer

        return Configurator(
            self._cloud,
            Restorer(self._past.require, self._job.orders.force),
            staging.configuration(self._product.configs or {}),
            prune=self._job.config.prune_queues,
        )

    @cached_property
    def _configures(self) -> dict[str, list[Configure]]:
        """The configuration's steps by instance, once its files are known."""
        return by_instance(self.plan)

    @cached_property
    def _past(self) -> RunHistory:
        from flowdeploy.steps.history import RunHistory

        return RunHistory.of(self._job.config, self._job.endpoints, self._job.site.home)

    @cached_property
    def _gate(self) -> Gate:
        from flowdeploy.steps.traffic.verify import Gate

        config, orders = self._job.config, self._job.orders
        health = config.health
        if orders.health_path:
            health = replace(health or HealthConfig(), path=orders.health_path)
        own = config.descriptors is not None
        return Gate(self._cloud, self._ready, health, own_descriptors=own, force=orders.force)

    @cached_property
    def _archive(self) -> ReleaseStore:
        from flowdeploy.steps.release.releases import ReleaseStore

        if self._job.config.records == "local":
            return ReleaseStore.here(self._job)
        return ReleaseStore.of(self._job, self._cloud)

    def _needs_google(self) -> bool:
        """For an instance, or for the record and the lock of a publish."""
        publishes = self.plan.has(Publish) and self._job.config.records != "local"
        return publishes or bool(self.plan.instances)

    def _begin(self) -> None:
        needs_google = self._needs_google()
        if needs_google:
            self._listener.message(f"Identity: {self._cloud.identity}")
        earlier = self._job.earlier
        if self._job.once_alone:
            self.logbook.lock(self._listener.waiting)
            earlier = self._job.once_alone()
        if self._job.replan:
            self.logbook.lock(self._listener.waiting)
            self._replan(self._job.replan())
        shared = needs_google and self._job.config.records != "local"
        self.logbook.begin(self.plan, shared=shared, earlier=earlier)
        if self.plan.has(Build) and self.plan.has(Deploy):
            self._product.recall(with_library=self.plan.has(Publish))
        elif self.plan.has(Deploy):
            self._product.require()
        elif (
            self.plan.version and self.plan.kind is not PlanKind.ROLLBACK and self.plan.has(Promote)
        ):
            self._product.recall_configs(self.plan.version)

    def _replan(self, plan: Plan) -> None:
        """Go on with what is to be done by now. Raises Refused where that needs other locks."""
        if roles(plan) != roles(self.plan):
            raise Refused(
                "a run has changed other instances since this one was planned",
                hint="Run the same command again: it finds them on record now.",
            )
        self.plan = plan

    def _refine(self) -> None:
        """Plan for the configuration files, once they are known."""
        configs = self._product.configs
        if configs is not None and self.plan.configs != tuple(configs):
            planned, self.plan = self.plan, configured(self.plan, tuple(configs))
            if self.plan.stages != planned.stages:
                self.logbook.replan(self.plan)

    def _check_library(self) -> None:
        self._library()

    def _library(self) -> LibraryRelease | None:
        """What is to be published, if anything is. Raises Refused."""
        steps = self.plan.steps_of(Publish)
        return next((self._publishing.check(step) for step in steps), None)

    def _check_deploys(self) -> None:
        steps = self.plan.steps_of(Deploy)
        if steps and (staged := self._product.staged):
            checking = self._listener.checking
            check = partial(self._instances.check, steps, staged, self._job.orders, checking)
            _all_of(check, *self._configuration_checks())

    def _configuration_checks(self) -> Iterator[Callable[[], None]]:
        if self._configures:
            yield partial(self._configurator.check, self._configures, self._listener.checking)

    @cached_property
    def _publishing(self) -> Publishing:
        from flowdeploy.steps.publish.publish import Publishing

        config = self._job.config
        assert config.library is not None  # noqa: S101  (without one no plan has such a step)
        built = Library(config.library.jar, config.library.pom, config.library.classifier)
        store = None if config.records == "local" else self._cloud.records(config)
        return Publishing(
            self._job, self._product.library or built, config.library.repository, store
        )


def _all_of(*checks: Callable[[], None]) -> None:
    """Make every check, then raise one Refused with all that they found."""
    refusals: list[Refused] = []
    for check in checks:
        try:
            check()
        except Refused as refusal:
            refusals.append(refusal)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Refused(
            "the checks refuse this run, and nothing was changed",
            details=[line for refusal in refusals for line in (refusal.message, *refusal.details)],
            hint=next((refusal.hint for refusal in refusals if refusal.hint), None),
        )
