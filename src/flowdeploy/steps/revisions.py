"""Finds the revisions that instances have of a version, and those that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS
from flowdeploy.checks.deploy import is_older
from flowdeploy.checks.drift import FILES, Difference, first_names
from flowdeploy.checks.findings import Finding
from flowdeploy.errors import ConnectionFailed, FlowdeployError, Refused, ServiceError, UsageError
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.pipelines import Revision, choose_versions
from flowdeploy.planning.plan import Deploy, Plan, Skipped, Traffic, Verify
from flowdeploy.planning.revisions import base_of, next_revision, revision_number, revisions_of
from flowdeploy.planning.urls import dark_label
from flowdeploy.records.releases import Releases
from flowdeploy.records.revisions import RevisionRecords
from flowdeploy.rollout.parallel import map_in_threads
from flowdeploy.steps.context import Context, Permissions
from flowdeploy.steps.deploy.drift import ARCHIVE, Drift, DriftComparison, InstanceDrift
from flowdeploy.steps.deploy.package import make_packages
from flowdeploy.steps.release.release_store import open_release_records, staged_release
from flowdeploy.steps.staging import StagedApp
from flowdeploy.steps.stores import open_records


def open_revisions(context: Context) -> RevisionRecords:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    return RevisionRecords(open_records(context.config, context.clients, context.home).common)


def choose_revisions(plan: Plan, context: Context) -> Plan:
    """The promotion with the newest revision of its version on each instance that has any.

    Of instances without a record of one nothing is read. Raises ServiceError where the
    records cannot be read.
    """
    version, engine = str(plan.version), context.clients.engine
    recorded = open_revisions(context).find(version)

    def find_newest(step: Verify) -> str:
        where = (step.instance.project, step.instance.service)
        for revision in recorded[where]:
            try:
                if engine.find_version(*where, revision, settings=False):
                    return revision
            except ServiceError:
                return revision  # the gate cannot read it either, or it can
        return version

    steps = [
        step
        for step in plan.steps_of(Verify)
        if step.to.only == version and (step.instance.project, step.instance.service) in recorded
    ]
    newest = map_in_threads(find_newest, steps, context.clients.connections)
    return choose_versions(plan, {step.instance.id: found for step, found in newest})


@dataclass(frozen=True, slots=True)
class NeededRevision:
    """A revision that an instance needs, and the differences that are the reason."""

    revision: Revision
    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class RevisionSearch:
    """What was found of instances: those that need a revision, and why others get none.

    ``unchanged`` have today's settings; ``impossible`` can have no revision; ``findings`` say
    why some could not be compared.
    """

    needed: tuple[NeededRevision, ...]
    unchanged: tuple[Skipped, ...]
    impossible: tuple[Skipped, ...]
    findings: tuple[Finding, ...]


class NoRevisionPossible(Refused):
    """What an instance serves is no released version, or more than one, or its name is too long."""


_REMOVED = Difference("settings", "those of its own day", "today's")


@dataclass(slots=True)
class RevisionFinder:
    """Compares what is live with what it should be: its release, with today's settings.

    Releases are read once; what is live is read in every search.
    """

    context: Context
    releases: Releases
    revisions: RevisionRecords
    _lock: Lock = field(default_factory=Lock)
    _released: dict[str, StagedApp | None] = field(default_factory=dict)

    @classmethod
    def of(cls, context: Context) -> RevisionFinder:
        """Raises ServiceError where records are shared and there are no usable credentials."""
        return cls(context, open_release_records(context), open_revisions(context))

    def search(self, instances: Sequence[Instance]) -> RevisionSearch:
        """Raises ConnectionFailed where there is no connection."""
        connections = self.context.clients.connections
        looks = map_in_threads(self._find_or_error, instances, connections)
        by_id = {instance.id: found for instance, found in looks}
        found = [(each.id, by_id[each.id]) for each in instances]
        return RevisionSearch(
            tuple(each for _, each in found if isinstance(each, NeededRevision)),
            tuple(each for _, each in found if isinstance(each, Skipped)),
            tuple(
                Skipped(name, each.message)
                for name, each in found
                if isinstance(each, NoRevisionPossible)
            ),
            tuple(
                Finding(name, line)
                for name, error in found
                if isinstance(error, FlowdeployError) and not isinstance(error, NoRevisionPossible)
                for line in error.details or (_sentences(error),)
            ),
        )

    def _find_or_error(self, instance: Instance) -> NeededRevision | Skipped | FlowdeployError:
        try:
            return self._find(instance)
        except ConnectionFailed:
            raise
        except FlowdeployError as error:
            return error

    def _find(self, instance: Instance) -> NeededRevision | Skipped:
        live = self._require_live(instance)
        base, staged = self._require_release(live)
        found = self._compare(instance, staged, live)
        _require_own_files(found.drifts, live)
        if not found.drifts and self._lacks_removals(instance, staged, live):
            found = replace(found, drifts=(Drift(live, _REMOVED, None),))
        if not found.drifts:
            unknown = "; which files it has is not known" if found.unknown_files else ""
            return Skipped(instance.id, f"{live} has today's settings{unknown}")
        if self._was_asked_for(instance, staged, live, found.drifts):
            left = ", ".join(str(drift.difference) for drift in found.drifts)
            return Skipped(instance.id, f"{live} was made with today's settings, and has {left}")
        engine, where = self.context.clients.engine, (instance.project, instance.service)
        ids = [live, *(each.id for each in engine.versions(*where))]
        newest = revisions_of(base, ids)[0]
        is_waiting = is_older(live, newest) and self._is_current(instance, staged, newest)
        # A number that was used once means one content for ever.
        used = (*ids, *self.revisions.find(base).get(where, ()))
        version = newest if is_waiting else next_revision(base, used)
        _require_host_name(instance, version)
        return NeededRevision(Revision(instance, live, version), found.drifts)

    def _require_live(self, instance: Instance) -> str:
        split = self.context.clients.engine.split(instance.project, instance.service)
        if split is None:
            raise NoRevisionPossible("its service has no version")
        if not split.live:
            raise Refused("App Engine does not say which version serves")
        if split.only is None:
            raise NoRevisionPossible(f"its traffic is divided: {split}")
        return split.only

    def _require_release(self, live: str) -> tuple[str, StagedApp]:
        """The version that ``live`` is, or is a revision of, and its release."""
        for version in dict.fromkeys((live, base_of(live))):
            if staged := self._release(version):
                return version, staged
        raise NoRevisionPossible(f"{live}, which it serves, has no release record")

    def _release(self, version: str) -> StagedApp | None:
        with self._lock:
            if version not in self._released:
                stored = self.releases.find(version)
                address = self.releases.address_of(version)
                self._released[version] = (
                    staged_release(stored.release, address) if stored else None
                )
            return self._released[version]

    def _compare(self, instance: Instance, staged: StagedApp, version: str) -> InstanceDrift:
        engine, descriptors = self.context.clients.engine, self.context.config.descriptors
        return DriftComparison(engine, staged, descriptors, version).compare(instance)

    def _is_current(self, instance: Instance, staged: StagedApp, version: str) -> bool:
        drifts = self._compare(instance, staged, version).drifts
        if not drifts:
            return not self._lacks_removals(instance, staged, version)
        return self._was_asked_for(instance, staged, version, drifts)

    def _lacks_removals(self, instance: Instance, staged: StagedApp, version: str) -> bool:
        """Whether ``version`` is a revision that was made with other settings than today's.

        Settings that were taken away since cannot be seen in what App Engine shows: it has
        defaults of its own for them.
        """
        recorded = self.revisions.content(instance, version) if revision_number(version) else None
        return recorded is not None and recorded not in self._digests(instance, staged, version)

    def _digests(self, instance: Instance, staged: StagedApp, version: str) -> list[str]:
        """The digest of what ``version`` would be asked for today; none where it cannot be."""
        step = Deploy(instance, version, Traffic.DARK)
        packages, _ = make_packages([step], staged, Permissions(), self.context.config.descriptors)
        return [package.wanted.digest for package in packages.values()]

    def _was_asked_for(
        self, instance: Instance, staged: StagedApp, version: str, drifts: Sequence[Drift]
    ) -> bool:
        """Whether ``version`` is a revision that App Engine has made other than it was asked to.

        Another revision would differ in the same way.
        """
        if not revision_number(version) or any(drift.difference.is_grave for drift in drifts):
            return False
        recorded = self.revisions.content(instance, version)
        return recorded in self._digests(instance, staged, version)


def _require_own_files(drifts: Sequence[Drift], live: str) -> None:
    """Raises NoRevisionPossible where files differ that are of the application itself."""
    paths = {
        path
        for drift in drifts
        if drift.difference.field == FILES
        for path in {**(drift.difference.actual or {}), **(drift.difference.wanted or {})}
    }
    if foreign := paths - {DEPLOYED_AS, ARCHIVE}:
        names = first_names(sorted(foreign))
        raise NoRevisionPossible(f"{live} has other files than its release record: {names}")


def _sentences(error: FlowdeployError) -> str:
    return " ".join(filter(None, (f"{error.message}.", error.hint)))


def _require_host_name(instance: Instance, version: str) -> None:
    try:
        dark_label(version, instance.service, instance.project)
    except UsageError as error:
        raise NoRevisionPossible(error.message) from error
