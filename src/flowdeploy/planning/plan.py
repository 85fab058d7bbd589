"""What a run will do, as frozen data: a dry run prints it, the rollout executes it.

A plan has stages, which run one after the other; a stage has steps. Within a stage, the
instances run side by side, and the steps of one instance in order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, assert_never

from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.traffic import Split
from flowdeploy.units import ALL, Portion


class PlanKind(StrEnum):
    """The pipeline or command that a plan is for."""

    TRUNK = "trunk"
    FEATURE = "feature"
    PULL_REQUEST = "pull-request"
    RELEASE = "release"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    DEPLOY = "deploy"
    RECONFIGURE = "reconfigure"
    RESUME = "resume"  # only of a run that failed before it read the plan to resume


class StageKind(StrEnum):
    """What a stage is for."""

    BUILD = "build"
    PUBLISH = "publish"
    UAT = "uat"
    VERIFY = "verify"
    PRODUCTION = "production"


class Traffic(StrEnum):
    LIVE = "live"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Build:
    """Run the configured build and test commands."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the library. None: known only after the build."""

    library: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Deploy:
    """Create the version on an instance; LIVE also moves all traffic to it."""

    instance: Instance
    version: str | None
    traffic: Traffic


class Phase(StrEnum):
    """When a part of the configuration beside app.yaml is due.

    A deploy only adds what does not affect the live version (ADD). The rest is due right
    before or after the traffic is moved.
    """

    ADD = "add"
    BEFORE_TRAFFIC = "before-traffic"
    AFTER_TRAFFIC = "after-traffic"


@dataclass(frozen=True, slots=True)
class Configure:
    """Apply the part of the version's configuration that is due in a phase.

    Or restore it: ``undoes`` are the runs whose changes to it are undone, the oldest first.
    """

    instance: Instance
    phase: Phase
    version: str | None = None
    undoes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gradual:
    """Traffic that moves in several steps: rising percentages, ``pause`` seconds apart.

    ``shard_by`` is the Admin API's COOKIE or IP.
    """

    percents: tuple[float, ...]
    shard_by: str
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Verify:
    """Check that an instance's traffic can be moved.

    ``expected`` are the splits that it may have now; empty: any.
    """

    instance: Instance
    to: Split
    expected: tuple[Split, ...] = ()


@dataclass(frozen=True, slots=True)
class Promote:
    """Move an instance's traffic, at once or in the steps of ``gradual``.

    In a rollback, ``undoes`` is the run that it undoes.
    """

    instance: Instance
    to: Split
    gradual: Gradual | None = None
    undoes: str | None = None


Step = Build | Publish | Deploy | Configure | Verify | Promote
StepType = TypeVar("StepType", bound=Step)


CHANGING = Deploy | Configure | Promote  # the steps that change their instance


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps of several instances run side by side; those of one instance run in order.

    ``wave`` is the name of the wave of production instances, if the stage is for one.
    ``max`` limits how many instances are under way at once; ``pause`` is the number of
    seconds to wait before the next stage.
    """

    kind: StageKind
    steps: tuple[Step, ...]
    wave: str | None = None
    max: Portion = ALL
    pause: float = 0.0

    @property
    def name(self) -> str:
        """The kind, or ``KIND:WAVE``."""
        return f"{self.kind}:{self.wave}" if self.wave else str(self.kind)

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances that the stage works on, each once."""
        return _instances(self.steps)

    @property
    def changes_instances(self) -> bool:
        return any(isinstance(step, CHANGING) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An instance that the plan skips, and why."""

    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``ref`` is None for commands without a ref.

    ``version`` and ``library_version`` are None if the commit that they depend on is
    unknown. ``configs`` are the paths of the version's configuration files, such as
    queue.yaml; None if they are not known yet, and so have no steps.
    """

    ref: str | None
    kind: PlanKind
    version: str | None
    stages: tuple[Stage, ...]
    library_version: str | None = None
    skipped: tuple[Skipped, ...] = ()
    configs: tuple[str, ...] | None = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all stages, in order."""
        return tuple(step for stage in self.stages for step in stage.steps)

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances of all steps, each once, in the order of their first steps."""
        return _instances(self.steps)

    @property
    def roles(self) -> frozenset[Role]:
        """The roles of its instances: there is a lock for each."""
        return frozenset(instance.role for instance in self.instances)

    def steps_of(self, kind: type[StepType]) -> tuple[StepType, ...]:
        """The steps of one kind, in order."""
        return tuple(step for step in self.steps if isinstance(step, kind))

    def has(self, kind: type[Step]) -> bool:
        return any(isinstance(step, kind) for step in self.steps)


def _instances(steps: Iterable[Step]) -> tuple[Instance, ...]:
    instances = filter(None, map(instance_of, steps))
    return tuple({instance.id: instance for instance in instances}.values())


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
