"""The effective settings of each instance, and where each of them is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.app_yaml import AppYaml
from flowdeploy.appengine.app_yaml.descriptor import NAME
from flowdeploy.checks.drift import MASK
from flowdeploy.checks.findings import Finding
from flowdeploy.config.values import DescriptorsConfig
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance
from flowdeploy.steps.deploy.descriptors import (
    InstanceDescriptor,
    apply_own_settings,
    own_descriptor,
    refusal_findings,
    require_as_built,
    settings_source,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value, masked where it may be a credential, and its source."""

    value: Any
    source: str


Settings = Mapping[str, Setting]


def collect_settings(
    app: AppYaml,
    built: Mapping[str, Any],
    instances: Iterable[Instance],
    descriptors: DescriptorsConfig | None,
) -> tuple[dict[str, Settings], list[Finding]]:
    """By instance and key of app.yaml (``env_variables.NAME``); and why some have none.

    ``app`` and ``built`` are what `staging` reads.
    """
    found: dict[str, Settings] = {}
    findings: list[Finding] = []
    for instance in instances:
        try:
            own = own_descriptor(descriptors, instance)
            require_as_built(own, built)
            effective = apply_own_settings(app, instance, own)
            found[instance.id] = {
                key: Setting(
                    _masked_value(key, effective.settings), source_of(key, effective, instance, own)
                )
                for key in effective.origins
            }
        except Refused as refused:
            findings += refusal_findings(instance, refused)
    return found, findings


def source_of(key: str, app: AppYaml, instance: Instance, own: InstanceDescriptor | None) -> str:
    """Where a key of the instance's ``app`` was written: ``app.yaml``, ``descriptor …``, …"""
    origin = app.origins[key]
    if own and origin == str(own.path):
        return descriptor_source(instance)
    return "instances.yaml" if origin == settings_source(instance) else "app.yaml"


def descriptor_source(instance: Instance) -> str:
    return f"descriptor {instance.id}/{NAME}"


def _masked_value(key: str, settings: Mapping[str, Any]) -> Any:
    if key.startswith("env_variables."):
        return MASK
    value = settings[key]
    if key == "build_env_variables" and isinstance(value, Mapping):
        return dict.fromkeys(value, MASK)
    return value
