"""The steps that a version's configuration files bring into a plan."""

from __future__ import annotations

from dataclasses import replace

from flowdeploy.planning.plan import (
    Configure,
    Deploy,
    Phase,
    Plan,
    PlanKind,
    Promote,
    Step,
    Traffic,
)

_PHASES = {
    "index.yaml": {Phase.ADD},
    "queue.yaml": {Phase.ADD, Phase.BEFORE_TRAFFIC},
    "cron.yaml": {Phase.AFTER_TRAFFIC},
    "dispatch.yaml": {Phase.AFTER_TRAFFIC},
}


def add_configuration_steps(plan: Plan, configs: tuple[str, ...]) -> Plan:
    """The plan once the version's configuration files are known: with steps for what they say.

    A rollback takes back what was there, whatever any file says.
    """
    if plan.kind is PlanKind.ROLLBACK:
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


def configure_steps_by_instance(plan: Plan) -> dict[str, list[Configure]]:
    """The configuration's steps of a plan, by the ids of their instances."""
    found: dict[str, list[Configure]] = {}
    for step in plan.steps_of(Configure):
        found.setdefault(step.instance.id, []).append(step)
    return found
