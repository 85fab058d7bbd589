"""Runs the steps of a plan for real, after the checks that come before the first change."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

from flowdeploy.checks.findings import Finding, run_all_checks
from flowdeploy.config.values import LocalRecords
from flowdeploy.errors import FlowdeployError, Refused
from flowdeploy.planning.configure_steps import add_configuration_steps, configure_steps_by_instance
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.pipelines import choose_versions, revised_versions
from flowdeploy.planning.plan import (
    Build,
    Configure,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Publish,
    StageKind,
    Step,
    Verify,
)
from flowdeploy.records.runs import Run
from flowdeploy.report import Outcome, StepReport
from flowdeploy.rollout.contract import Done, Listener, Notify, Pause, Running
from flowdeploy.steps import staging
from flowdeploy.steps.artifacts import Artifacts
from flowdeploy.steps.context import Context
from flowdeploy.steps.deploy.descriptors import find_equal_descriptors
from flowdeploy.steps.journal import RunJournal
from flowdeploy.steps.release.release_store import open_release_records, open_releases
from flowdeploy.steps.services import (
    make_configurator,
    make_deploy_checks,
    make_gate,
    make_publishing,
)

if TYPE_CHECKING:
    from flowdeploy.steps.configuration.update import ConfigurationUpdater
    from flowdeploy.steps.deploy.checks import DeployChecks
    from flowdeploy.steps.publish.library import LibraryRelease
    from flowdeploy.steps.publish.publish import LibraryPublisher
    from flowdeploy.steps.release.release_store import ReleaseStore
    from flowdeploy.steps.traffic.verify import Gate

Replan = Callable[[], tuple[Plan, Run | None]]
"""Plans again, for a plan that follows from the records; called with the locks held.

The plan, and the record of the run being resumed. Raises Refused where nothing is left to do.
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """The changes a run would make and the reasons to refuse it, from the current state.

    ``changes`` are those of the configuration beside app.yaml, by instance, a line each; None
    where they cannot be known, and ``remarks`` say why.
    """

    plan: Plan
    changes: Mapping[str, tuple[str, ...]] | None
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()


