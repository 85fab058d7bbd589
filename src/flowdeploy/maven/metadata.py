"""maven-metadata.xml: the versions that an artifact has.

The format is that of Maven's repository metadata: ``release`` is the version that
was released last, ``versions`` are in the order of their publishing, ``lastUpdated``
is UTC as ``yyyyMMddHHmmss``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as Xml

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from flowdeploy.maven.coordinates import Coordinates

_MOMENT = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class Metadata:
    """``latest`` is None where the repository does not keep it, as Clojars does not."""

    coordinates: Coordinates
    versions: tuple[str, ...] = ()
    release: str | None = None
    latest: str | None = None
    updated: datetime | None = None

    def with_versions(self, versions: Iterable[str]) -> Metadata:
        """With these at the end, each once; those that are there keep their places."""
        return replace(self, versions=tuple(dict.fromkeys([*self.versions, *versions])))

    def with_release(self, version: str, now: datetime) -> Metadata:
        """After ``version`` was released; ``updated`` is always later than it was.

        That makes the bytes differ from all that were sent before: Clojars takes
        the same bytes a second time with 201 and does nothing.
        """
        now = now.astimezone(UTC).replace(microsecond=0)
        return replace(
            self.with_versions([version]),
            release=version,
            latest=version if self.latest else None,
            updated=max(now, self.updated + timedelta(seconds=1)) if self.updated else now,
        )

    def to_xml(self) -> bytes:
        root = Xml.Element("metadata")
        _add(root, "groupId", self.coordinates.group)
        _add(root, "artifactId", self.coordinates.artifact)
        versioning = Xml.SubElement(root, "versioning")
        _add(versioning, "latest", self.latest)
        _add(versioning, "release", self.release)
        versions = Xml.SubElement(versioning, "versions")
        for version in self.versions:
            _add(versions, "version", version)
        _add(versioning, "lastUpdated", f"{self.updated:{_MOMENT}}" if self.updated else None)
        Xml.indent(root)
        document: bytes = Xml.tostring(root, encoding="UTF-8", xml_declaration=True)
        return document + b"\n"


def parse(data: bytes, coordinates: Coordinates) -> Metadata:
    """Raises ValueError where it is no repository metadata."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ValueError(f"it is not XML: {error}") from error
    if root.tag.rpartition("}")[2] != "metadata":
        raise ValueError(f"its root is <{root.tag}>, not <metadata>")
    versions = [
        (v.text or "").strip() for v in root.iterfind("{*}versioning/{*}versions/{*}version")
    ]
    return Metadata(
        coordinates,
        tuple(version for version in versions if version),
        _text(root, "release"),
        _text(root, "latest"),
        _moment(_text(root, "lastUpdated")),
    )


def _add(parent: Xml.Element, name: str, text: str | None) -> None:
    if text:
        Xml.SubElement(parent, name).text = text


def _text(root: Xml.Element, name: str) -> str | None:
    return (root.findtext(f"{{*}}versioning/{{*}}{name}") or "").strip() or None


def _moment(text: str | None) -> datetime | None:
    """None also for a text of another form: it is only compared, to be later than it."""
    try:
        return datetime.strptime(text or "", _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
