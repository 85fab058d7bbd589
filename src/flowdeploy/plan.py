"""What a run will do, as frozen data: a dry run prints it, the rollout executes it.

A plan is stages in order; a stage is steps. Within a stage the instances run
side by side, and the steps of one instance in the order listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from flowdeploy.errors import Refused, UsageError
from flowdeploy.fleet import Fleet, Instance, Role, Wave
from flowdeploy.refs import Commit, Kind, Ref, commit_version, library_version
from flowdeploy.traffic import Split
from flowdeploy.units import ALL, Portion
from flowdeploy.urls import dark_label

ROLLBACK = "rollback"  # the kind of a plan that gives instances back what they served


class Traffic(StrEnum):
    LIVE = "live"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Build:
    """Run the configured build and test commands."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the library; None stands for what is known only after the build."""

    library: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Deploy:
    """Create the version on an instance, and give it all traffic if ``live``."""

    instance: Instance
    version: str | None
    traffic: Traffic


class Phase(StrEnum):
    """When a part of the configuration beside app.yaml is due.

    With a deploy only what the live version cannot feel is added; what it could feel
    comes with the traffic, some of it before and some after.
    """

    ADD = "add"
    BEFORE_TRAFFIC = "before-traffic"
    AFTER_TRAFFIC = "after-traffic"


_PHASES = {
    "index.yaml": {Phase.ADD},
    "queue.yaml": {Phase.ADD, Phase.BEFORE_TRAFFIC},
    "cron.yaml": {Phase.AFTER_TRAFFIC},
    "dispatch.yaml": {Phase.AFTER_TRAFFIC},
}


@dataclass(frozen=True, slots=True)
class Configure:
    """Give an instance that part of the version's configuration which is due in a phase.

    ``undoes`` are runs, the oldest first, what they have changed of it is taken back instead.
    """

    instance: Instance
    phase: Phase
    version: str | None = None
    undoes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gradual:
    """Traffic that moves in several steps: rising percentages, and ``pause`` seconds between.

    ``shard_by`` is the Admin API's COOKIE or IP.
    """

    percents: tuple[float, ...]
    shard_by: str
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Verify:
    """Look whether an instance can be given its traffic.

    ``left`` are the splits of which it must have one until then; none: whatever it has.
    """

    instance: Instance
    to: Split
    left: tuple[Split, ...] = ()


@dataclass(frozen=True, slots=True)
class Promote:
    """Move an instance's traffic, at once unless it is to be ``gradual``.

    ``undoes`` is the run before which the instance was served this way, in a rollback.
    """

    instance: Instance
    to: Split
    gradual: Gradual | None = None
    undoes: str | None = None


Step = Build | Publish | Deploy | Configure | Verify | Promote


CHANGING = Deploy | Configure | Promote  # the steps that change their instance


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that may run side by side, an instance's own in their order.

    ``max`` is how many of its instances may be under way at once, whatever the
    jobs; ``pause`` is how many seconds to wait before the next stage.
    """

    name: str
    steps: tuple[Step, ...]
    max: Portion = ALL
    pause: float = 0.0

    @property
    def is_production(self) -> bool:
        return self.name.partition(":")[0] == "production"

    @property
    def changes_instances(self) -> bool:
        return any(isinstance(step, CHANGING) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An instance that the plan leaves out, and why."""

    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``ref`` is None and ``kind`` the command's name where no ref was given.

    ``version`` and ``library_version`` are None where they follow from a commit
    that nobody has named. ``configs`` are the version's queue.yaml and the like, by
    their paths; None where they are not known yet, and no step is planned for them.
    """

    ref: str | None
    kind: str
    version: str | None
    stages: tuple[Stage, ...]
    library_version: str | None = None
    skipped: tuple[Skipped, ...] = ()
    configs: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about: the fleet, and which of its production instances, how fast.

    ``publishes`` is whether there is a library; ``library`` is its
    ``group:artifact`` where the pom is there to be read before the build.
    """

    fleet: Fleet
    only: tuple[str, ...] = ()
    waves: tuple[Wave, ...] = ()
    publishes: bool = False
    library: str | None = None


def plan_ref(ref: Ref, commit: Commit | None, scope: Scope) -> Plan:
    """The pipeline of a ref, built from ``commit``.

    Raises UsageError for ``only`` that names no production instance to work on,
    and for a version that could not be reached on some instance.
    """
    if ref.kind is Kind.PROMOTE:
        return _plan_promote_ref(ref, scope)
    version = ref.version or (commit_version(commit) if commit else None)
    library = library_version(ref, commit) if commit else None
    uat, uat_skipped = _uat(ref.kind, scope.fleet)
    production, skipped = _production(scope) if ref.kind is Kind.RELEASE else ((), ())
    stages = (
        Stage("build", (Build(),)),
        *_publish_stage(ref.kind, scope, library),
        *_deploy_stage("uat", uat, version, Traffic.LIVE),
        *_deploy_stage("production", production, version, Traffic.DARK),
    )
    skipped = uat_skipped + skipped
    configs = None if uat or production else ()
    return _reachable(Plan(ref.full, ref.kind, version, stages, library, skipped, configs))


