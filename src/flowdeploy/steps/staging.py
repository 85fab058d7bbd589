"""Reads the folder that a build has staged: app.yaml, and the files to deploy.

Nothing is written into it. gcloud adds a ``source-context.json`` to deploys from a git
checkout; flowdeploy does not.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from flowdeploy.appengine import config_files
from flowdeploy.appengine.app_yaml import AppYaml, parse
from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS, read_built_values
from flowdeploy.appengine.app_yaml.ignore import IGNORE_FILE, Ignored, ignore_rules, parse_includes
from flowdeploy.appengine.config_files import AppConfig
from flowdeploy.appengine.manifest import File, Manifest, folder_warnings
from flowdeploy.clients.files import BucketFolder
from flowdeploy.config.regular_files import open_regular, read_regular
from flowdeploy.errors import Refused
from flowdeploy.rollout.parallel import map_in_threads

_GENERATED = "WEB-INF/appengine-generated"
_HASHERS = 4  # hashlib releases the interpreter's lock, but a disk has its limits
_HINT = "build.staging in the configuration names the folder that the build makes."


@dataclass(frozen=True, slots=True)
class StagedApp:
    """An application to deploy: read from a staged folder, or recalled from a release record.

    ``app_yaml`` is the text of ``app``. ``configs`` are the texts of queue.yaml and the like
    by path; they are no part of a version. ``warnings`` are limits that the server may
    enforce, and keys of app.yaml without effect. ``contents`` are the files on this machine by
    SHA-1: all files of a folder; of a record maybe none, for they are in the ``sources``.
    ``built`` is what the staged appengine-web.xml has decided for all instances (see
    `Descriptor.unlike_build`); None where an old record does not say it.
    """

    app: AppYaml
    app_yaml: str
    manifest: Manifest
    configs: Mapping[str, str]
    warnings: tuple[str, ...]
    contents: Mapping[str, Path]
    sources: tuple[BucketFolder, ...] = ()
    built: Mapping[str, Any] | None = None


def read(folder: Path, exclude: Sequence[Path] = ()) -> StagedApp:
    """Read a staged folder, without ``exclude`` and ``.git``.

    Raises Refused, with the path, for what cannot be read or deployed.
    """
    app, text = read_app_yaml(folder)
    root = folder.resolve()
    never = frozenset(path.resolve() for path in (*exclude, root / ".git"))
    ignored = ignore_rules(app.runtime, app.skip_files, _texts(folder))
    walk = _FolderWalk(root, ignored, never - {root, *root.parents})
    hashed = map_in_threads(partial(_hash_file, folder), walk.below("", (root,)), _HASHERS)
    manifest = Manifest(tuple(sorted(file for _, file in hashed)))
    contents = {sha1: folder / file.path for sha1, file in manifest.by_sha1.items()}
    configs = {name: _text(folder, name) for name in configs_in(folder)}
    warnings = app.warnings + parse_configuration(configs).warnings + folder_warnings(manifest)
    built = read_built(folder)
    return StagedApp(app, text, manifest, configs, warnings, contents, built=built)


def read_built(folder: Path) -> dict[str, Any]:
    """What the staged appengine-web.xml, if there is one, has decided for all instances."""
    path = folder / DEPLOYED_AS
    try:
        return read_built_values(read_regular(path)) if path.is_file() else {}
    except OSError as error:
        raise _unreadable(path, error) from error


def parse_configuration(configs: Mapping[str, str]) -> AppConfig:
    """Parse the configuration files. Raises Refused with every problem of all of them."""
    return config_files.read(configs, available_timezones() if configs else ())


def read_app_yaml(folder: Path) -> tuple[AppYaml, str]:
    """The app.yaml of a staged folder, and its text. Raises Refused."""
    text = _text(folder, "app.yaml")
    return parse(text, str(folder / "app.yaml")), text


def _text(folder: Path, name: str) -> str:
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise Refused(f"the staged folder {folder} {what}", hint=_HINT)
    path = folder / name
    if not path.is_file():
        raise Refused(f"{path} does not exist, or is no file", hint=_HINT)
    try:
        return read_regular(path).decode()
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path} is not UTF-8: {error.reason} at byte {error.start}",
            hint="Save it as UTF-8.",
        ) from error


def _texts(folder: Path) -> dict[str, str]:
    """``.gcloudignore``, if there is one, and what it includes."""
    if not (folder / IGNORE_FILE).exists():
        return {}
    own = _text(folder, IGNORE_FILE)
    return {IGNORE_FILE: own} | {name: _text(folder, name) for name in parse_includes(own)}


def configs_in(folder: Path) -> tuple[str, ...]:
    """The paths of the configuration files in a staged folder."""
    names = (*config_files.NAMES, *(f"{_GENERATED}/{name}" for name in config_files.NAMES))
    return tuple(name for name in names if (folder / name).is_file())


@dataclass(frozen=True, slots=True)
class _FolderWalk:
    """Finds the files of a folder to deploy; follows symbolic links.

    ``root`` is the folder's resolved path, ``never`` are resolved paths to leave out.
    """

    root: Path
    ignored: Ignored
    never: frozenset[Path]

    def below(self, relative: str, around: tuple[Path, ...]) -> Iterator[str]:
        """Files below a folder, in order; ``around`` are the true paths of it and its parents."""
        try:
            names = sorted(entry.name for entry in (self.root / relative).iterdir())
        except OSError as error:
            raise _unreadable(self.root / relative, error) from error
        for name in names:
            path = f"{relative}/{name}".removeprefix("/")
            if name == ".git" or self.ignored(path, (self.root / path).is_dir()):
                continue
            true = self._true_path(path)
            if not self.never.isdisjoint((true, *true.parents)):
                continue
            if true.is_dir():
                if true in around:
                    raise Refused(
                        f"the link {self.root / path} leads to a folder that it lies in",
                        hint="Remove the link, or let the build copy its target.",
                    )
                yield from self.below(path, (*around, true))
            else:
                yield path

    def _true_path(self, path: str) -> Path:
        """The resolved path of an entry, which must be a file or folder in the staged folder."""
        _check_name(path)
        here = self.root / path
        try:
            true = here.resolve(strict=True)
            mode = true.stat().st_mode
        except (OSError, RuntimeError) as error:
            raise _unreadable(here, error) from error
        if not true.is_relative_to(self.root):
            raise Refused(
                f"the link {here} leads out of the staged folder, to {true}",
                hint="Let the build copy the files to deploy into the staged folder.",
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Refused(f"{here} is neither a file nor a folder", hint="Remove it.")
        return true


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise Refused(
            f"the name of {os.fsencode(path)!r} is not UTF-8, as App Engine's names are",
            hint="Rename the file, or leave it out of the build.",
        ) from error


def _hash_file(folder: Path, path: str) -> File:
    try:
        with open_regular(folder / path) as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.sha1(usedforsecurity=False))
            return File(path, stream.tell(), digest.hexdigest())
    except OSError as error:
        raise _unreadable(folder / path, error) from error


def _unreadable(path: Path, error: Exception) -> Refused:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Refused(
        f"{path} cannot be read: {reason}",
        hint="Correct its permissions or its target, or leave it out of the build.",
    )
