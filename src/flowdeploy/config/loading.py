"""Finds the configuration file, loads it, and lists its problems."""

import os
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from flowdeploy.appengine.forms.problems import Problem
from flowdeploy.appengine.forms.yaml_reader import (
    TAG,
    Dialect,
    YamlDocument,
    parse_yaml,
)
from flowdeploy.config.models import ConfigFile, InstanceSection
from flowdeploy.config.regular_files import read_regular
from flowdeploy.config.validation import validate
from flowdeploy.config.values import (
    BucketRecords,
    BuildConfig,
    Config,
    DescriptorsConfig,
    HealthConfig,
    LibraryConfig,
    LocalRecords,
    RolloutConfig,
    UploadMode,
    staging_bucket,
)
from flowdeploy.errors import ConfigError
from flowdeploy.planning.fleet import Fleet, Instance, Role, Wave

NAME = Path("config", "instances.yaml")
SKIP_MARKER = ".skip-deployment"
_DEFAULT_PREFIX = "flowdeploy/"  # of the records in UAT1's staging bucket

# Dates stay text (`skip: 2019-06-30` is a reason), as do `<<` and `=` of YAML 1.1.
_NOT_TEXT = frozenset(TAG + name for name in ("null", "bool", "int", "float"))
_RESOLVERS = {
    first: [(tag, form) for tag, form in forms if tag in _NOT_TEXT]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct_scalar(node: yaml.ScalarNode) -> Any:
    value = SafeConstructor().construct_object(node) if node.tag in _NOT_TEXT else node.value
    if isinstance(value, int) and value.bit_length() > 63:
        raise ValueError("no API takes more than 64 bits")
    return value


_INSTANCES_YAML = Dialect(
    resolvers=_RESOLVERS,
    scalar_tags=_NOT_TEXT | {TAG + "str"},
    construct=_construct_scalar,
    anchors=True,
    text_keys=True,
)


def find(start: Path) -> Path:
    """The nearest ``config/instances.yaml`` from the folder ``start`` upwards.

    The search ends at the root of the git checkout, or of the file system.
    Raises ConfigError.
    """
    folder = start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / NAME).exists():
            return folder / NAME
        if (folder / ".git").exists():
            break
    raise ConfigError(
        f"no {NAME} in {start}" + (f" or above it, up to {folder}" if folder != start else ""),
        hint="Name the file with --config FILE or FLOWDEPLOY_CONFIG.",
    )


def load(path: Path) -> Config:
    """Load the file. Raises ConfigError with every problem in its details.

    The application's own files need not exist: a rollback needs no checkout.
    """
    model, found = validate(_parse(path))
    if model is None:
        raise ConfigError(
            f"{path} is not a valid configuration",
            details=[describe(path, problem) for problem in found],
            hint="`flowdeploy config schema` describes the file to your editor.",
        )
    return _config(path, model)


def problems(path: Path) -> tuple[Problem, ...]:
    """All problems of the file; also a missing folder of the build.

    Outputs of the build and descriptors are checked when they are needed. Raises
    ConfigError if the file cannot be read.
    """
    document = _parse(path)
    model, found = validate(document)
    return _missing_folder(document, _root(path) / model.build.directory) if model else found


def describe(path: Path, problem: Problem) -> str:
    """A problem as ``FILE:LINE:COLUMN: message; advice``."""
    return f"{path}:{problem.position.line}:{problem.position.column}: {problem}"


def _parse(path: Path) -> YamlDocument:
    return parse_yaml(_read(path), _INSTANCES_YAML, least="instances")


def _missing_folder(document: YamlDocument, folder: Path) -> tuple[Problem, ...]:
    if os.path.isdir(folder):  # noqa: PTH112  a name too long for any folder is no error here
        return ()
    where = ("build", "directory")
    message = f"there is no folder {folder}"
    return (Problem(where, message, "write one that exists", document.value(where)),)


def _read(path: Path) -> bytes:
    try:
        # A shell's `<(…)` is a pipe in /dev.
        return read_regular(path, accept_pipe=path.is_relative_to("/dev"))
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"cannot read the configuration {path}: {reason}",
        hint=f"Name the file with --config FILE; without it, {NAME} is looked for.",
    )


def _root(path: Path) -> Path:
    """The project's folder: the parent of ``config``, else the file's own folder."""
    folder = path.parent.resolve()
    return folder.parent if folder.name == NAME.parent.name else folder


def _config(path: Path, file: ConfigFile) -> Config:
    root = _root(path)
    build, library = file.build, file.library
    fleet = Fleet(tuple(_instance(root, file, entry) for entry in file.instances))
    return Config(
        path=path.parent.resolve() / path.name,
        root=root,
        trunk=file.trunk,
        build=BuildConfig(
            tuple(build.commands),
            root / build.directory,
            tuple(build.env),
            root / build.staging,
            build.reuse,
        ),
        library=LibraryConfig(
            root / library.jar, root / library.pom, library.classifier, library.repository
        )
        if library
        else None,
        descriptors=_descriptors(root, file),
        upload=UploadMode(file.upload.mode),
        records=_records(file.records, fleet),
        health=HealthConfig(**dict(file.health)) if file.health else None,
        rollout=RolloutConfig(
            file.rollout.jobs,
            file.rollout.max_failures,
            tuple(Wave(wave.name, wave.max, wave.pause) for wave in file.rollout.waves),
        ),
        prune_queues=file.prune_queues,
        fleet=fleet,
    )


def _descriptors(root: Path, file: ConfigFile) -> DescriptorsConfig | None:
    section = file.descriptors
    return DescriptorsConfig(root / section.directory, section.alias) if section else None


def _records(place: str | None, fleet: Fleet) -> LocalRecords | BucketRecords:
    """The ``records`` key: ``local``, ``gs://BUCKET/PREFIX`` or, by default, UAT1's bucket."""
    if place is None:
        bucket = staging_bucket(fleet.with_role(Role.UAT1)[0].project)
        return BucketRecords(bucket, _DEFAULT_PREFIX, own=False)
    if place == "local":
        return LocalRecords()
    bucket, _, prefix = place.removeprefix("gs://").partition("/")
    prefix = prefix.rstrip("/")
    return BucketRecords(bucket, f"{prefix}/" if prefix else "", own=True)


def _instance(root: Path, file: ConfigFile, entry: InstanceSection) -> Instance:
    return Instance(
        id=entry.id,
        role=Role(entry.role),
        project=entry.project or entry.id,
        service=entry.service,
        url=entry.url,
        wave=entry.wave,
        skip=entry.skip or _skip_marker(root, file, entry.id),
        settings=dict(entry.settings.items()),
        alias=entry.alias,
    )


def _skip_marker(root: Path, file: ConfigFile, instance_id: str) -> str | None:
    """The reason to skip an instance with a marker file in its descriptor folder."""
    if file.descriptors is None:
        return None
    marker = Path(file.descriptors.directory, instance_id, SKIP_MARKER)
    try:
        return f"marked by {marker}" if (root / marker).exists() else None
    except OSError as error:
        raise ConfigError(f"cannot look for {root / marker}: {error.strerror}") from error
