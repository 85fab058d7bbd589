"""What App Engine asks of a version before it creates it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowdeploy.sandbox.errors import ApiError, invalid

MOST_VERSIONS = 210
MOST_FILES = 10_000
MOST_HANDLERS = 100
LARGEST_FILE = 33_554_432

_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_RESERVED = {"default", "latest"}


def check_service_id(service: str) -> None:
    if not _ID.fullmatch(service):
        raise invalid(f"Invalid service id '{service}'.", "service.id")


def check_version(version: Mapping[str, Any]) -> None:
    """Raises ApiError INVALID_ARGUMENT for the first rule that the version breaks."""
    _check_id(version.get("id", ""))
    if not version.get("runtime"):
        raise invalid("A version needs a `runtime`.", "version.runtime")
    scaling = {"automaticScaling", "basicScaling", "manualScaling"} & version.keys()
    if len(scaling) > 1:
        raise invalid("A version has one kind of scaling.", "version")
    if len(version.get("handlers", ())) > MOST_HANDLERS:
        raise invalid(f"A version has at most {MOST_HANDLERS} handlers.", "version.handlers")
    _check_deployment(version.get("deployment", {}))


def too_many_versions() -> ApiError:
    return invalid(
        f"Your app may not have more than {MOST_VERSIONS} versions. Please delete one of the "
        "existing versions before trying to create a new version."
    )


def _check_id(version: str) -> None:
    field = "version.id"
    if not _ID.fullmatch(version):
        text = (
            f"Invalid version id '{version}'. A version id has at most 63 lower-case letters, "
            "digits and hyphens, and begins and ends with a letter or digit."
        )
        raise invalid(text, field)
    if version in _RESERVED or version.startswith("ah-"):
        raise invalid(f"The version id '{version}' is reserved.", field)


def _check_deployment(deployment: Mapping[str, Any]) -> None:
    given = {"files", "zip", "container"} & deployment.keys()
    if not given:
        raise invalid("A version needs a deployment of files or a zip.", "version.deployment")
    if {"files", "zip"} <= given:
        raise invalid("A deployment has files or a zip, not both.", "version.deployment")
    if len(deployment.get("files", ())) > MOST_FILES:
        raise invalid(
            "This deployment has too many files. New versions are limited to "
            f"{MOST_FILES} files for this app.",
            "version.deployment.files",
        )
