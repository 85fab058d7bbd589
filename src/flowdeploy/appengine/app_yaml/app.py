"""An application's app.yaml, read, checked and ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.app_yaml import combinations, keys, scaling
from flowdeploy.appengine.forms.problems import Place, Problem
from flowdeploy.appengine.forms.schema import entry, regex
from flowdeploy.appengine.forms.yaml_reader import Document, load
from flowdeploy.appengine.manifest import Manifest
from flowdeploy.errors import Refused

_NOT_OF_AN_INSTANCE = {
    "service": "the instance itself has a key of that name beside its settings",
    "module": "the instance itself has a key named service beside its settings",
    "skip_files": "all instances share the folder; write it into app.yaml",
}


@dataclass(frozen=True, slots=True)
class AppYaml:
    """What app.yaml says.

    ``settings`` holds its keys and values as they were written, ``fields`` the
    Version's JSON that follows from them (without id and deployment),
    ``origins`` the source of each key, of ``env_variables.NAME`` one by one.
    """

    source: str
    settings: Mapping[str, Any]
    fields: Mapping[str, Any]
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        return str(self.settings.get("service") or self.settings.get("module") or "default")

    @property
    def runtime(self) -> str:
        return str(self.settings["runtime"])

    @property
    def skip_files(self) -> str | None:
        """One regular expression for files that are left out; None if the key is absent."""
        written = self.settings.get("skip_files")
        return None if written is None else str(regex(written, Place()))


def parse(text: bytes | str, source: str) -> AppYaml:
    """Read app.yaml; ``source`` is its name in messages.

    Raises Refused with every problem, each as ``FILE:LINE: what is wrong; what to write``.
    """
    document, problems = load(text)

    where = _Where(source, document)
    if not document.values:
        raise where.refuse(problems)
    place = Place(problems=problems)
    fields = _read(document.values, place)
    if problems:
        raise where.refuse(problems)
    warnings = tuple(where.told(note) for note in place.notes)
    origins = dict.fromkeys(_setting_names(document.values), source)
    return AppYaml(source, document.values, fields, origins, warnings)


def setting_problems(settings: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with an instance's own keys whatever application they are laid over.

    What goes with its runtime is judged by `with_settings`. Unknown keys are passed over.
    """
    place = Place()
    for name in settings.keys() & keys.SENT.keys():
        entry(settings, name, keys.SENT[name], place)
    return tuple(place.problems)


def with_settings(app: AppYaml, settings: Mapping[str, Any], source: str) -> AppYaml:
    """The application with an instance's own keys over those of app.yaml.

    A scaling block replaces the scaling block, of whatever kind; environment
    variables are merged by name; any other key replaces. ``source`` names the
    settings' place in messages. Raises Refused with every problem.
    """
    place, where = Place(), _Where(source)
    for name in settings.keys() & _NOT_OF_AN_INSTANCE.keys():
        (place / name).problem(f"cannot be set here: {_NOT_OF_AN_INSTANCE[name]}")
    if settings.get("runtime", app.runtime) != app.runtime:
        (place / "runtime").problem(
            f"cannot differ from app.yaml, which was built for {app.runtime}"
        )
    merged = _merge(app.settings, settings)
    fields = _read(merged, place)
    if place.problems:
        raise where.refuse(place.problems)
    notes = (note for note in place.notes if note.path[0] in settings)
    warnings = tuple(where.told(note) for note in notes)
    ours = set(_setting_names(settings))
    origins = {
        name: source if name in ours else app.origins.get(name, source)
        for name in _setting_names(merged)
    }
    return AppYaml(app.source, merged, fields, origins, app.warnings + warnings)


def version_body(app: AppYaml, version: str, files: Manifest, bucket: str) -> dict[str, Any]:
    """The body of versions.create, as ``gcloud app deploy`` sends it.

    The JSON names of ``google.appengine.v1.Version``; every file is named by
    the object in the bucket that holds its content (Admin API reference,
    Deployment.files). ``google.cloud.appengine_admin_v1`` can carry all of it.
    """
    objects = f"https://storage.googleapis.com/{bucket}"
    manifest = {
        file.path: {"sourceUrl": f"{objects}/{file.sha1}", "sha1Sum": file.sha1}
        for file in files.files
    }
    return {**app.fields, "id": version, "deployment": {"files": manifest}}


def _read(settings: Mapping[str, Any], place: Place) -> dict[str, Any]:
    if combinations.is_flexible(settings, place):
        return {}
    combinations.check(settings, place)
    return keys.read(settings, place)


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    rescaled = any(over.get(name) is not None for name in scaling.BLOCKS)
    kept = {k: v for k, v in under.items() if not (rescaled and k in scaling.BLOCKS)}
    merged = {**kept, **over}
    ours, theirs = over.get("env_variables"), under.get("env_variables")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        merged["env_variables"] = {**theirs, **ours}
    return merged


def _setting_names(settings: Mapping[str, Any]) -> list[str]:
    """The names under which origins are told."""
    variables = settings.get("env_variables")
    named = variables if isinstance(variables, dict) else {}
    others = (name for name in settings if name != "env_variables")
    return [*others, *(f"env_variables.{name}" for name in named)]


@dataclass(frozen=True, slots=True)
class _Where:
    """A source's name, and its lines if they are known."""

    source: str
    document: Document | None = None

    def told(self, problem: Problem) -> str:
        line = f":{self.document.line(problem.path)}" if self.document else ""
        return f"{self.source}{line}: {problem}"

    def refuse(self, problems: list[Problem]) -> Refused:
        lines = self.document.line if self.document else lambda _: 0
        ordered = sorted(problems, key=lambda problem: (lines(problem.path), str(problem)))
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        return Refused(
            f"{self.source} has {count} and cannot be deployed",
            details=[self.told(problem) for problem in ordered],
            hint="If a build writes this file, correct what the build writes it from.",
        )
