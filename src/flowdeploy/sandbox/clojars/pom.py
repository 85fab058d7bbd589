"""What Clojars reads in a pom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from flowdeploy.sandbox.clojars.problems import Problem, invalid_pom


@dataclass(frozen=True, slots=True)
class Pom:
    group: str
    artifact: str
    version: str
    licenses: int
    dependencies: tuple[str, ...]


def read(data: bytes) -> Pom:
    """What stands in it, or in its parent; nothing is interpolated. Raises Problem."""
    root = _root(data, "project")
    if root is None:
        raise invalid_pom("failed to parse the POM file")
    return Pom(
        group=_own_or_parents(root, "groupId"),
        artifact=_own_or_parents(root, "artifactId"),
        version=_own_or_parents(root, "version"),
        licenses=len(root.findall("{*}licenses/{*}license")),
        dependencies=tuple(
            _text(d, "{*}version") for d in root.iterfind("{*}dependencies/{*}dependency")
        ),
    )


def is_metadata(data: bytes) -> bool:
    return _root(data, "metadata") is not None


def problems(pom: Pom, group: str, artifact: str, version: str) -> Iterator[Problem]:
    """In the order in which Clojars comes upon them."""
    names = {"group": group, "name": artifact, "version": version}
    for (name, expected), found in zip(
        names.items(), (pom.group, pom.artifact, pom.version), strict=True
    ):
        if found != expected:
            yield invalid_pom(
                f"the {name} in the pom ({found}) is not the {name} of the path ({expected})"
            )
    if not pom.licenses:
        yield invalid_pom("the POM file declares no license")
    if {"LATEST", "RELEASE"} & {*pom.dependencies}:
        yield invalid_pom("a dependency of the POM file has the version LATEST or RELEASE")
    if any("," in dependency for dependency in pom.dependencies):
        yield invalid_pom("a dependency of the POM file has a version range")
    snapshot = version.endswith("-SNAPSHOT")
    if not snapshot and any(d.endswith("-SNAPSHOT") for d in pom.dependencies):
        yield invalid_pom("a dependency of the POM file is a SNAPSHOT")


def _root(data: bytes, name: str) -> Element | None:
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return root if root.tag.rpartition("}")[2] == name else None


def _own_or_parents(root: Element, name: str) -> str:
    return _text(root, f"{{*}}{name}") or _text(root, f"{{*}}parent/{{*}}{name}")


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
