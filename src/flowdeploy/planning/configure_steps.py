"""The steps that a version's configuration files add to a plan."""

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
    """``plan`` with the steps for the configuration files ``configs``, which are paths.

    A rollback stays as it is: it restores earlier configuration, whatever the files say.
    """
    if plan.kind is PlanKind.ROLLBACK:
        return plan
    names = {path.rpartition("/")[2] for path in configs}
    phases = {phase for name in names for phase in _PHASES.get(name, set())}

    def around(step: Step) -> tuple[Step, ...]:
        if isinstance(step, Configure) and not step.undoes:
            return ()  # it was for the files of an earlier build
        before, after = _phases_around(step)
        return (
            *(_configure(step, phase, plan.version) for phase in before if phase in phases),
            step,
            *(_configure(step, phase, plan.version) for phase in after if phase in phases),
        )

    stages = (
        replace(stage, steps=tuple(each for step in stage.steps for each in around(step)))
        for stage in plan.stages
    )
    return replace(plan, stages=tuple(stages), configs=configs)


def _phases_around(step: Step) -> tuple[tuple[Phase, ...], tuple[Phase, ...]]:
    """The phases that are due before a step, and after it.

    A live deploy moves the traffic itself, and applies what is due before that.
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


def _configure(step: Step, phase: Phase, version: str | None) -> Configure:
    assert isinstance(step, Deploy | Promote)  # noqa: S101  (no phase is due around other steps)
    return Configure(step.instance, phase, version)


def configure_steps_by_instance(plan: Plan) -> dict[str, list[Configure]]:
    """The Configure steps of a plan, by instance id."""
    found: dict[str, list[Configure]] = {}
    for step in plan.steps_of(Configure):
        found.setdefault(step.instance.id, []).append(step)
    return found
