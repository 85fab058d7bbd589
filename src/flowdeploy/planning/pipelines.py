"""The plan of each kind of ref and command: its stages, their instances and steps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowdeploy.errors import Refused, UsageError
from flowdeploy.planning.fleet import Fleet, Instance, Role, Wave
from flowdeploy.planning.plan import (
    Build,
    Configure,
    Deploy,
    Gradual,
    Phase,
    Plan,
    PlanKind,
    Promote,
    Publish,
    Skipped,
    Stage,
    StageKind,
    Step,
    Traffic,
    Verify,
)
from flowdeploy.planning.refs import Commit, Ref, commit_version, library_version
from flowdeploy.planning.revisions import base_of
from flowdeploy.planning.traffic import Split
from flowdeploy.planning.urls import dark_label


@dataclass(frozen=True, slots=True)
class Scope:
    """The fleet, and how much of it a plan is for.

    ``only`` narrows the production instances. ``publishes``: the configuration has a
    library; ``library`` is its ``group:artifact`` if the pom exists before the build.
    """

    fleet: Fleet
    only: tuple[str, ...] = ()
    waves: tuple[Wave, ...] = ()
    publishes: bool = False
    library: str | None = None


def plan_ref(ref: Ref, commit: Commit | None, scope: Scope) -> Plan:
    """The plan of a ref's pipeline, built from ``commit``.

    Raises UsageError if `Scope.only` names anything but production instances, or if a
    version's host name would be too long on some instance.
    """
    if ref.kind is PlanKind.PROMOTE:
        assert ref.version is not None  # noqa: S101  (parse_ref gives every promote tag its version)
        return replace(plan_promotion(ref.version, ["all"], scope), ref=ref.full)
    version = ref.version or (commit_version(commit) if commit else None)
    library = library_version(ref, commit) if commit else None
    uat, uat_skipped = _uat_instances(ref.kind, scope.fleet)
    production, skipped = _production_instances(scope) if ref.kind is PlanKind.RELEASE else ((), ())
    stages = (
        Stage(StageKind.BUILD, (Build(),)),
        *_publish_stage(ref.kind, scope, library),
        *_deploy_stage(StageKind.UAT, uat, version, Traffic.LIVE),
        *_deploy_stage(StageKind.PRODUCTION, production, version, Traffic.DARK),
    )
    skipped = uat_skipped + skipped
    configs = None if uat or production else ()
    return _check_host_names(Plan(ref.full, ref.kind, version, stages, library, skipped, configs))


def plan_build_alone(plan: Plan) -> Plan:
    """The build of a plan, without everything that follows it."""
    stages = tuple(stage for stage in plan.stages if stage.kind is StageKind.BUILD)
    return replace(plan, stages=stages, skipped=(), configs=())


def plan_promotion(
    version: str, names: Sequence[str], scope: Scope, gradual: Gradual | None = None
) -> Plan:
    """The plan of ``promote VERSION all`` or ``promote VERSION INSTANCE…``.

    Raises UsageError for unknown or skipped instances.
    """
    instances, skipped = select_instances(names, scope)
    to = Split.all_to(version)
    stages = _promotion_stages([Verify(each, to) for each in instances], scope, gradual)
    return Plan(None, PlanKind.PROMOTE, version, stages, skipped=skipped, configs=None)


def choose_versions(plan: Plan, versions: Mapping[str, str]) -> Plan:
    """The promotion ``plan`` with the versions that some instances get instead, by id."""

    def choose(step: Step) -> Step:
        if not isinstance(step, Verify | Promote) or step.instance.id not in versions:
            return step
        return replace(step, to=Split.all_to(versions[step.instance.id]))

    stages = (replace(stage, steps=tuple(map(choose, stage.steps))) for stage in plan.stages)
    return replace(plan, stages=tuple(stages))


def select_instances(
    names: Sequence[str], scope: Scope
) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The instances that a command names, and those that it skips.

    ``all`` is every production instance that is not skipped. Raises UsageError
    for unknown or skipped instances.
    """
    if "all" in names:
        if len(names) > 1:
            raise UsageError(
                "`all` cannot be combined with instances: it already means all of them"
            )
        return _production_instances(scope)
    return _select_working(names, scope), ()


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a rollback restores on an instance: the traffic split from before ``run``.

    ``expected`` are the splits that the instance may have now: a run that moved its traffic
    gradually may have ended at any of them. ``configuration_runs`` are the runs that have
    changed the instance's configuration since, the oldest first, by phase.
    """

    instance: Instance
    split: Split
    expected: tuple[Split, ...]
    run: str
    configuration_runs: Mapping[Phase, tuple[str, ...]] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The traffic, between the configuration that is due before it and after it."""
        before, after = (
            [Configure(self.instance, phase, undoes=runs)]
            if (runs := self.configuration_runs.get(phase))
            else []
            for phase in (Phase.BEFORE_TRAFFIC, Phase.AFTER_TRAFFIC)
        )
        return (*before, Promote(self.instance, self.split, undoes=self.run), *after)


