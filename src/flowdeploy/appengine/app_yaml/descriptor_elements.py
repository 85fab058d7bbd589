"""The elements of appengine-web.xml: what may stand in each, and what becomes of it.

The forms are those of ``appengine-web.xsd`` of Google's Java tools (2.0.36, and later for
``app-engine-bundled-services``), against which they check a descriptor before they stage it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flowdeploy.appengine.app_yaml.descriptor_xml import Element, problem
from flowdeploy.appengine.app_yaml.times import expiration
from flowdeploy.appengine.forms.problems import Place, Problem, Wrong, summary


class Fate(StrEnum):
    """What becomes of an element of an instance's own descriptor."""

    CARRIED = "it becomes a key of app.yaml"
    BUILT = "the build has used it for all instances: it must be as in the build's descriptor"
    OWN = "the runtime reads it from the instance's own file, which is deployed"
    UNSENT = "it names the version or the application, or gcloud sends nothing for it"
    FLEXIBLE = "it is of the flexible environment: it is refused"


@dataclass(frozen=True, slots=True)
class ElementForm:
    """What may stand in an element: text, or ``children`` of which each may be ``once``.

    ``others`` may stand beside the children; all of these have only text. ``text`` is what
    the text must match, which ``wanted`` describes. Of the ``attributes``, those in
    ``optional`` may be absent.
    """

    children: Mapping[str, ElementForm] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    text: str = r"(?s).*"
    wanted: str = ""
    once: bool = False
    others: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    fate: Fate
    form: ElementForm


TEXT = ElementForm()
FLAG = ElementForm(text="true|false|1|0", wanted="true or false")
_STREAMS = ElementForm(text="urlfetch|native", wanted="urlfetch or native")
_FIELDS = ElementForm(once=True, others=True)
_LIMITS = {
    "min-instances": ElementForm(text="[0-9]+", wanted="a whole number"),
    "max-instances": ElementForm(text="0*[1-9][0-9]*", wanted="a whole number, at least 1"),
}
_HEADERS = {"http-header": ElementForm(attributes=("name", "value"))}
_INCLUDE = ElementForm(_HEADERS, attributes=("path",), optional=("expiration",))
_PATH = ElementForm(attributes=("path",))


def _items(name: str, *attributes: str, optional: tuple[str, ...] = ()) -> ElementForm:
    return ElementForm({name: ElementForm(attributes=attributes, optional=optional)})


def _rules(fate: Fate, form: ElementForm, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), Rule(fate, form))


_API = ElementForm(
    {"endpoint-servlet-mapping-id": TEXT}, attributes=("servlet-class", "url-pattern")
)
_SESSIONS = ElementForm(attributes=("enabled",), optional=("queue-name",))
_CLASSES = _items("priority-specifier", "filename", optional=("priority",))
_PERMISSIONS = _items("permission", "class", "name", optional=("actions",))

RULES: Mapping[str, Rule] = {
    **_rules(Fate.CARRIED, TEXT, "runtime module service env entrypoint instance-class"),
    **_rules(Fate.CARRIED, TEXT, "service-account runtime-channel auto-id-policy"),
    **_rules(Fate.CARRIED, FLAG, "vm app-engine-apis threadsafe warmup-requests-enabled"),
    **_rules(Fate.CARRIED, ElementForm({"api": TEXT}), "app-engine-bundled-services"),
    **_rules(Fate.CARRIED, ElementForm({"service": TEXT}), "inbound-services"),
    **_rules(Fate.CARRIED, ElementForm(_LIMITS, once=True, others=True), "automatic-scaling"),
    **_rules(Fate.CARRIED, _FIELDS, "basic-scaling manual-scaling vpc-access-connector"),
    **_rules(Fate.CARRIED, _items("env-var", "name", "value"), "env-variables"),
    **_rules(Fate.CARRIED, _items("build-env-var", "name", "value"), "build-env-variables"),
    **_rules(Fate.CARRIED, _items("setting", "name", "value"), "beta-settings vm-settings"),
    **_rules(Fate.BUILT, ElementForm({"include": _INCLUDE, "exclude": _PATH}), "static-files"),
    **_rules(Fate.BUILT, ElementForm({"include": _PATH, "exclude": _PATH}), "resource-files"),
    **_rules(
        Fate.BUILT, _items("handler", "file", optional=("error-code",)), "static-error-handlers"
    ),
    **_rules(Fate.BUILT, FLAG, "ssl-enabled"),
    **_rules(Fate.BUILT, TEXT, "public-root"),
    **_rules(Fate.BUILT, _API, "api-config"),
    **_rules(Fate.BUILT, _FIELDS, "staging"),
    **_rules(Fate.OWN, _items("property", "name", "value"), "system-properties"),
    **_rules(Fate.OWN, FLAG, "sessions-enabled use-google-connector-j"),
    **_rules(Fate.OWN, _SESSIONS, "async-session-persistence"),
    **_rules(Fate.OWN, _STREAMS, "url-stream-handler"),
    **_rules(Fate.OWN, _CLASSES, "class-loader-config"),
    **_rules(Fate.OWN, _PERMISSIONS, "user-permissions"),
    **_rules(Fate.UNSENT, TEXT, "application version"),
    **_rules(Fate.UNSENT, FLAG, "precompilation-enabled code-lock"),
    **_rules(Fate.UNSENT, _items("page", "name", "url"), "admin-console"),
    **_rules(Fate.FLEXIBLE, TEXT, "health-check vm-health-check liveness-check readiness-check"),
    **_rules(Fate.FLEXIBLE, TEXT, "resources network"),
}

