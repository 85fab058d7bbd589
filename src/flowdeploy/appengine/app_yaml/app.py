"""Reads and checks app.yaml, and builds the Version that is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.appengine.app_yaml import combinations, keys, scaling
from flowdeploy.appengine.forms.gcloud_yaml import GCLOUD
from flowdeploy.appengine.forms.problems import Place, describe_in_order, refusal
from flowdeploy.appengine.forms.schema import entry, regex
from flowdeploy.appengine.forms.yaml_reader import parse_yaml
from flowdeploy.appengine.manifest import Manifest

_NOT_OF_AN_INSTANCE = {
    "service": "the instance itself has a key of that name beside its settings",
    "module": "the instance itself has a key named service beside its settings",
    "skip_files": "all instances share the folder; write it into app.yaml",
}


@dataclass(frozen=True, slots=True)
class AppYaml:
    """The content of app.yaml.

    ``settings`` are its keys and values, ``fields`` the Version's JSON for them (without
    id and deployment), ``origins`` the source of each key; of environment variables as
    ``env_variables.NAME``.
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
        """One regular expression for files to skip; None if the key is absent."""
        written = self.settings.get("skip_files")
        return None if written is None else str(regex(written, Place()))


def parse(text: bytes | str, source: str) -> AppYaml:
    """Read app.yaml; ``source`` is its name in messages.

    Raises Refused with every problem, each as ``FILE:LINE: what is wrong; what to write``.
    """
    document = parse_yaml(text, GCLOUD, least="runtime")
    place = Place(locate=document.key, problems=list(document.problems))
    fields = _read(document.data, place) if document.data else {}
    if place.problems:
        raise refusal(source, describe_in_order(source, place.problems))
    warnings = tuple(describe_in_order(source, place.notes))
    origins = dict.fromkeys(_setting_names(document.data), source)
    return AppYaml(source, document.data, fields, origins, warnings)


def check_settings(settings: Mapping[str, Any], place: Place) -> None:
    """Report what is wrong with an instance's own keys for any application.

    `with_settings` checks what depends on the runtime. Unknown keys are ignored.
    """
    for name in settings.keys() & keys.SENT.keys():
        entry(settings, name, keys.SENT[name], place)


def with_settings(app: AppYaml, settings: Mapping[str, Any], source: str) -> AppYaml:
    """Return the application with an instance's own keys in place of those of app.yaml.

    A scaling block replaces the scaling block, of any kind; environment variables are
    merged by name; any other key replaces. ``source`` names the settings in messages.
    Raises Refused with every problem.
    """
    place = Place()
    for name in settings.keys() & _NOT_OF_AN_INSTANCE.keys():
        (place / name).problem("cannot be set here", _NOT_OF_AN_INSTANCE[name])
    if settings.get("runtime", app.runtime) != app.runtime:
        (place / "runtime").problem(
            "cannot differ from app.yaml", f"it was built for {app.runtime}"
        )
    merged = _merge(app.settings, settings)
    fields = _read(merged, place)
    if place.problems:
        raise refusal(source, sorted(f"{source}: {problem}" for problem in place.problems))
    warnings = tuple(f"{source}: {note}" for note in place.notes if note.path[0] in settings)
    ours = set(_setting_names(settings))
    origins = {
        name: source if name in ours else app.origins.get(name, source)
        for name in _setting_names(merged)
    }
    return AppYaml(app.source, merged, fields, origins, app.warnings + warnings)


def version_body(app: AppYaml, version: str, files: Manifest, bucket: str) -> dict[str, Any]:
    """The body of versions.create, as ``gcloud app deploy`` sends it.

    It has the JSON names of ``google.appengine.v1.Version``; each file refers to the
    object in the bucket with its content (Admin API reference, Deployment.files).
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
    others = {k: v for k, v in under.items() if not (rescaled and k in scaling.BLOCKS)}
    merged = {**others, **over}
    ours, theirs = over.get("env_variables"), under.get("env_variables")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        merged["env_variables"] = {**theirs, **ours}
    return merged


def _setting_names(settings: Mapping[str, Any]) -> list[str]:
    """The names that origins have."""
    variables = settings.get("env_variables")
    named = variables if isinstance(variables, dict) else {}
    others = (name for name in settings if name != "env_variables")
    return [*others, *(f"env_variables.{name}" for name in named)]
