"""Reads the pom of a library, and sets its version."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from flowdeploy.errors import Refused
from flowdeploy.maven.coordinates import Coordinates

_CHILD = 2  # the depth of a child of <project>
_WELL_FORMED = "A pom is an XML document without a DTD whose root is <project>."
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency; ``version`` is empty if a parent manages it."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Pom:
    """The parts of a pom that a repository checks, as they are written.

    Properties are not interpolated, as in a repository. The group may be the parent's;
    the artifact is always the pom's own.
    """

    group: str
    artifact: str
    licensed: bool
    dependencies: tuple[Dependency, ...]


def coordinates(pom: bytes, source: str) -> Coordinates:
    """The group and the artifact of a pom; ``source`` is its name in messages.

    Raises Refused if it is not a pom or lacks one of them.
    """
    found = parse(pom, source)
    problems = list(name_problems(found))
    if problems:
        raise Refused(f"{source} does not name the library", details=problems)
    return Coordinates(found.group, found.artifact)


def parse(pom: bytes, source: str) -> Pom:
    """Parse a pom. Raises Refused if it is not a pom, or has an element twice or empty."""
    root = _root(pom, source)
    for name in ("groupId", "artifactId", "version"):
        found = root.findall(f"{{*}}{name}")
        if len(found) > 1:
            raise Refused(f"{source} has more than one <{name}>", hint="Leave one of them.")
        if found and not _text(root, name):
            raise Refused(f"{source} has an empty <{name}>", hint="Fill it in, or remove it.")
    return Pom(
        group=_text(root, "groupId") or _text(root, "parent/groupId"),
        artifact=_text(root, "artifactId"),
        licensed=root.find("{*}licenses/{*}license") is not None,
        dependencies=tuple(
            Dependency(f"{_text(d, 'groupId')}:{_text(d, 'artifactId')}", _text(d, "version"))
            for d in root.iterfind("{*}dependencies/{*}dependency")
        ),
    )


def name_problems(pom: Pom) -> Iterator[str]:
    """Problems of group and artifact, one sentence each."""
    for element, value in (("groupId", pom.group), ("artifactId", pom.artifact)):
        if not value:
            yield f"the pom has no <{element}>: add it to <project>"
        elif "${" in value:
            yield f"<{element}> is {value}: write the value itself, a repository has no properties"


def with_version(pom: bytes, version: str) -> bytes:
    """The pom with this version, and otherwise the same byte for byte.

    `parse` has accepted the pom, so it has no document type. A pom that inherits the
    version of its parent gets its own.
    """
    places = _Places(pom)
    # Latin-1 works for every encoding that extends ASCII: each byte is a character.
    encoding = _BYTE_ORDER_MARKS.get(pom[:2], "latin-1")
    if "version" in places.content:
        begin, end = places.content["version"]
        return pom[:begin] + version.encode(encoding) + pom[end:]
    place = places.tag["artifactId"]
    before = pom[:place].decode(encoding)
    blanks = before[len(before.rstrip(" \t\r\n")) :]
    return pom[:place] + f"<version>{version}</version>{blanks}".encode(encoding) + pom[place:]


class _Places:
    """Offsets in bytes of the children of <project>.

    ``tag`` is the begin of a child's tag, ``content`` begin and end of its content. Expat
    counts bytes of the file's own encoding.
    """

    def __init__(self, pom: bytes) -> None:
        self.tag: dict[str, int] = {}
        self.content: dict[str, tuple[int, int]] = {}
        self._depth = 0
        self._opened: int | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.DefaultHandler = self._other
        self._parser.Parse(pom, True)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._other()
        self._depth += 1
        if self._depth == _CHILD:
            self.tag[_local(name)] = self._parser.CurrentByteIndex
            self._opened = None

    def _other(self, _data: str = "") -> None:
        """The first event after a child's tag is the begin of its content."""
        if self._opened is None:
            self._opened = self._parser.CurrentByteIndex

    def _end(self, name: str) -> None:
        self._other()
        if self._depth == _CHILD and self._opened is not None:
            self.content[_local(name)] = (self._opened, self._parser.CurrentByteIndex)
        self._depth -= 1


def _root(pom: bytes, source: str) -> Element:
    try:
        root = fromstring(pom, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        reason = "it has a DTD" if isinstance(error, DefusedXmlException) else str(error)
        raise Refused(f"{source} is not a pom: {reason}", hint=_WELL_FORMED) from error
    if _local(root.tag) != "project":
        raise Refused(f"{source} is not a pom: its root is <{_local(root.tag)}>", hint=_WELL_FORMED)
    return root


def _text(element: Element, path: str) -> str:
    return (element.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or "").strip()


def _local(name: str) -> str:
    """The name without a namespace of ElementTree (``{uri}name``) or expat (``prefix:name``)."""
    return re.split("[}:]", name)[-1]