class PlanExecutor:
    """The rollout's executor (see `flowdeploy.rollout.contract.Executor`), one for each run.

    What a plan does not need is not made: with local records a feature branch builds and
    publishes without Google's libraries, and without an identity there.
    """

    # Made by `_prepare_services`, as far as the plan's steps need them.
    _configurator: ConfigurationUpdater
    _gate: Gate
    _deploy_checks: DeployChecks
    _publishing: LibraryPublisher
    _releases: ReleaseStore

    def __init__(
        self, plan: Plan, context: Context, listener: Listener, replan: Replan | None = None
    ) -> None:
        self.plan = plan
        self.journal = RunJournal(context)
        self.remarks: tuple[str, ...] = ()  # for the report
        self._context = context
        self._listener = listener
        self._replan = replan
        self._artifacts = Artifacts(context, listener)
        self._is_changing = False
        self._configs: Mapping[str, str] | None = None
        self._configures: Mapping[str, Sequence[Configure]] = {}

    def close(self) -> None:
        """Release the locks."""
        self.journal.release()

    def prepare(self, index: int) -> Plan:
        """Get ready for a stage; the plan as it is known now.

        The order is that of the command line's contract. First the identity and the record of
        the run; then the locks, before the first look at an instance that leads to a change.
        All checks of all stages come before the library is published, and again before the
        first instance is changed; by then the release record is written. Raises
        FlowdeployError where the run must end here.
        """
        if index == 0:
            self._open()
        self._add_configuration_steps()
        stage = self.plan.stages[index]
        if stage.instances:
            self.journal.lock(self.plan, self._listener.waiting)
        is_first_change = stage.changes_instances and not self._is_changing
        if stage.kind is StageKind.PUBLISH or is_first_change:
            checks = [self._library_release] if stage.kind is StageKind.PUBLISH else []
            self._check_and_save([*checks, self._check_deploys])
        self._look_before_promotion(index, self._listener.checking)
        self._is_changing = self._is_changing or stage.changes_instances
        return self.plan

    def perform(self, step: Step, notify: Notify) -> Running:
        match step:
            case Build():
                releases = self._releases if self.plan.has(Deploy) else None
                return self._artifacts.build(self.plan, releases)
            case Publish():
                return self._publishing.publish(self._artifacts.require_library(), step, notify)
            case Deploy():
                return self._deploy(step, notify)
            case Configure():
                return self._configurator.update(step, notify)
            case Verify():
                return self._gate.verify(step, notify)
            case Promote():
                from flowdeploy.steps.traffic.move import move_traffic

                return move_traffic(step, self._gate.approve(step, notify), notify)
            case _:
                assert_never(step)

    def leave(self, steps: Sequence[StepReport]) -> None:
        """After a promotion: require that the instances are healthy with their traffic."""
        moved = [each.step for each in steps if each.succeeded and isinstance(each.step, Promote)]
        if moved:
            instances = [step.instance for step in moved]
            self._gate.require_health(instances, self._listener.checking)

    def preview(self) -> Preview:
        """Run the checks of this plan, and nothing else: no lock, no record, no change.

        If the plan builds, the files of an earlier build are checked, if there are any. Raises
        ServiceError where there are no usable credentials, or App Engine cannot be reached;
        Refused where the configuration files of the version cannot be used.
        """
        if self.plan.instances:
            self._context.clients.authenticate()
        self._prepare_services()
        remarks = self._read_artifacts()
        self._add_configuration_steps()
        findings = list(self._deploy_findings())
        if not self.plan.has(Deploy):  # what is not deployed yet is not ready
            for index in range(len(self.plan.stages)):
                self._look_before_promotion(index, _ignore_progress)
            if verifies := self.plan.steps_of(Verify):
                findings += self._gate.findings(verifies)
        changes = None
        if self.plan.instances:
            try:
                changes, refusals = self._configurator.preview(self.plan)
                findings += refusals
            except FlowdeployError as error:
                remarks += (f"the configuration could not be compared: {error}",)
        return Preview(self.plan, changes, tuple(findings), remarks)

    def _open(self) -> None:
        """Establish the identity, plan again where the records decide, begin the record.

        Raises Refused where the new plan needs other locks than those that are held.
        """
        # For an instance, or for the shared record and lock of a publish.
        shares = not isinstance(self._context.config.records, LocalRecords)
        uses_google = bool(self.plan.instances) or (shares and self.plan.has(Publish))
        if uses_google:
            self._listener.message(f"Identity: {self._context.clients.authenticate()}")
        resumed = self._context.resumed
        if self._replan:
            self.journal.lock(self.plan, self._listener.waiting)
            plan, resumed = self._replan()
            if plan.roles != self.plan.roles:
                raise Refused(
                    "a run has changed other instances since this one was planned",
                    hint="Run the same command again: it finds them on record now.",
                )
            self.plan = plan
        self.journal.begin(self.plan, shared=uses_google, resumed=resumed)
        self._prepare_services()
        self._recall_artifacts()

    def _prepare_services(self) -> None:
        """Make what the plan's steps work with."""
        if self.plan.has(Deploy):
            if self.plan.kind is not PlanKind.RECONFIGURE:
                self._releases = open_releases(self._context, str(self.plan.version))
            self._deploy_checks = make_deploy_checks(self._context, self._configure_before_live)
            self.remarks = find_equal_descriptors(
                self._context.config.descriptors, self._context.config.fleet.instances
            )
        if self.plan.has(Publish):
            self._publishing = make_publishing(self._context)
        if self.plan.has(Verify):
            self._gate = make_gate(self._context, self._await_configuration)
        if self.plan.instances:
            self._configurator = make_configurator(self._context)

    def _recall_artifacts(self) -> None:
        """Use the release record, where the version has one that is to be used."""
        if self.plan.has(Build) and self.plan.has(Deploy):
            self._artifacts.recall(self._releases, with_library=self.plan.has(Publish))
        elif self.plan.kind is PlanKind.RECONFIGURE:
            for version in revised_versions(self.plan):
                self._artifacts.require_revised(open_releases(self._context, version))
        elif self.plan.has(Deploy):
            self._artifacts.require(self._releases)
        else:
            self._recall_configuration()

    def _recall_configuration(self) -> None:
        """Use the configuration files of the version that a promotion is of.

        A rollback restores what was there, whatever the release records say.
        """
        if self.plan.has(Promote) and self.plan.kind is not PlanKind.ROLLBACK and self.plan.version:
            self._artifacts.recall_configs(open_release_records(self._context), self.plan.version)

    def _read_artifacts(self) -> tuple[str, ...]:
        """For a preview: what can be read without changing anything; why some cannot."""
        try:
            if self.plan.kind is PlanKind.RECONFIGURE:
                self._artifacts.read_revised(
                    open_release_records(self._context), revised_versions(self.plan)
                )
            elif not self.plan.has(Deploy):
                self._recall_configuration()
            elif not self.plan.has(Build):
                self._artifacts.recall_configs(self._releases.releases, str(self.plan.version))
            else:
                return self._read_build()
        except FlowdeployError as error:
            return (f"the configuration could not be compared: {error}",)
        return self._artifacts.remarks

    def _read_build(self) -> tuple[str, ...]:
        """Read what an earlier build has left on this machine, and whether one is on record."""
        if self._context.config.build.staging.is_dir():
            self._artifacts.read_staged(self._releases.sources)
        built = self._releases.find_build(with_library=self.plan.has(Publish))
        if built is None:
            return ()
        place = self._releases.releases.address_of(built.version)
        return (f"nothing would be built: {place} has a build of this commit, by {built.builder}",)

    def _add_configuration_steps(self) -> None:
        """Plan for the version's configuration files, once they are known."""
        configs = self._artifacts.configs
        if configs is not None and configs is not self._configs:
            self._configs = configs
            self._configurator.config = staging.parse_configuration(configs)
        if configs is not None and self.plan.configs != tuple(configs):
            before, self.plan = self.plan, add_configuration_steps(self.plan, tuple(configs))
            if self.plan.stages != before.stages:
                self.journal.replan(self.plan)
        self._configures = configure_steps_by_instance(self.plan)

    def _check_and_save(self, checks: Sequence[Callable[[], object]]) -> None:
        """Make the checks, then write the release record.

        Where another run has recorded a build of this commit meanwhile, that is used: it may
        be deployed and published already, and this run's own build may differ.
        """
        try:
            run_all_checks(checks)
            if self._artifacts.staged is not None:
                self._artifacts.save(self._releases, self._library_release)
        except Refused:
            if not self._recall_other_build():
                raise
            self._check_and_save(checks)

    def _recall_other_build(self) -> bool:
        if not (self.plan.has(Build) and self.plan.has(Deploy)) or self._artifacts.is_recalled:
            return False
        note = self._artifacts.recall(self._releases, with_library=self.plan.has(Publish))
        if note is None:
            return False
        remark = f"this run's own build is not used: {note}"
        self.remarks = (*self.remarks, remark)
        self._listener.message(remark)
        self._deploy_checks = make_deploy_checks(self._context, self._configure_before_live)
        self._add_configuration_steps()
        return True

    def _library_release(self) -> LibraryRelease | None:
        """What is to be published, if anything is. Raises Refused."""
        for step in self.plan.steps_of(Publish):
            return self._publishing.check(self._artifacts.require_library(), step)
        return None

    def _check_deploys(self) -> None:
        batches = self._artifacts.batches(self.plan)
        if not batches:
            return
        checking = self._listener.checking
        allowed = self._context.permissions
        checks = [partial(self._deploy_checks.check, batches, allowed, checking)]
        if self._configures:
            checks.append(partial(self._configurator.check, self._configures, checking))
        run_all_checks(checks)

    def _look_before_promotion(self, index: int, progress: Callable[[int, int], None]) -> None:
        if not self._verifies(index):
            return
        self._choose_revisions()
        self._gate.look(self._verifies(index), progress)
        # An instance that serves a revision of the version has it already.
        if self.plan.kind is PlanKind.PROMOTE and (kept := self._gate.live_revisions(self.plan)):
            self.plan = choose_versions(self.plan, kept)
            self.journal.replan(self.plan)
            self._gate.look(self._verifies(index), progress)

    def _verifies(self, index: int) -> list[Verify]:
        return [step for step in self.plan.stages[index].steps if isinstance(step, Verify)]

    def _choose_revisions(self) -> None:
        """Let a promotion take the newest revision of its version, instance by instance."""
        if self.plan.kind is not PlanKind.PROMOTE:
            return
        from flowdeploy.steps.revisions import choose_revisions

        before, self.plan = self.plan, choose_revisions(self.plan, self._context)
        if self.plan != before:
            self.journal.replan(self.plan)

    def _deploy_findings(self) -> Sequence[Finding]:
        batches, allowed = self._artifacts.batches(self.plan), self._context.permissions
        return self._deploy_checks.findings(batches, allowed, _ignore_progress) if batches else ()

    def _deploy(self, step: Deploy, notify: Notify) -> Running:
        """Deploy a version. That a revision may exist is on record before it does."""
        from flowdeploy.steps.deploy.deploy import deploy_version
        from flowdeploy.steps.revisions import open_revisions

        target = self._deploy_checks.target(step)
        if self.plan.kind is PlanKind.RECONFIGURE:
            records = open_revisions(self._context)
            records.add(step.instance, target.wanted.version, target.wanted.digest)
        return (yield from deploy_version(step, target, notify))

    def _configure_before_live(self, instance: Instance, notify: Notify) -> Running:
        """What is due between a live deploy's creation of the version and its traffic."""
        if not self._artifacts.configs:
            return Done(Outcome.UNCHANGED)
        version = str(self.plan.version)
        return (yield from self._configurator.update_before_live(instance, version, notify))

    def _await_configuration(
        self, instance: Instance, notify: Notify
    ) -> Generator[Pause, None, tuple[str, ...]]:
        """Wait until the configuration for an instance's traffic can be applied."""
        steps = self._configures.get(instance.id, [])
        if steps or self._artifacts.configs:
            yield from self._configurator.wait_until_ready(instance, steps, notify)
        return self._artifacts.remarks


def preview_plan(plan: Plan, context: Context) -> Preview:
    """What a run of ``plan`` would do and would be refused for; see `PlanExecutor.preview`."""
    return PlanExecutor(plan, context, Listener()).preview()


def _ignore_progress(done: int, total: int) -> None: ...
