"""What speaks against giving an instance its traffic, seen before any traffic is moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from flowdeploy.appengine.resources import App, DeployedVersion
from flowdeploy.checks import drift
from flowdeploy.checks.deploy import disabled
from flowdeploy.errors import Refused, ServiceError
from flowdeploy.planning.plan import Verify
from flowdeploy.planning.traffic import Split

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BeforePromotion:
    """An instance before its traffic is moved.

    ``app`` is None where the project has no application, ``split`` where the
    service has no version. ``versions`` are those that are to get traffic; None:
    not deployed.
    """

    app: App | None
    split: Split | None = None
    versions: Mapping[str, DeployedVersion | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """What holds of all instances: the files of each version, but for their ``own`` paths.

    ``force`` is that it does not matter what the instances serve by now.
    """

    files: Mapping[str, Files] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    force: bool = False


class Unready(Refused):
    """An instance that cannot be given its traffic, by the code and the words of a service."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message, details=error.details, hint=error.hint)
        self.code = error.code


def expected(
    prospects: Iterable[BeforePromotion], own: Collection[str], *, force: bool
) -> Expected:
    """What most instances have, by version; where as many have other files, what the first has.

    ``own`` are the paths that each may have its own of.
    """
    kept = frozenset(own)
    manifests: dict[str, Counter[frozenset[tuple[str, str]]]] = {}
    for prospect in prospects:
        for version, deployed in prospect.versions.items():
            if deployed and deployed.files is not None:
                common = frozenset(_common(deployed.files, kept).items())
                manifests.setdefault(version, Counter())[common] += 1
    most = {version: dict(found.most_common(1)[0][0]) for version, found in manifests.items()}
    return Expected(most, kept, force)


def objections(step: Verify, seen: BeforePromotion, wanted: Expected) -> tuple[str, ...]:
    """All that speaks against it, in plain words."""
    if seen.app is None:
        return ("the project has no App Engine application, or may not be seen",)
    return (
        *disabled(seen.app),
        *(line for version in step.to.live for line in _not_serving(version, seen)),
        *(() if _gives_back(step) else _others(step, seen, wanted)),
        *_moved(step, seen, wanted),
    )


def remarks(step: Verify, seen: BeforePromotion, wanted: Expected) -> tuple[str, ...]:
    """What is odd, or cannot be known, without being an objection.

    An instance gets back what it served, whatever the others serve.
    """
    untold = (
        f"App Engine does not say which files version {version} has"
        for version in step.to.live
        if (deployed := seen.versions.get(version)) and deployed.files is None
    )
    return (*untold, *(_others(step, seen, wanted) if _gives_back(step) else ()))


def _gives_back(step: Verify) -> bool:
    return bool(step.left)


def _not_serving(version: str, seen: BeforePromotion) -> tuple[str, ...]:
    deployed = seen.versions.get(version)
    if deployed is None:
        return (f"version {version} is not deployed",)
    if deployed.serving_status != "SERVING":
        return (f"version {version} is {deployed.serving_status}, not SERVING",)
    return ()


def _others(step: Verify, seen: BeforePromotion, wanted: Expected) -> tuple[str, ...]:
    """Where versions have other files than on most instances."""
    return tuple(
        f"version {version} has {each} than most instances have"
        for version in wanted.files.keys() & set(step.to.live)
        if (deployed := seen.versions.get(version)) and deployed.files is not None
        for each in drift.of_files(wanted.files[version], _common(deployed.files, wanted.own))
    )


def _common(files: Files, own: frozenset[str]) -> dict[str, str]:
    return {path: sha1 for path, sha1 in files.items() if path not in own}


def _moved(step: Verify, seen: BeforePromotion, wanted: Expected) -> tuple[str, ...]:
    """Whether somebody else has moved traffic that is to be given back."""
    if wanted.force or not step.left or seen.split is None:
        return ()
    if any(seen.split.same_as(split) for split in (*step.left, step.to)):
        return ()
    left = " or ".join(dict.fromkeys(map(str, step.left)))
    return (
        f"it serves {seen.split} by now, not {left}, which the run to be undone has left:"
        " somebody else has moved its traffic; --force moves it all the same",
    )
