"""The settings that each instance of a plan would get, as far as they are known offline."""

from dataclasses import dataclass, replace
from typing import Any

from flowdeploy.checks.findings import Finding
from flowdeploy.config.values import Config
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance
from flowdeploy.planning.plan import Deploy, Plan, PlanKind
from flowdeploy.steps.deploy.descriptors import find_equal_descriptors, require_folder


@dataclass(frozen=True, slots=True)
class KnownSettings:
    """By instance and key: ``{"value": …, "from": …}``; None before there is an app.yaml.

    ``objections`` say why nothing is known; ``findings`` why an instance is missing here, and
    why a run would be refused; ``remarks`` what is odd.
    """

    by_instance: dict[str, dict[str, dict[str, Any]]] | None
    objections: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def find_known_settings(plan: Plan, config: Config) -> KnownSettings:
    """What an earlier build's app.yaml, the descriptors and the configuration amount to."""
    instances = [step.instance for step in plan.steps_of(Deploy)]
    if not instances or plan.kind is PlanKind.RECONFIGURE:  # that shows what differs
        return KnownSettings({})
    try:
        remarks = find_equal_descriptors(config.descriptors, config.fleet.instances)
        return replace(_read(instances, config), remarks=remarks)
    except Refused as refused:
        return KnownSettings(None, (str(refused),))


def _read(instances: list[Instance], config: Config) -> KnownSettings:
    from flowdeploy.steps.deploy.settings import collect_settings
    from flowdeploy.steps.staging import read_app_yaml, read_built

    require_folder(config.descriptors)
    if not (config.build.staging / "app.yaml").is_file():
        return KnownSettings(None)
    app, _ = read_app_yaml(config.build.staging)
    built = read_built(config.build.staging)
    settings, findings = collect_settings(app, built, instances, config.descriptors)
    return KnownSettings(
        {
            name: {key: {"value": s.value, "from": s.source} for key, s in keys.items()}
            for name, keys in settings.items()
        },
        findings=tuple(findings),
    )
