"""The paths of files that Clojars accepts."""

import re
from dataclasses import dataclass

_LIST = re.compile(r"(?P<group>.+)/(?P<artifact>[^/]+)/(?P<file>maven-metadata\.xml[^/]*)")
_FILE = re.compile(
    r"(?P<group>[^.]+)/(?P<artifact>[^/]+)/(?P<version>[^/]+)/"
    r"(?P<file>[^/]+\.(?:pom|jar|sha1|md5|asc|module|sig))"
)
_SUFFIXES = "pom|jar|xml|sha1|md5|asc|module|sig"
_NOT_CLOJARS = r"_sandbox|batch|download|resumable|storage|upload|v\d+(?:beta\d+)?"
# A route for paths of repository files without ``repo/``.
OUTSIDE_REPO = rf"(?!(?:{_NOT_CLOJARS})/).+\.(?:{_SUFFIXES})"
_STAMP = re.compile(r"-(\d{8}\.\d{6}-\d+)\.")


@dataclass(frozen=True, slots=True)
class FilePath:
    """The parts of a path in the repository.

    ``version`` is None for the artifact's maven-metadata.xml and its checksums; ``stamp``
    is the timestamp in the name of a snapshot's file.
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


def parse_path(path: str) -> FilePath | None:
    """Parse a path below ``/repo/``; None if Clojars does not accept the file."""
    listed = _LIST.fullmatch(path)
    if listed and not listed["artifact"].endswith("-SNAPSHOT"):
        return FilePath(path, _to_group(listed["group"]), listed["artifact"], None, listed["file"])
    if listed:
        group, _, artifact = listed["group"].rpartition("/")
        return FilePath(path, _to_group(group), artifact, listed["artifact"], listed["file"])
    found = _FILE.fullmatch(path)
    if found is None:
        return None
    return FilePath(
        path, _to_group(found["group"]), found["artifact"], found["version"], found["file"]
    )


def _to_group(folder: str) -> str:
    return folder.replace("/", ".")
