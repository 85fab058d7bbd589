"""Reads what an instance's own appengine-web.xml says, as Google's staging tool reads it.

That tool converts one descriptor to app.yaml. The descriptors of other instances replace it
later, so their settings are converted to keys of app.yaml here; what cannot be must be as
in the descriptor of the build. `descriptor_elements` has a rule for every element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowdeploy.appengine.app_yaml.app import AppYaml
from flowdeploy.appengine.app_yaml.descriptor_elements import (
    RULES,
    Fate,
    built_value,
    root_problems,
    unsaid_value,
)
from flowdeploy.appengine.app_yaml.descriptor_xml import (
    Element,
    WrongDescriptor,
    parse_root,
    problem,
)
from flowdeploy.appengine.forms.problems import Problem
from flowdeploy.appengine.runtimes import is_second_generation

NAME = "appengine-web.xml"
DEPLOYED_AS = f"WEB-INF/{NAME}"
_WARMUP = "warmup"
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Said:
    """A text or a value of a descriptor, and its line."""

    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a descriptor says.

    ``settings`` are keys of app.yaml; ``warmup`` and ``threadsafe`` are settings whose effect
    depends on the application. ``built`` are the values that the build has used for all
    instances, by element (see `built_value`).
    """

    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    service: str | None = None
    application: Said | None = None
    properties: Mapping[str, Said] = field(default_factory=dict)
    built: Mapping[str, Said] = field(default_factory=dict)
    warmup: bool | None = None
    threadsafe: bool | None = None

    def settings_over(self, app: AppYaml) -> dict[str, Any]:
        """The keys of app.yaml to put in place of the application's own."""
        found = dict(self.settings)
        if "inbound_services" not in found and self.warmup is not None:
            inherited = [s for s in app.settings.get("inbound_services") or () if s != _WARMUP]
            found["inbound_services"] = [*inherited, *([_WARMUP] if self.warmup else [])]
        # The staging tool leaves `false` out, and the element altogether for later runtimes.
        if not is_second_generation(app.runtime):
            if self.threadsafe:
                found["threadsafe"] = True
            elif self.threadsafe is False and "threadsafe" in app.settings:
                found["threadsafe"] = None
        return found

    def unlike_build(self, built: Mapping[str, Any]) -> Iterator[Problem]:
        """What is not as in the descriptor of the build."""
        for name, said in self.built.items():
            if said.value != built.get(name, unsaid_value(name)):
                yield problem(
                    said.line,
                    f"<{name}> is not as in the {DEPLOYED_AS} that was built, which decides for"
                    " all instances",
                    "write the same there and build again, or remove it",
                )


def read(xml: bytes, source: str) -> Descriptor:
    """Read a descriptor; ``source`` is its name in messages.

    Raises WrongDescriptor if it is no descriptor, or with everything that the staging tool
    would refuse or that cannot be converted. Values are checked when they are merged.
    """
    root = parse_root(xml, source)
    if problems := (*root_problems(root), *_both_names(root)):
        raise WrongDescriptor(
            source,
            "has settings that cannot be carried over to App Engine",
            problems,
            "Remove them, or write them as settings of the instance in the configuration.",
        )
    elements = {element.name: element for element in root.children}
    settings: dict[str, Any] = {}
    for key, value in (each for element in root.children for each in _convert(element).items()):
        settings[key] = {**settings.get(key, {}), **value} if key == "beta_settings" else value
    services, warmup = _inbound_services(root)
    if services is not None:
        settings["inbound_services"] = services
    service = settings.pop("service", None)
    application = elements.get("application")
    return Descriptor(
        source,
        settings,
        service,
        Said(application.text, application.line) if application and application.text else None,
        _properties(elements.get("system-properties")),
        _built_values(root),
        warmup,
        _flag(elements.get("threadsafe")),
    )


