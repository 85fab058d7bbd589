"""The POM: the parts that Clojars reads, and their checks."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from flowdeploy.sandbox.clojars.errors import ClojarsProblem, invalid_pom_problem


@dataclass(frozen=True, slots=True)
class PomSummary:
    """The parts of a POM that Clojars checks."""

    group: str
    artifact: str
    version: str
    licenses: int
    dependencies: tuple[str, ...]


def parse_pom(data: bytes) -> PomSummary:
    """Parse a POM. Coordinates may come from its parent. Raises ClojarsProblem."""
    root = _root(data, "project")
    if root is None:
        raise invalid_pom_problem("failed to parse the POM file")
    return PomSummary(
        group=_own_or_parents(root, "groupId"),
        artifact=_own_or_parents(root, "artifactId"),
        version=_own_or_parents(root, "version"),
        licenses=len(root.findall("{*}licenses/{*}license")),
        dependencies=tuple(
            _text(d, "{*}version") for d in root.iterfind("{*}dependencies/{*}dependency")
        ),
    )


def is_metadata(data: bytes) -> bool:
    """Whether the data are a well-formed maven-metadata.xml."""
    return _root(data, "metadata") is not None


def find_problems(
    pom: PomSummary, group: str, artifact: str, version: str
) -> Iterator[ClojarsProblem]:
    """The problems of a POM, in the order in which Clojars checks for them."""
    names = {"group": group, "name": artifact, "version": version}
    for (name, expected), found in zip(
        names.items(), (pom.group, pom.artifact, pom.version), strict=True
    ):
        if found != expected:
            yield invalid_pom_problem(
                f"the {name} in the pom ({found}) is not the {name} of the path ({expected})"
            )
    if not pom.licenses:
        yield invalid_pom_problem("the POM file declares no license")
    if {"LATEST", "RELEASE"} & {*pom.dependencies}:
        yield invalid_pom_problem("a dependency of the POM file has the version LATEST or RELEASE")
    if any("," in dependency for dependency in pom.dependencies):
        yield invalid_pom_problem("a dependency of the POM file has a version range")
    snapshot = version.endswith("-SNAPSHOT")
    if not snapshot and any(d.endswith("-SNAPSHOT") for d in pom.dependencies):
        yield invalid_pom_problem("a dependency of the POM file is a SNAPSHOT")


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
