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
    texts: list[str] = field(default_factory=list)
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
    return "".join(element.texts).strip()


def _key(element: _Element) -> str:
    """The key of app.yaml: <max-instances> is max_instances."""
    return element.name.replace("-", "_")


def _plain(element: _Element) -> dict[str, Any]:
    return {_key(element): _text(element)}


def _switch(element: _Element) -> dict[str, Any]:
    text = _text(element)
    return {_key(element): {"true": True, "false": False}.get(text.lower(), text)}


def _block(element: _Element) -> dict[str, Any]:
    """Child elements as keys; digits are a number."""
    texts = {_key(child): _text(child) for child in element.children}
    inside = {key: int(text) if _NUMBER.fullmatch(text) else text for key, text in texts.items()}
    return {_key(element): inside}


def _names_and_values(element: _Element) -> dict[str, Any]:
    """Child elements with a name and a value, such as environment variables."""
    name = _NAMED_CHILDREN[element.name]
    for child in element.children:
        if child.name != name or child.attributes.keys() != {"name", "value"}:
            raise _UnknownElement(
                f'{child.line}: <{child.name}> is not <{name} name="…" value="…"/>'
            )
    pairs = (child.attributes for child in element.children)
    return {_key(element): {pair["name"]: pair["value"] for pair in pairs}}


def _services(element: _Element) -> dict[str, Any]:
    for child in element.children:
        if child.name != "service":
            _unknown(child)
    return {"inbound_services": [_text(child) for child in element.children]}


_NAMED_CHILDREN = {
    "env-variables": "env-var",
    "build-env-variables": "build-env-var",
    "beta-settings": "setting",
}
_PLAIN = (
    *("runtime", "service", "env", "instance-class", "service-account", "entrypoint"),
    "auto-id-policy",
)
_BLOCKS = ("automatic-scaling", "basic-scaling", "manual-scaling", "vpc-access-connector")
_CONVERTERS: Mapping[str, Callable[[_Element], dict[str, Any]]] = {
    **dict.fromkeys(_PLAIN, _plain),
    "module": lambda element: {"service": _text(element)},
    **dict.fromkeys(("vm", "app-engine-apis"), _switch),
    **dict.fromkeys(_BLOCKS, _block),
    "inbound-services": _services,
    **dict.fromkeys(_NAMED_CHILDREN, _names_and_values),
}


def _root(xml: bytes, source: str) -> _Element:
    tree = _Tree()
    try:
        parseString(xml, tree, forbid_dtd=True)
    except SAXParseException as error:
        found = f"{source}:{error.getLineNumber()}: is no XML: {error.getMessage()}"
    except DefusedXmlException:
        found = f"{source} declares a document type or entities, which are never read"
    except (ValueError, LookupError) as error:  # of an encoding
        found = f"{source}:1: is no XML: {error}"
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
        self._open[-1].texts.append(content)