def read_built_values(xml: bytes) -> dict[str, Any]:
    """The `built_value` of each such element in the descriptor of the build; none where it
    is no descriptor, since instances have their own in its place."""
    try:
        return {name: said.value for name, said in _built_values(parse_root(xml, NAME)).items()}
    except (WrongDescriptor, RecursionError):
        return {}


def _built_values(root: Element) -> dict[str, Said]:
    return {
        element.name: Said(built_value(element), element.line)
        for element in root.children
        if element.name in RULES and RULES[element.name].fate is Fate.BUILT
    }


def _both_names(root: Element) -> Iterator[Problem]:
    named = [element for element in root.children if element.name in ("module", "service")]
    if len({element.name for element in named}) > 1:
        yield problem(named[-1].line, "<module> and <service> stand both", "keep one of them")


def _convert(element: Element) -> dict[str, Any]:
    """The keys of app.yaml for an element; none for one that says nothing."""
    converter = _CONVERTERS.get(element.name)
    if converter is None or not (element.text or element.children):
        return {}
    return converter(element)


def _key(element: Element) -> str:
    """The key of app.yaml: <max-instances> is max_instances."""
    return element.name.replace("-", "_")


def _plain(element: Element) -> dict[str, Any]:
    return {_key(element): element.text}


def _flag(element: Element | None) -> bool | None:
    return None if element is None else element.text in ("true", "1")


def _environment(element: Element) -> dict[str, Any]:
    """Only the flexible environment is ever named, which is refused later."""
    if element.name == "vm":
        return {"vm": True} if _flag(element) else {}
    return {} if element.text == "standard" else _plain(element)


def _block(element: Element) -> dict[str, Any]:
    """Child elements as keys; digits are a number."""
    texts = {_key(child): child.text for child in element.children}
    inside = {key: int(text) if _NUMBER.fullmatch(text) else text for key, text in texts.items()}
    return {_key(element): inside}


def _named_values(element: Element) -> dict[str, Any]:
    key = "beta_settings" if element.name == "vm-settings" else _key(element)
    return {key: {name: said.value for name, said in _properties(element).items()}}


def _properties(element: Element | None) -> dict[str, Said]:
    """The names and values of child elements, of equal names the last one."""
    return {
        child.attributes["name"].strip(): Said(child.attributes["value"].strip(), child.line)
        for child in (element.children if element else ())
    }


def _inbound_services(root: Element) -> tuple[list[str] | None, bool | None]:
    """The services, None where none are listed; and whether warm-up requests are wanted.

    As in the staging tool, they are wanted wherever nothing is said of them, and an element
    that says false removes them from what stands before it.
    """
    services: list[str] = []
    warmup: bool | None = None
    listed = False
    for element in root.children:
        if element.name == "inbound-services":
            listed = True
            services += [child.text for child in element.children]
        elif element.name == "warmup-requests-enabled":
            warmup = _flag(element)
            without = [service for service in services if service != _WARMUP]
            services = [*services, _WARMUP] if warmup else without
    if warmup is None:
        services.append(_WARMUP)
    return (list(dict.fromkeys(services)) if listed else None), warmup


_CONVERTERS: Mapping[str, Callable[[Element], dict[str, Any]]] = {
    **dict.fromkeys(
        (
            *("runtime", "service", "entrypoint", "instance-class", "service-account"),
            *("runtime-channel", "auto-id-policy"),
        ),
        _plain,
    ),
    **dict.fromkeys(("vm", "env"), _environment),
    "module": lambda element: {"service": element.text},
    "app-engine-apis": lambda element: {_key(element): _flag(element)},
    "app-engine-bundled-services": lambda element: {
        _key(element): [child.text for child in element.children]
    },
    **dict.fromkeys(
        ("automatic-scaling", "basic-scaling", "manual-scaling", "vpc-access-connector"), _block
    ),
    **dict.fromkeys(
        ("env-variables", "build-env-variables", "beta-settings", "vm-settings"), _named_values
    ),
}
