"""Rules of every Maven repository; each problem is a sentence that says what to change.

`flowdeploy.maven.clojars_rules` has the rules of Clojars.
"""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from flowdeploy.maven.pom import Dependency, Pom, name_problems

_NAME = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_LEGAL = "use letters, digits, dots, hyphens and underscores, and no two dots in a row"
_VERSION = re.compile(r"[A-Za-z0-9_.+-]+", re.ASCII)


def pom_problems(pom: Pom) -> Iterator[str]:
    """Check group, artifact and dependencies."""
    yield from name_problems(pom)
    for element, value in (("groupId", pom.group), ("artifactId", pom.artifact)):
        if value and "${" not in value and not is_plain(value, _NAME):
            yield f"<{element}> is {value}: {_LEGAL}"
    for dependency in pom.dependencies:
        yield from _dependency_problems(dependency)


def version_problems(version: str) -> Iterator[str]:
    if not is_plain(version, _VERSION):
        yield f"the version {version!r} is not legal: {_LEGAL}; a plus is legal too"
    if version.endswith("-SNAPSHOT"):
        yield f"the version {version} is a snapshot: only releases are published"


def classifier_problems(classifier: str | None) -> Iterator[str]:
    if classifier is not None and not is_plain(classifier, _NAME):
        yield f"the classifier {classifier!r} is not legal: {_LEGAL}"


def address_problems(url: str) -> Iterator[str]:
    """Reasons not to send a user name and a token to this address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield f"the repository {without_user(url)} is not an https address"
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        yield f"the repository {without_user(url)} would read the token in the clear: use https"
    if parts.username is not None:
        yield (
            f"the repository's address {without_user(url)} has a user name in it: "
            "set CLOJARS_USERNAME and CLOJARS_PASSWORD instead"
        )


def is_plain(value: str, legal: re.Pattern[str]) -> bool:
    """Whether a value has only legal characters and no parent folder in a path."""
    return bool(legal.fullmatch(value)) and ".." not in value


def without_user(url: str) -> str:
    """The address without user name and password, for messages."""
    return re.sub(r"//[^/]*@", "//", url)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _dependency_problems(dependency: Dependency) -> Iterator[str]:
    name, version = dependency.name, dependency.version
    if version in ("LATEST", "RELEASE"):
        yield f"dependency {name} asks for {version}: name a version"
    elif version.endswith("-SNAPSHOT"):
        yield f"dependency {name} is the snapshot {version}: name a released version"
    elif "," in version:
        yield f"dependency {name} has the range {version}: name one version"
