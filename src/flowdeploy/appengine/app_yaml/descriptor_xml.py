"""Parses an appengine-web.xml into elements that know their lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml import DefusedXmlException
from defusedxml.sax import parseString

from flowdeploy.appengine.forms.problems import Position, Problem, describe_in_order
from flowdeploy.errors import Refused

ROOT = "appengine-web-app"


@dataclass(slots=True)
class Element:
    """An element; its name has no prefix. ``texts`` are the pieces of the text in it."""

    name: str
    line: int
    attributes: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()


class WrongDescriptor(Refused):
    """A descriptor that cannot be used for its instance.

    ``details`` are the problems; without ``what``, the message is the only one.
    """

    def __init__(self, source: str, what: str, problems: Iterable[Problem], hint: str) -> None:
        self.problems = tuple(sorted(problems, key=lambda found: (found.position, str(found))))
        details = describe_in_order(source, self.problems)
        message = f"{source} {what}" if what else details[0]
        super().__init__(message, details=details if what else (), hint=hint)


def problem(line: int, message: str, advice: str = "") -> Problem:
    return Problem((), message, advice, Position(line))


def parse_root(xml: bytes, source: str) -> Element:
    """The root of a descriptor; ``source`` is its name in messages. Raises WrongDescriptor."""
    tree = _Tree()
    try:
        parseString(xml, tree, forbid_dtd=True)
    except SAXParseException as error:
        found = problem(error.getLineNumber() or 1, f"is no XML: {error.getMessage()}")
    except DefusedXmlException:
        found = problem(1, "declares a document type or entities, which are never read")
    except (ValueError, LookupError) as error:  # of an encoding
        found = problem(1, f"is no XML: {error}")
    else:
        root = tree.top.children[0]
        if root.name == ROOT:
            return root
        found = problem(root.line, f"is <{root.name}>, not <{ROOT}>")
    hint = "Put the instance's appengine-web.xml there."
    raise WrongDescriptor(source, "", [found], hint)


class _Tree(ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.top = Element("", 0, {})
        self._open = [self.top]
        self._locator: Locator

    def setDocumentLocator(self, locator: Locator) -> None:
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        line = self._locator.getLineNumber() or 0
        element = Element(name.rpartition(":")[2], line, dict(attrs.items()))
        self._open[-1].children.append(element)
        self._open.append(element)

    def endElement(self, _name: str) -> None:
        self._open.pop()

    def characters(self, content: str) -> None:
        self._open[-1].texts.append(content)
