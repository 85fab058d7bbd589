"""Reads the platform's settings from an instance's own appengine-web.xml.

The staging tool of the App Engine SDK converts one descriptor to app.yaml. The
descriptors of other instances replace it later, so their settings are converted to
keys of app.yaml here. Elements that only the staging tool or the runtime reads are
ignored; any other element is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml import DefusedXmlException
from defusedxml.sax import parseString

from flowdeploy.errors import Refused

ROOT = "appengine-web-app"
NAME = "appengine-web.xml"
DEPLOYED_AS = f"WEB-INF/{NAME}"
_NUMBER = re.compile(r"[0-9]{1,9}")

# Elements of the staging tool (which are in app.yaml already) or of the runtime.
_IGNORED = frozenset(
    {
        *("application", "version", "threadsafe", "precompilation-enabled", "code-lock"),
        *("sessions-enabled", "async-session-persistence", "system-properties", "public-root"),
        *("static-files", "resource-files", "static-error-handlers", "staging", "ssl-enabled"),
        *("url-stream-handler", "use-google-connector-j", "class-loader-config"),
        *("admin-console", "user-permissions", "warmup-requests-enabled"),
    }
)


@dataclass(slots=True)
class _Element:
    name: str
    line: int
    attributes: Mapping[str, str]
    text: str = ""
    children: list[_Element] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The ``settings`` of a descriptor as keys of app.yaml, and its service, if any."""

    settings: Mapping[str, Any]
    service: str | None = None


def read(xml: bytes, source: str) -> Descriptor:
    """Read a descriptor; ``source`` is its name in messages.

    Raises Refused if it is not a descriptor, or with every element that cannot be
    converted, as ``FILE:LINE: …``. Values are checked when they are merged.
    """
    settings: dict[str, Any] = {}
    problems: list[str] = []
    for element in _root(xml, source).children:
        try:
            if element.name not in _IGNORED:
                settings |= _CONVERTERS.get(element.name, _unknown)(element)
        except _UnknownElement as unknown:
            problems.append(f"{source}:{unknown}")
    if problems:
        raise Refused(
            f"{source} has settings that cannot be carried over to App Engine",
            details=problems,
            hint="Remove them, or write them as settings of the instance in the configuration.",
        )
    service = settings.pop("service", None)
    return Descriptor(settings, service)


class _UnknownElement(ValueError):
    """An unknown element; the message begins with its line."""


def _unknown(element: _Element) -> dict[str, Any]:
    raise _UnknownElement(f"{element.line}: <{element.name}> is not supported; remove it")


def _text(element: _Element) -> str:
    if element.children:
        _unknown(element.children[0])
    return element.text.strip()


def _plain(key: str) -> Callable[[_Element], dict[str, Any]]:
    return lambda element: {key: _text(element)}


def _switch(key: str) -> Callable[[_Element], dict[str, Any]]:
    words = {"true": True, "false": False}
    return lambda element: {key: words.get(_text(element).lower(), _text(element))}


def _block(element: _Element) -> dict[str, Any]:
    """Child elements as keys: <max-instances> is max_instances; digits are a number."""
    texts = {child.name.replace("-", "_"): _text(child) for child in element.children}
    inside = {key: int(text) if _NUMBER.fullmatch(text) else text for key, text in texts.items()}
    return {element.name.replace("-", "_"): inside}


def _names_and_values(key: str, child_name: str) -> Callable[[_Element], dict[str, Any]]:
    """Child elements with a name and a value, such as environment variables."""

    def convert(element: _Element) -> dict[str, Any]:
        return {key: dict(_pair(child, child_name) for child in element.children)}

    return convert


def _pair(child: _Element, child_name: str) -> tuple[str, str]:
    if child.name != child_name or child.attributes.keys() != {"name", "value"}:
        raise _UnknownElement(
            f'{child.line}: <{child.name}> is not <{child_name} name="…" value="…"/>'
        )
    return child.attributes["name"], child.attributes["value"]


def _services(element: _Element) -> dict[str, Any]:
    for child in element.children:
        if child.name != "service":
            _unknown(child)
    return {"inbound_services": [_text(child) for child in element.children]}


_CONVERTERS: Mapping[str, Callable[[_Element], dict[str, Any]]] = {
    "runtime": _plain("runtime"),
    "service": _plain("service"),
    "module": _plain("service"),
    "env": _plain("env"),
    "vm": _switch("vm"),
    "instance-class": _plain("instance_class"),
    "service-account": _plain("service_account"),
    "entrypoint": _plain("entrypoint"),
    "app-engine-apis": _switch("app_engine_apis"),
    "auto-id-policy": _plain("auto_id_policy"),
    "automatic-scaling": _block,
    "basic-scaling": _block,
    "manual-scaling": _block,
    "vpc-access-connector": _block,
    "inbound-services": _services,
    "env-variables": _names_and_values("env_variables", "env-var"),
    "build-env-variables": _names_and_values("build_env_variables", "build-env-var"),
    "beta-settings": _names_and_values("beta_settings", "setting"),
}


def _root(xml: bytes, source: str) -> _Element:
    tree = _Tree()
    try:
        parseString(xml, tree, forbid_dtd=True)
    except SAXParseException as error:
        found = f"{source}:{error.getLineNumber()}: is no XML: {error.getMessage()}"
    except DefusedXmlException:
        found = f"{source} declares a document type or entities, which are never read"
    else:
        root = tree.top.children[0]
        if root.name == ROOT:
            return root
        found = f"{source}:{root.line}: is <{root.name}>, not <{ROOT}>"
    raise Refused(found, hint="Put the instance's appengine-web.xml there.")


class _Tree(ContentHandler):
    """Builds elements with their lines and names without prefixes."""

    def __init__(self) -> None:
        super().__init__()
        self.top = _Element("", 0, {})
        self._open = [self.top]
        self._locator: Locator

    def setDocumentLocator(self, locator: Locator) -> None:
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        line = self._locator.getLineNumber() or 0
        element = _Element(name.rpartition(":")[2], line, dict(attrs.items()))
        self._open[-1].children.append(element)
        self._open.append(element)

    def endElement(self, _name: str) -> None:
        self._open.pop()

    def characters(self, content: str) -> None:
        self._open[-1].text += content
