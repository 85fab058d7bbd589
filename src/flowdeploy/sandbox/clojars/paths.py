"""The paths that Clojars takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LIST = re.compile(r"(?P<group>.+)/(?P<artifact>[^/]+)/(?P<file>maven-metadata\.xml[^/]*)")
_FILE = re.compile(
    r"(?P<group>[^.]+)/(?P<artifact>[^/]+)/(?P<version>[^/]+)/"
    r"(?P<file>[^/]+\.(?:pom|jar|sha1|md5|asc|module|sig))"
)
_SUFFIXES = "pom|jar|xml|sha1|md5|asc|module|sig"
_NOT_CLOJARS = r"_sandbox|batch|download|resumable|storage|upload|v\d+(?:beta\d+)?"
# The path of a repository's file that lacks its ``repo/``, for a route.
ASTRAY = rf"(?!(?:{_NOT_CLOJARS})/).+\.(?:{_SUFFIXES})"
_STAMP = re.compile(r"-(\d{8}\.\d{6}-\d+)\.")


@dataclass(frozen=True, slots=True)
class Target:
    """What a path in the repository stands for.

    ``version`` is None for the artifact's own maven-metadata.xml and its checksums;
    ``stamp`` is the timestamp of a file of a snapshot.
    """

    path: str
    group: str
    artifact: str
    version: str | None
    name: str

    @property
    def project(self) -> str:
        return f"{self.group}:{self.artifact}"

    @property
    def is_snapshot(self) -> bool:
        return (self.version or "").endswith("-SNAPSHOT")

    @property
    def stamp(self) -> str | None:
        found = _STAMP.search(self.name) if self.is_snapshot else None
        return found[1] if found else None


def parse(path: str) -> Target | None:
    """The target of a path below ``/repo/``, or None where Clojars takes no such file."""
    listed = _LIST.fullmatch(path)
    if listed and not listed["artifact"].endswith("-SNAPSHOT"):
        return Target(path, _dotted(listed["group"]), listed["artifact"], None, listed["file"])
    if listed:
        group, _, artifact = listed["group"].rpartition("/")
        return Target(path, _dotted(group), artifact, listed["artifact"], listed["file"])
    found = _FILE.fullmatch(path)
    if found is None:
        return None
    return Target(path, _dotted(found["group"]), found["artifact"], found["version"], found["file"])


def _dotted(folder: str) -> str:
    return folder.replace("/", ".")
