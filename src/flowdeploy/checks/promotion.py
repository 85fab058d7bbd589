"""The checks before any traffic is moved: objections to moving an instance's traffic."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks import drift
from flowdeploy.checks.deploy import app_objections
from flowdeploy.errors import Refused, ServiceError
from flowdeploy.planning.plan import Verify
from flowdeploy.planning.revisions import base_of
from flowdeploy.planning.traffic import Split

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BeforePromotion:
    """An instance before its traffic is moved.

    ``app`` is None if the project has no application, ``split`` if the service has no
    version. ``versions`` are the versions that will get traffic; None: not deployed.
    """

    app: App | None
    split: Split | None = None
    versions: Mapping[str, DeployedVersion | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What all instances should have: ``files``, by version, except those at ``own`` paths.

    All revisions of a version have its files. ``force``: they may serve anything now.
    """

    files: Mapping[str, Files] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    force: bool = False


class Unready(Refused):
    """A service's error makes it impossible to move an instance's traffic."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message, details=error.details, hint=error.hint)
        self.code = error.code


def find_expectation(
    prospects: Iterable[BeforePromotion], own: Collection[str], *, force: bool
) -> Expectation:
    """The files that most instances have, by version; in a tie, those of the first instance.

    ``own`` are the paths whose files may differ between instances.
    """
    own = frozenset(own)
    manifests: dict[str, Counter[frozenset[tuple[str, str]]]] = {}
    for prospect in prospects:
        for version, deployed in prospect.versions.items():
            if deployed and deployed.files is not None:
                common = frozenset(_shared_files(deployed.files, own).items())
                manifests.setdefault(base_of(version), Counter())[common] += 1
    most = {version: dict(found.most_common(1)[0][0]) for version, found in manifests.items()}
    return Expectation(most, own, force)


def promotion_objections(
    step: Verify, seen: BeforePromotion, wanted: Expectation
) -> tuple[str, ...]:
    """All objections to moving the traffic, as sentences."""
    if seen.app is None:
        return tuple(app_objections(None))
    return (
        *app_objections(seen.app),
        *(line for version in step.to.live for line in _serving_objections(version, seen)),
        *(() if step.expected else _file_objections(step, seen, wanted)),
        *_traffic_objections(step, seen, wanted),
    )


def promotion_remarks(step: Verify, seen: BeforePromotion, wanted: Expectation) -> tuple[str, ...]:
    """What is unusual or unknown, without being an objection.

    Where certain traffic is expected, files are compared without consequence: a rollback
    restores an instance's own, and a reconfiguration has just deployed those of the release.
    """
    unknown = (
        f"App Engine does not say which files version {version} has"
        for version in step.to.live
        if (deployed := seen.versions.get(version)) and deployed.files is None
    )
    return (*unknown, *(_file_objections(step, seen, wanted) if step.expected else ()))


def _serving_objections(version: str, seen: BeforePromotion) -> Iterator[str]:
    deployed = seen.versions.get(version)
    if deployed is None:
        yield f"version {version} is not deployed"
    elif deployed.serving_status != "SERVING":
        yield f"version {version} is {deployed.serving_status}, not SERVING"


def _file_objections(step: Verify, seen: BeforePromotion, wanted: Expectation) -> tuple[str, ...]:
    """The versions whose files differ from those on most instances."""
    return tuple(
        f"version {version} has {each} than most instances have"
        for version in step.to.live
        if (common := wanted.files.get(base_of(version))) is not None
        if (deployed := seen.versions.get(version)) and deployed.files is not None
        for each in drift.compare_files(common, _shared_files(deployed.files, wanted.own))
    )


def _shared_files(files: Files, own: frozenset[str]) -> dict[str, str]:
    return {path: sha1 for path, sha1 in files.items() if path not in own}


def _traffic_objections(
    step: Verify, seen: BeforePromotion, wanted: Expectation
) -> tuple[str, ...]:
    """Whether the traffic was changed outside the run that a rollback undoes."""
    if wanted.force or not step.expected or seen.split is None:
        return ()
    if any(seen.split.same_as(split) for split in (*step.expected, step.to)):
        return ()
    expected = " or ".join(dict.fromkeys(map(str, step.expected)))
    return (
        f"traffic is {seen.split}, expected {expected}: changed outside this run;"
        " --force overrides",
    )