def plan_rollback(undos: Sequence[Restoration], skipped: tuple[Skipped, ...] = ()) -> Plan:
    """The plan of a rollback: restores the split of each instance, all at once, without waves.

    Raises Refused if there is nothing to undo.
    """
    if not undos:
        raise Refused(
            "there is nothing to roll back",
            details=[f"{each.instance}: {each.reason}" for each in skipped],
            hint="`flowdeploy history` lists the recorded runs; `flowdeploy promote VERSION"
            " INSTANCE` gives an instance a version that no run has replaced.",
        )
    uat = tuple(undo for undo in undos if undo.instance.role is not Role.PRODUCTION)
    production = tuple(undo for undo in undos if undo.instance.role is Role.PRODUCTION)
    verify = tuple(Verify(undo.instance, undo.split, undo.expected) for undo in undos)
    stages = (
        Stage(StageKind.VERIFY, verify),
        *(
            Stage(kind, tuple(step for undo in group for step in undo.steps))
            for kind, group in ((StageKind.UAT, uat), (StageKind.PRODUCTION, production))
            if group
        ),
    )
    versions = {undo.split.only for undo in undos}
    version = versions.pop() if len(versions) == 1 else None
    return Plan(None, PlanKind.ROLLBACK, version, stages, skipped=skipped)


