"""maven-metadata.xml: the versions of an artifact.

The format is that of Maven's repository metadata: ``release`` is the latest release,
``versions`` are in the order of publishing, ``lastUpdated`` is UTC as
``yyyyMMddHHmmss``.
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
    """The metadata; ``latest`` is None if the repository does not have it, as on Clojars."""

    coordinates: Coordinates
    versions: tuple[str, ...] = ()
    release: str | None = None
    latest: str | None = None
    updated: datetime | None = None

    def with_versions(self, versions: Iterable[str]) -> Metadata:
        """With these versions added at the end; existing ones keep their places."""
        return replace(self, versions=tuple(dict.fromkeys([*self.versions, *versions])))

    def with_release(self, version: str, now: datetime) -> Metadata:
        """With ``version`` as the latest release and a later ``updated``.

        The later time makes the bytes differ from earlier ones: Clojars answers 201 to
        the same bytes and does nothing.
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
    """Parse repository metadata. Raises ValueError."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
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
    """Parse a time; None for another form, since the time is only compared."""
    try:
        return datetime.strptime(text or "", _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