def plan_promotion(
    version: str, names: Sequence[str], scope: Scope, gradual: Gradual | None = None
) -> Plan:
    """``promote VERSION all`` or ``promote VERSION INSTANCE…``; also how one goes back further.

    Raises UsageError for unknown or skipped instances.
    """
    instances, skipped = named(names, scope)
    stages = _promotion_stages(version, instances, scope, gradual)
    return Plan(None, "promote", version, stages, skipped=skipped, configs=None)


def named(names: Sequence[str], scope: Scope) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The instances that a command names, and those that it leaves out.

    ``all`` is every production instance that is not skipped. Raises UsageError
    for unknown or skipped instances.
    """
    if "all" in names:
        if len(names) > 1:
            raise UsageError("`all` stands alone: it is every production instance")
        return _production(scope)
    instances = scope.fleet.select(names)
    _refuse_skipped(instances)
    return instances, ()


@dataclass(frozen=True, slots=True)
class Undo:
    """What a rollback gives an instance ``back``, provided that it serves what ``run`` left it.

    A run that moved the traffic in several steps may have ended at any of them.
    ``configured`` are the runs that changed the instance's configuration since, the
    oldest first, by phase.
    """

    instance: Instance
    back: Split
    left: tuple[Split, ...]
    run: str
    configured: Mapping[Phase, tuple[str, ...]] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Traffic between the parts of the configuration that came before and after it."""
        before, after = (
            [Configure(self.instance, phase, undoes=runs)]
            if (runs := self.configured.get(phase))
            else []
            for phase in (Phase.BEFORE_TRAFFIC, Phase.AFTER_TRAFFIC)
        )
        return (*before, Promote(self.instance, self.back, undoes=self.run), *after)


def plan_rollback(undos: Sequence[Undo], skipped: tuple[Skipped, ...] = ()) -> Plan:
    """Every instance gets its own split back, all of them at once: a rollback knows no waves.

    Raises Refused where there is nothing to undo.
    """
    if not undos:
        raise Refused(
            "there is nothing to roll back",
            details=[f"{each.instance}: {each.reason}" for each in skipped],
            hint="`flowdeploy history` lists the runs on record; `flowdeploy promote VERSION"
            " INSTANCE` gives an instance a version that no run has replaced.",
        )
    steps = {undo.instance.id: undo.steps for undo in undos}
    uat, production = _by_role(tuple(undo.instance for undo in undos))
    stages = (
        Stage("verify", tuple(Verify(undo.instance, undo.back, undo.left) for undo in undos)),
        *(
            Stage(name, tuple(step for instance in group for step in steps[instance.id]))
            for name, group in (("uat", uat), ("production", production))
            if group
        ),
    )
    versions = {undo.back.only for undo in undos}
    return Plan(
        None, ROLLBACK, versions.pop() if len(versions) == 1 else None, stages, skipped=skipped
    )


def plan_deploy(version: str, names: Sequence[str], scope: Scope) -> Plan:
    """``deploy VERSION INSTANCE…``: dark, to the instances named, out of the release record.

    Raises UsageError for unknown or skipped instances, and for a version that
    could not be reached on one of them.
    """
    instances = scope.fleet.select(names)
    _refuse_skipped(instances)
    uat, production = _by_role(instances)
    stages = (
        *_deploy_stage("uat", uat, version, Traffic.DARK),
        *_deploy_stage("production", production, version, Traffic.DARK),
    )
    return _reachable(Plan(None, "deploy", version, stages, configs=None))


def _plan_promote_ref(ref: Ref, scope: Scope) -> Plan:
    assert ref.version is not None  # noqa: S101  (parse_ref gives every promote tag its version)
    instances, skipped = _production(scope)
    stages = _promotion_stages(ref.version, instances, scope)
    return Plan(ref.full, ref.kind, ref.version, stages, skipped=skipped, configs=None)


def _promotion_stages(
    version: str,
    instances: tuple[Instance, ...],
    scope: Scope,
    gradual: Gradual | None = None,
) -> tuple[Stage, ...]:
    if not instances:
        raise UsageError(
            "there is no instance to promote",
            hint="Name instances, or `all` for every production instance that is not skipped.",
        )
    to = Split.all_to(version)
    uat, production = _by_role(instances)
    waves = [(Wave("uat"), uat), *_waves(production, scope.waves)]
    return (
        Stage("verify", tuple(Verify(i, to) for i in instances)),
        *(
            Stage(wave.name, tuple(Promote(i, to, gradual) for i in group), wave.max, wave.pause)
            for wave, group in waves
            if group
        ),
    )


def _by_role(
    instances: tuple[Instance, ...],
) -> tuple[tuple[Instance, ...], tuple[Instance, ...]]:
    """Those of UAT, and those of production."""
    uat = tuple(i for i in instances if i.role is not Role.PRODUCTION)
    return uat, tuple(i for i in instances if i.role is Role.PRODUCTION)


