"""The rules that App Engine checks in requests to create and change resources."""

import re
from collections.abc import Mapping
from typing import Any

from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument
from flowdeploy.sandbox.google_api.messages import mask_paths

MAX_VERSIONS = 210
MAX_FILES = 10_000
MAX_HANDLERS = 100
MAX_FILE_BYTES = 33_554_432

_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_RESERVED = {"default", "latest"}


def check_update_mask(query: Mapping[str, str], updatable: set[str], owner: str) -> str:
    """The request's update mask. Raises ApiError INVALID_ARGUMENT for other fields or none.

    ``owner`` names the updated resource in the message: ``a version``.
    """
    mask = query.get("updateMask", "")
    heads = {path[0] for path in mask_paths(mask)}
    if not heads or heads - updatable:
        names = ", ".join(sorted(updatable))
        raise invalid_argument(
            f"The update mask of {owner} must name some of {names}.", "update_mask"
        )
    return mask


def check_service_id(service: str) -> None:
    """Raises ApiError INVALID_ARGUMENT for an invalid id."""
    if not _ID.fullmatch(service):
        raise invalid_argument(f"Invalid service id '{service}'.", "service.id")


def check_version(version: Mapping[str, Any]) -> None:
    """Check a new version. Raises ApiError INVALID_ARGUMENT for the first broken rule."""
    _check_id(version.get("id", ""))
    if not version.get("runtime"):
        raise invalid_argument("A version needs a `runtime`.", "version.runtime")
    scaling = {"automaticScaling", "basicScaling", "manualScaling"} & version.keys()
    if len(scaling) > 1:
        raise invalid_argument("A version has one kind of scaling.", "version")
    if len(version.get("handlers", ())) > MAX_HANDLERS:
        raise invalid_argument(
            f"A version has at most {MAX_HANDLERS} handlers.", "version.handlers"
        )
    _check_deployment(version.get("deployment", {}))


def version_limit_error() -> ApiError:
    """400 INVALID_ARGUMENT: the application has too many versions."""
    return invalid_argument(
        f"Your app may not have more than {MAX_VERSIONS} versions. Please delete one of the "
        "existing versions before trying to create a new version."
    )


def _check_id(version: str) -> None:
    field = "version.id"
    if not _ID.fullmatch(version):
        text = (
            f"Invalid version id '{version}'. A version id has at most 63 lower-case letters, "
            "digits and hyphens, and begins and ends with a letter or digit."
        )
        raise invalid_argument(text, field)
    if version in _RESERVED or version.startswith("ah-"):
        raise invalid_argument(f"The version id '{version}' is reserved.", field)


def _check_deployment(deployment: Mapping[str, Any]) -> None:
    given = {"files", "zip", "container"} & deployment.keys()
    if not given:
        raise invalid_argument(
            "A version needs a deployment of files or a zip.", "version.deployment"
        )
    if {"files", "zip"} <= given:
        raise invalid_argument("A deployment has files or a zip, not both.", "version.deployment")
    if len(deployment.get("files", ())) > MAX_FILES:
        raise invalid_argument(
            "This deployment has too many files. New versions are limited to "
            f"{MAX_FILES} files for this app.",
            "version.deployment.files",
        )
