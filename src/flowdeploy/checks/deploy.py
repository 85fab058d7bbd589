"""What was observed of an instance → what speaks against changing it.

Everything here is looked at before the first change to any instance, so that a
release is refused as a whole rather than half-way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks import drift
from flowdeploy.checks.drift import Difference
from flowdeploy.planning.plan import Traffic
from flowdeploy.planning.traffic import Split

# Seen in the API's own refusal. Small apps have lower limits, which only the server knows.
VERSIONS_PER_APP = 210

_DATED = re.compile(r"[0-9]{8}-[0-9]{6}(?![0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class BeforeDeploy:
    """An instance before it is changed.

    ``app`` is None where the project has no application, ``split`` where the
    service has no version yet, ``deployed`` where the version in question is
    not there. ``version_count`` is over all services of the app.
    """

    app: App | None
    split: Split | None = None
    version_count: int = 0
    deployed: DeployedVersion | None = None


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """An instance as its service has it.

    ``split`` is None where the service has no version, ``created`` are its versions
    with the times of their creation (RFC 3339, UTC); ``version_count`` is over all
    services of the app; ``operations`` say what is being done to the app.
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
        """How many versions App Engine would take beside those that there are."""
        return max(0, VERSIONS_PER_APP - self.version_count)

    def state(self, version: str) -> str:
        """``live``, ``dark`` or ``missing``."""
        if version in self.live:
            return "live"
        return "dark" if version in self.created else "missing"

    def _is_newer(self, version: str, live: str) -> bool:
        """By the times in their names, for a release may be deployed late; else as created."""
        if _DATED.match(version) and _DATED.match(live):
            return is_older(live, version)
        return self.created[version] > self.created.get(live, "")


@dataclass(frozen=True, slots=True)
class WantedVersion:
    """A deploy as it is meant, and what the user has said may happen.

    ``archive`` is the name that a zip archive of the files has, in whatever way they go.
    """

    version: str
    traffic: Traffic
    files: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    archive: str = ""
    first_live: bool = False
    replace: bool = False
    allow_older: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason not to begin."""

    instance: str
    message: str


def deploy_objections(wanted: WantedVersion, seen: BeforeDeploy) -> tuple[str, ...]:
    """All that speaks against this deploy, in plain words."""
    if seen.app is None:
        return ("the project has no App Engine application, or may not be seen",)
    return (
        *app_objections(seen.app),
        *_room_objections(seen),
        *_content_objections(wanted, seen),
        *_first_version_objections(wanted, seen),
        *_age_objections(wanted, seen),
    )


def app_objections(app: App) -> tuple[str, ...]:
    """What speaks against any change of an application that is switched off."""
    if app.serving_status == "SERVING":
        return ()
    return (f"the application is {app.serving_status}: App Engine refuses deployments to it",)


def is_deployed(wanted: WantedVersion, seen: BeforeDeploy) -> bool:
    """Whether the version is there with just this content; nothing is to be created then.

    Where the server does not say, it is taken for what a version with traffic is:
    creating it again would replace it under its users.
    """
    if seen.deployed is None:
        return False
    if not seen.deployed.is_told:
        return seen.split is not None and seen.split.serves(wanted.version)
    return not any(difference.is_grave for difference in differences(wanted, seen.deployed))


def differences(wanted: WantedVersion, deployed: DeployedVersion) -> tuple[Difference, ...]:
    """Where the version is not as it is meant, as far as the server says how it is."""
    return (
        *_content_differences(wanted, deployed),
        *(
            ()
            if deployed.settings is None
            else drift.compare_settings(wanted.settings, deployed.settings)
        ),
    )


def _content_differences(
    wanted: WantedVersion, deployed: DeployedVersion
) -> tuple[Difference, ...]:
    if deployed.files is not None:
        return drift.compare_files(wanted.files, deployed.files)
    if deployed.archive in (None, wanted.archive):
        return ()
    return (Difference(drift.FILES, {deployed.archive: None}, {wanted.archive: None}),)


def group_findings(findings: Iterable[Finding]) -> tuple[str, ...]:
    """One line for each different finding, with the instances that it was made on."""
    instances: dict[str, list[str]] = {}
    for finding in findings:
        instances.setdefault(finding.message, []).append(finding.instance)
    return tuple(f"{', '.join(names)}: {message}" for message, names in instances.items())


def _room_objections(seen: BeforeDeploy) -> tuple[str, ...]:
    if seen.deployed or seen.version_count < VERSIONS_PER_APP:
        return ()
    return (
        f"there are {seen.version_count} versions, and App Engine allows {VERSIONS_PER_APP}:"
        " delete some that nobody would roll back to",
    )


def _content_objections(wanted: WantedVersion, seen: BeforeDeploy) -> tuple[str, ...]:
    if seen.deployed is None:
        return ()
    found = differences(wanted, seen.deployed)
    other = " and ".join(str(difference) for difference in found if difference.is_grave)
    if not other:
        return ()
    if seen.split and seen.split.serves(wanted.version):
        return (
            f"version {wanted.version} has traffic, with {other}; deploying it again would"
            " replace it under its users",
        )
    if wanted.replace:
        return ()
    return (f"version {wanted.version} is there with {other}; --replace replaces it",)


def _first_version_objections(wanted: WantedVersion, seen: BeforeDeploy) -> tuple[str, ...]:
    if wanted.traffic is Traffic.LIVE or wanted.first_live or seen.split is not None:
        return ()
    return (
        "the service has no version yet, and App Engine gives all traffic to a service's first:"
        " it would be live, not dark; --first-live allows that",
    )


def _age_objections(wanted: WantedVersion, seen: BeforeDeploy) -> tuple[str, ...]:
    if wanted.traffic is Traffic.DARK or wanted.allow_older or seen.split is None:
        return ()
    newer = [live for live in seen.split.live if is_older(wanted.version, live)]
    return tuple(
        f"version {live} is live and newer than {wanted.version}; --allow-older goes back"
        for live in newer
    )


def is_older(version: str, other: str) -> bool:
    """Whether both versions begin with a time and this one's is earlier."""
    ours, theirs = _DATED.match(version), _DATED.match(other)
    return bool(ours and theirs) and version[:15] < other[:15]