def _waves(
    instances: tuple[Instance, ...], waves: tuple[Wave, ...]
) -> list[tuple[Wave, tuple[Instance, ...]]]:
    """The waves by their stages' names, with their instances; those without a wave come last."""
    found = [
        (
            replace(wave, name=f"production:{wave.name}"),
            tuple(i for i in instances if i.wave == wave.name),
        )
        for wave in waves
    ]
    names = {wave.name for wave in waves}
    return [*found, (Wave("production"), tuple(i for i in instances if i.wave not in names))]


def _publish_stage(kind: Kind, scope: Scope, version: str | None) -> tuple[Stage, ...]:
    if kind is Kind.PULL_REQUEST or not scope.publishes:
        return ()
    return (Stage("publish", (Publish(scope.library, version),)),)


def _deploy_stage(
    name: str, instances: tuple[Instance, ...], version: str | None, traffic: Traffic
) -> tuple[Stage, ...]:
    steps = tuple(Deploy(i, version, traffic) for i in instances)
    return (Stage(name, steps),) if steps else ()


def _uat(kind: Kind, fleet: Fleet) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The UAT instance that a pipeline goes through, or why it goes through none."""
    role = {Kind.TRUNK: Role.UAT2, Kind.RELEASE: Role.UAT1}.get(kind)
    candidates = tuple(i for i in fleet.instances if i.role is role)
    return _divided(candidates, candidates)


def _production(scope: Scope) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The production instances to work on, and those left out with their reasons."""
    chosen = scope.fleet.select(scope.only) if scope.only else scope.fleet.production
    if scope.only:
        _refuse_skipped(chosen)
        if others := [i.id for i in chosen if i.role is not Role.PRODUCTION]:
            raise UsageError(f"--only narrows production, and these are not: {', '.join(others)}")
    return _divided(chosen, scope.fleet.production)


def _divided(
    chosen: tuple[Instance, ...], candidates: tuple[Instance, ...]
) -> tuple[tuple[Instance, ...], tuple[Skipped, ...]]:
    """The chosen instances to work on, and the candidates left out with their reasons."""
    working = tuple(i for i in chosen if not i.skip)
    skipped = (Skipped(i.id, i.skip or "not in --only") for i in candidates if i not in working)
    return working, tuple(skipped)


def _refuse_skipped(instances: Sequence[Instance]) -> None:
    if skipped := [i for i in instances if i.skip]:
        raise UsageError(
            "asked for by name, but skipped by the configuration",
            details=[f"{i.id}: {i.skip}" for i in skipped],
            hint="Take `skip` out of the configuration, or the instance out of the command.",
        )


def configured(plan: Plan, configs: tuple[str, ...]) -> Plan:
    """The plan once the version's configuration files are known: with steps for what they say.

    A rollback takes back what was there, whatever any file says.
    """
    if plan.kind == ROLLBACK:
        return plan
    names = {path.rpartition("/")[2] for path in configs}
    phases = {phase for name in names for phase in _PHASES.get(name, set())}

    def around(step: Step) -> tuple[Step, ...]:
        if isinstance(step, Configure) and not step.undoes:
            return ()  # planned for what an earlier build had left
        before, after = _phases_around(step)
        return (
            *(_configure(step, phase) for phase in before if phase in phases),
            step,
            *(_configure(step, phase) for phase in after if phase in phases),
        )

    stages = (
        replace(stage, steps=tuple(each for step in stage.steps for each in around(step)))
        for stage in plan.stages
    )
    return replace(plan, stages=tuple(stages), configs=configs)


def _phases_around(step: Step) -> tuple[tuple[Phase, ...], tuple[Phase, ...]]:
    """What is due before a step, and after it.

    A live deploy moves the traffic itself, and what is due before that as well.
    """
    match step:
        case Deploy(traffic=Traffic.DARK):
            return (Phase.ADD,), ()
        case Deploy(traffic=Traffic.LIVE):
            return (Phase.ADD,), (Phase.AFTER_TRAFFIC,)
        case Promote():
            return (Phase.BEFORE_TRAFFIC,), (Phase.AFTER_TRAFFIC,)
        case _:
            return (), ()


def _configure(step: Step, phase: Phase) -> Configure:
    assert isinstance(step, Deploy | Promote)  # noqa: S101  (nothing is due around others)
    version = step.version if isinstance(step, Deploy) else step.to.only
    return Configure(step.instance, phase, version)


def _reachable(plan: Plan) -> Plan:
    """``plan``, once every version in it has a host name that DNS can carry."""
    for stage in plan.stages:
        for step in stage.steps:
            if isinstance(step, Deploy) and step.version:
                dark_label(step.version, step.instance.service, step.instance.project)
    return plan


def instance_of(step: Step) -> Instance | None:
    """The instance that a step works on; None for steps of the whole run."""
    match step:
        case Build() | Publish():
            return None
        case Deploy(instance) | Configure(instance) | Verify(instance) | Promote(instance):
            return instance
        case _:
            assert_never(step)


def action(step: Step) -> str:
    """The step's name in plans and reports."""
    return type(step).__name__.lower()