def plan_deploy(version: str, names: Sequence[str], scope: Scope) -> Plan:
    """The plan of ``deploy VERSION INSTANCE…``: dark, from the release record.

    Raises UsageError for unknown or skipped instances, and if the version's host name
    would be too long on one of them.
    """
    uat, production = _separate_roles(_select_working(names, scope))
    stages = (
        *_deploy_stage(StageKind.UAT, uat, version, Traffic.DARK),
        *_deploy_stage(StageKind.PRODUCTION, production, version, Traffic.DARK),
    )
    return _check_host_names(Plan(None, PlanKind.DEPLOY, version, stages, configs=None))


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision that an instance needs: ``version``, instead of ``live``, which it serves."""

    instance: Instance
    live: str
    version: str


def plan_reconfiguration(
    revisions: Sequence[Revision], scope: Scope, skipped: tuple[Skipped, ...] = ()
) -> Plan:
    """The plan of ``reconfigure``: the revisions are deployed dark, then promoted.

    Its version is the one that all of them are of, if there is only one. It has no stages
    where no revision is needed. Raises UsageError if a host name would be too long.
    """
    bases = {base_of(each.version) for each in revisions}
    version = bases.pop() if len(bases) == 1 else None
    dark = [Deploy(each.instance, each.version, Traffic.DARK) for each in revisions]
    verify = [
        Verify(each.instance, Split.all_to(each.version), (Split.all_to(each.live),))
        for each in revisions
    ]
    stages = (
        *(
            Stage(kind, tuple(step for step in dark if _stage_kind(step.instance) is kind))
            for kind in (StageKind.UAT, StageKind.PRODUCTION)
        ),
        *(_promotion_stages(verify, scope) if verify else ()),
    )
    stages = tuple(stage for stage in stages if stage.steps)
    return _check_host_names(Plan(None, PlanKind.RECONFIGURE, version, stages, skipped=skipped))


def revised_versions(plan: Plan) -> tuple[str, ...]:
    """The versions of which a reconfiguration deploys revisions."""
    return tuple(dict.fromkeys(base_of(str(step.version)) for step in plan.steps_of(Deploy)))


def _stage_kind(instance: Instance) -> StageKind:
    return StageKind.PRODUCTION if instance.role is Role.PRODUCTION else StageKind.UAT


def _promotion_stages(
    verify: Sequence[Verify], scope: Scope, gradual: Gradual | None = None
) -> tuple[Stage, ...]:
    if not verify:
        raise UsageError(
            "there is no instance to promote",
            hint="Name instances, or `all` for every production instance that is not skipped.",
        )
    to = {step.instance.id: step.to for step in verify}
    uat, production = _separate_roles(step.instance for step in verify)
    waves = {wave.name for wave in scope.waves}

    def promote(group: Iterable[Instance]) -> tuple[Promote, ...]:
        return tuple(Promote(instance, to[instance.id], gradual) for instance in group)

    stages = (
        Stage(StageKind.VERIFY, tuple(verify)),
        Stage(StageKind.UAT, promote(uat)),
        *(
            Stage(
                StageKind.PRODUCTION,
                promote(i for i in production if i.wave == wave.name),
                wave.name,
                wave.max,
                wave.pause,
            )
            for wave in scope.waves
        ),
        Stage(StageKind.PRODUCTION, promote(i for i in production if i.wave not in waves)),
    )
    return tuple(stage for stage in stages if stage.steps)


def _separate_roles(
    instances: Iterable[Instance],
) -> tuple[tuple[Instance, ...], tuple[Instance, ...]]:
    """The UAT instances, and the production instances."""
    chosen = tuple(instances)
    uat = tuple(i for i in chosen if i.role is not Role.PRODUCTION)
    return uat, tuple(i for i in chosen if i.role is Role.PRODUCTION)


def _publish_stage(kind: PlanKind, scope: Scope, version: str | None) -> tuple[Stage, ...]:
    if kind is PlanKind.PULL_REQUEST or not scope.publishes:
        return ()
    return (Stage(StageKind.PUBLISH, (Publish(scope.library, version),)),)


def _deploy_stage(
    kind: StageKind, instances: tuple[Instance, ...], version: str | None, traffic: Traffic
) -> tuple[Stage, ...]:
    steps = tuple(Deploy(i, version, traffic) for i in instances)
    return (Stage(kind, steps),) if steps else ()


def _uat_instances(
    kind: PlanKind, fleet: Fleet
) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The UAT instance of a pipeline, and the one that it skips."""
    role = {PlanKind.TRUNK: Role.UAT2, PlanKind.RELEASE: Role.UAT1}.get(kind)
    candidates = fleet.with_role(role) if role else ()
    return _separate_skipped(candidates, candidates)


def _production_instances(scope: Scope) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The production instances of a plan, and those that it skips."""
    chosen = _select_working(scope.only, scope) if scope.only else scope.fleet.production
    if others := [i.id for i in chosen if i.role is not Role.PRODUCTION]:
        raise UsageError(f"--only takes production instances, not {', '.join(others)}")
    return _separate_skipped(chosen, scope.fleet.production)


def _separate_skipped(
    chosen: tuple[Instance, ...], candidates: tuple[Instance, ...]
) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The chosen instances to work on, and the candidates left out with their reasons."""
    working = tuple(i for i in chosen if not i.skip)
    skipped = (Skipped(i.id, i.skip or "not in --only") for i in candidates if i not in working)
    return working, tuple(skipped)


def _select_working(names: Sequence[str], scope: Scope) -> tuple[Instance, ...]:
    """The instances with these names. Raises UsageError if one is unknown or skipped."""
    instances = scope.fleet.select(names)
    if skipped := [i for i in instances if i.skip]:
        raise UsageError(
            "the configuration skips instances that the command names",
            details=[f"{i.id}: {i.skip}" for i in skipped],
            hint="Remove `skip` from the configuration, or the instance from the command.",
        )
    return instances


def _check_host_names(plan: Plan) -> Plan:
    """``plan``; raises UsageError if the host name of a version is too long for DNS."""
    for step in plan.steps_of(Deploy):
        if step.version:
            dark_label(step.version, step.instance.service, step.instance.project)
    return plan
