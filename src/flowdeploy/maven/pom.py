"""The pom of a library: what it says, and the same pom for another version."""

from __future__ import annotations

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

_CHILD = 2  # the depth of an element that stands directly in <project>
_WELL_FORMED = "A pom is an XML document without a DTD whose root is <project>."
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Dependency:
    """``version`` is empty where a parent manages it."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Pom:
    """What a repository looks at, as it stands in the file.

    Nothing is interpolated: a repository does not do so either. The group may
    be the parent's; the artifact is always the pom's own.
    """

    group: str
    artifact: str
    licensed: bool
    dependencies: tuple[Dependency, ...]


def coordinates(pom: bytes, source: str) -> Coordinates:
    """The group and the artifact of a pom that was read from ``source``.

    Raises Refused where it is no pom, or says neither plainly.
    """
    parsed = parse(pom, source)
    problems = list(name_problems(parsed))
    if problems:
        raise Refused(f"{source} does not name the library", details=problems)
    return Coordinates(parsed.group, parsed.artifact)


def parse(pom: bytes, source: str) -> Pom:
    """Raises Refused where it is not XML, not a pom, or a name stands in it twice."""
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
    """Why its group and artifact name no library; one sentence each."""
    for element, value in (("groupId", pom.group), ("artifactId", pom.artifact)):
        if not value:
            yield f"the pom has no <{element}>: add it to <project>"
        elif "${" in value:
            yield f"<{element}> is {value}: write the value itself, a repository has no properties"


def with_version(pom: bytes, version: str) -> bytes:
    """The pom, with this version and otherwise the same byte for byte.

    ``pom`` has been through ``parse``, so it holds no document type. A pom that
    takes its version from its parent gets one of its own.
    """
    places = _Places(pom)
    # Latin-1 stands for all encodings that hold ASCII as it is: each byte is a character.
    encoding = _BYTE_ORDER_MARKS.get(pom[:2], "latin-1")
    if "version" in places.content:
        begin, end = places.content["version"]
        return pom[:begin] + version.encode(encoding) + pom[end:]
    place = places.tag["artifactId"]
    before = pom[:place].decode(encoding)
    blanks = before[len(before.rstrip(" \t\r\n")) :]
    return pom[:place] + f"<version>{version}</version>{blanks}".encode(encoding) + pom[place:]


class _Places:
    """Where the children of <project> stand in a pom, as offsets in bytes.

    ``tag`` is where a child's tag begins, ``content`` from where to where its content
    goes. Expat counts in the file's own encoding.
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
        """Whatever comes first after a child's tag is where its content begins."""
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
    """Without its namespace, as ElementTree (``{uri}name``) or expat (``prefix:name``) has it."""
    return re.split("[}:]", name)[-1]
