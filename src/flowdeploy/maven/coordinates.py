"""Paths of an artifact in a Maven repository."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A group and an artifact: the name of a library, without its version."""

    group: str
    artifact: str

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}"

    @property
    def folder(self) -> str:
        """The path of the artifact: ``org/akvo/flow/akvo-flow``."""
        return f"{self.group.replace('.', '/')}/{self.artifact}"

    @property
    def metadata(self) -> str:
        """The path of the file that lists the versions."""
        return f"{self.folder}/maven-metadata.xml"

    def path(self, version: str, extension: str, classifier: str | None = None) -> str:
        """The path of one file of a version, such as its pom or a jar with a classifier."""
        suffix = f"-{classifier}" if classifier else ""
        return f"{self.folder}/{version}/{self.artifact}-{version}{suffix}.{extension}"
