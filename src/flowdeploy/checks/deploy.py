"""The checks before a deploy: from what was observed of an instance to objections.

They run before the first change of any instance, so that a release is refused as a whole.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks import drift
from flowdeploy.checks.drift import Difference
from flowdeploy.planning.plan import Traffic
from flowdeploy.planning.revisions import base_of, revision_number, revisions_of
from flowdeploy.planning.traffic import Split

# From the API's own error message. Small apps have lower limits, known to the server only.
VERSIONS_PER_APP = 210

_DATED = re.compile(r"[0-9]{8}-[0-9]{6}(?![0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class BeforeDeploy:
    """An instance before it is changed.

    ``app`` is None if the project has no application, ``split`` if the service has no
    version, ``deployed`` if the version does not exist yet. ``version_count`` is the number
    of versions in all services of the app.
    """

    app: App | None
    split: Split | None = None
    version_count: int = 0
    deployed: DeployedVersion | None = None


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """The state of an instance.

    ``split`` is None if the service has no version; ``created`` maps its versions to their
    creation times (RFC 3339, UTC); ``version_count`` is the number of versions in all
    services of the app; ``operations`` are the app's operations in progress.
    """

    split: Split | None
    created: Mapping[str, str]
    version_count: int
    operations: tuple[str, ...] = ()

    @property
    def live(self) -> tuple[str, ...]:
        return self.split.live if self.split else ()

    @property
    def waiting(self) -> tuple[str, ...]:
        """The dark versions that are newer than all live ones, the newest first."""
        dark = (version for version in self.created if version not in self.live)
        newer = (v for v in dark if all(self._is_newer(v, live) for live in self.live))
        return tuple(sorted(newer, key=lambda version: self.created[version], reverse=True))

    @property
    def room(self) -> int:
        """How many more versions App Engine would accept."""
        return max(0, VERSIONS_PER_APP - self.version_count)

    def state(self, version: str) -> str:
        """``live``, ``dark`` or ``missing``. A revision counts as its version."""
        if revisions_of(version, self.live):
            return "live"
        return "dark" if revisions_of(version, self.created) else "missing"

    def _is_newer(self, version: str, live: str) -> bool:
        """By the names, since a release may be deployed late; else by creation."""
        are_dated = _DATED.match(version) and _DATED.match(live)
        if are_dated or base_of(version) == base_of(live):
            return is_older(live, version)
        return self.created[version] > self.created.get(live, "")


@dataclass(frozen=True, slots=True)
class WantedVersion:
    """A version to deploy, and what the user allows.

    ``archive`` is the name of a zip archive of the files, even if they are sent as files.
    """

    version: str
    traffic: Traffic
    files: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    archive: str = ""
    first_live: bool = False
    replace: bool = False
    allow_older: bool = False

    @property
    def digest(self) -> str:
        """Equal for versions with the same files and settings."""
        content = json.dumps([self.archive, self.settings], sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()


def deploy_objections(wanted: WantedVersion, seen: BeforeDeploy) -> tuple[str, ...]:
    """All objections to this deploy, as sentences."""
    if seen.app is None:
        return tuple(app_objections(None))
    return (
        *app_objections(seen.app),
        *_room_objections(seen),
        *_content_objections(wanted, seen),
        *_first_version_objections(wanted, seen),
        *_age_objections(wanted, seen),
    )


def app_objections(app: App | None) -> Iterator[str]:
    """Objections to any change of a missing or disabled application."""
    if app is None:
        yield "the project has no App Engine application, or may not be seen"
    elif app.serving_status != "SERVING":
        yield f"the application is {app.serving_status}: App Engine refuses deployments to it"


def is_deployed(wanted: WantedVersion, seen: BeforeDeploy) -> bool:
    """Whether the version exists with this content, and need not be created.

    If the server does not say which files it has: true for a version with traffic, which
    creating it again would replace under its users.
    """
    if seen.deployed is None:
        return False
    if not seen.deployed.is_told:
        return seen.split is not None and seen.split.serves(wanted.version)
    return not any(difference.is_grave for difference in differences(wanted, seen.deployed))


def differences(wanted: WantedVersion, deployed: DeployedVersion) -> tuple[Difference, ...]:
    """The differences from the wanted version, as far as the server shows its state."""
    content = _content_differences(wanted, deployed)
    if deployed.settings is None:
        return content
    return (*content, *drift.compare_settings(wanted.settings, deployed.settings))


def _content_differences(
    wanted: WantedVersion, deployed: DeployedVersion
) -> tuple[Difference, ...]:
    if deployed.files is not None:
        return drift.compare_files(wanted.files, deployed.files)
    if deployed.archive in (None, wanted.archive):
        return ()
    return (Difference(drift.FILES, {deployed.archive: None}, {wanted.archive: None}),)


def _room_objections(seen: BeforeDeploy) -> Iterator[str]:
    if not seen.deployed and seen.version_count >= VERSIONS_PER_APP:
        yield (
            f"there are {seen.version_count} versions, and App Engine allows {VERSIONS_PER_APP}:"
            " delete some that no rollback needs"
        )


def _content_objections(wanted: WantedVersion, seen: BeforeDeploy) -> Iterator[str]:
    if seen.deployed is None:
        return
    found = differences(wanted, seen.deployed)
    other = " and ".join(str(difference) for difference in found if difference.is_grave)
    if other and seen.split and seen.split.serves(wanted.version):
        yield (
            f"version {wanted.version} is live, with {other}; deploying it again would"
            " replace it under its users"
        )
    elif other and not wanted.replace:
        yield f"version {wanted.version} exists with {other}; --replace replaces it"


def _first_version_objections(wanted: WantedVersion, seen: BeforeDeploy) -> Iterator[str]:
    if wanted.traffic is Traffic.DARK and not wanted.first_live and seen.split is None:
        yield (
            "the service has no version yet, and App Engine gives all traffic to a service's first:"
            " it would be live, not dark; --first-live allows that"
        )


def _age_objections(wanted: WantedVersion, seen: BeforeDeploy) -> Iterator[str]:
    if wanted.traffic is Traffic.DARK or wanted.allow_older or seen.split is None:
        return
    version = wanted.version
    for live in seen.split.live:
        if is_older(version, live):
            yield f"version {live} is live and newer than {version}; --allow-older allows that"


def is_older(version: str, other: str) -> bool:
    """Whether both versions start with a time, and ``version`` has the earlier one.

    Of the revisions of one version, those with a lower number are older.
    """
    if base_of(version) == base_of(other):
        return revision_number(version) < revision_number(other)
    ours, theirs = _DATED.match(version), _DATED.match(other)
    return bool(ours and theirs) and version[:15] < other[:15]