_ROOT = ElementForm({n: r.form for n, r in RULES.items() if r.fate is not Fate.FLEXIBLE}, once=True)
_UNSAID = {"ssl-enabled": "true"}  # Google's value for an element that is not there


def root_problems(root: Element) -> Iterator[Problem]:
    """What Google's tools would refuse, and what cannot be carried."""
    yield from _problems(root, _ROOT)


def built_value(element: Element) -> Any:
    """The value of an element with `Fate.BUILT`, as JSON: equal for what Google's tools stage
    alike."""
    text = {"1": "true", "0": "false"}.get(element.text, element.text)
    return [
        sorted([name, _attribute(name, value)] for name, value in element.attributes.items()),
        text.strip("/") if element.name == "public-root" else text,
        sorted([child.name, *built_value(child)] for child in element.children),
    ]


def unsaid_value(name: str) -> Any:
    """The `built_value` of an element that is not there."""
    return built_value(Element(name, 0, {}, [_UNSAID.get(name, "")]))


def _attribute(name: str, value: str) -> str:
    try:
        return expiration(value, Place()) if name == "expiration" else value.strip()
    except Wrong:
        return value.strip()


def _problems(element: Element, form: ElementForm) -> Iterator[Problem]:
    yield from _own_problems(element, form)
    for child in element.children:
        if inner := form.children.get(child.name, TEXT if form.others else None):
            yield from _problems(child, inner)


def _own_problems(element: Element, form: ElementForm) -> Iterator[Problem]:
    """What is wrong with an element, apart from what stands in its children."""
    where, tag = element.line, f"<{element.name}>"
    given = {name for name in element.attributes if not name.startswith(("xmlns", "xsi:"))}
    required = set(form.attributes)
    if not required <= given <= required | {*form.optional}:
        yield problem(where, f"{tag} is not {_shape(element.name, form)}")
    if "expiration" in given:
        yield from _expiration_problems(element)
    if (form.children or form.others) and element.text:
        yield problem(where, f"{tag} has text between its elements", "remove it")
    elif not element.children and not re.fullmatch(form.text, element.text):
        yield problem(where, f"{tag} cannot be {summary(element.text)}", f"write {form.wanted}")
    for child in element.children:
        if child.name not in form.children and not form.others:
            yield problem(child.line, *_unknown(child, form))
    count = Counter(child.name for child in element.children) if form.once else {}
    for name in (name for name, times in count.items() if times > 1):
        first, second, *_ = (child.line for child in element.children if child.name == name)
        yield problem(second, f"<{name}> stands in line {first} already", "keep one of them")


def _expiration_problems(element: Element) -> Iterator[Problem]:
    try:
        expiration(element.attributes["expiration"], Place())
    except Wrong as wrong:
        yield problem(element.line, f"<{element.name}> has a bad expiration", f"write {wrong}")


def _unknown(child: Element, form: ElementForm) -> tuple[str, ...]:
    """Says what to write where only one kind of element with attributes can stand."""
    shapes = [_shape(name, each) for name, each in form.children.items() if each.attributes]
    if len(form.children) == len(shapes) == 1:
        return (f"<{child.name}> is not {shapes[0]}",)
    return f"<{child.name}> is not supported", "remove it"


def _shape(name: str, form: ElementForm) -> str:
    attributes = (f'{attribute}="…"' for attribute in form.attributes)
    return f"<{' '.join((name, *attributes))}/>"
