"""The App Engine Admin API v1, as far as deploying and promoting needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern
from typing import Any
from urllib.parse import quote

from google.auth.credentials import Credentials
from google.rpc.code_pb2 import Code

from flowdeploy.appengine.resources import App, DeployedVersion, Operation, Version
from flowdeploy.clients.api import JsonApi, authorized_session
from flowdeploy.clients.messages import version_settings
from flowdeploy.errors import ServiceError
from flowdeploy.known_errors import hint_for
from flowdeploy.planning.traffic import Split

CONTENT = "servingStatus,deployment(files,zip)"  # of a Version, what it serves
_SHA1 = re.compile(r"[0-9a-f]{40}")


class AppEngine:
    """Plain JSON (see `JsonApi`); a version's settings are read with Google's own type.

    Every method raises ServiceError. Reads are repeated where that may help;
    changes are sent once: who asked for one looks at what is true before
    sending it again.
    """

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        self._api = JsonApi(f"{root}/v1", authorized_session(credentials, connections))

    def app(self, project: str) -> App | None:
        body = self._api.get_or_none(_path(project))
        if body is None:
            return None
        return App(
            default_hostname=body["defaultHostname"],
            code_bucket=body.get("codeBucket", f"staging.{project}.appspot.com"),
            serving_status=body.get("servingStatus", "SERVING"),
        )

    def split(self, project: str, service: str) -> Split | None:
        """The service's traffic split; None where there is no such service."""
        body = self._api.get_or_none(_path(project, "services", service))
        return None if body is None else _split(body.get("split", {}))

    def services(self, project: str) -> dict[str, Split]:
        """Every service's traffic split, by service."""
        pages = self._api.pages(f"{_path(project)}/services", "services", pageSize="100")
        return {body["id"]: _split(body.get("split", {})) for body in pages}

    def versions(self, project: str, service: str) -> Iterator[Version]:
        """Every version of a service."""
        path = _path(project, "services", service)
        for body in self._api.pages(f"{path}/versions", "versions", pageSize="100"):
            yield Version(body["id"], body.get("createTime", ""), body)

    def find_version(
        self, project: str, service: str, version: str, *, settings: bool = True
    ) -> DeployedVersion | None:
        """The version with its files, and its settings where they are wanted; None where it
        does not exist."""
        path = _path(project, "services", service, "versions", version)
        partly = {} if settings else {"fields": CONTENT}
        body = self._api.get_or_none(path, view="FULL", **partly)
        if body is None:
            return None
        return DeployedVersion(
            body.get("servingStatus", "SERVING"),
            _files(body),
            version_settings(body) if settings else None,
            _archive(body),
        )

    def operation(self, name: str) -> Operation:
        return _operation(self._api.get(name))

    def operations_under_way(self, project: str) -> tuple[Operation, ...]:
        path = f"{_path(project)}/operations"
        return tuple(map(_operation, self._api.pages(path, "operations", filter="done:false")))

    def create_version(self, project: str, service: str, body: dict[str, Any]) -> Operation:
        """Begin to create a version from the API's JSON, zeros and all, as gcloud sends it."""
        path = f"{_path(project, 'services', service)}/versions"
        return _begun(self._api.change("POST", path, body))

    def set_split(self, project: str, service: str, split: Split) -> Operation:
        """Begin to move traffic, at once and not gradually."""
        path = _path(project, "services", service)
        body = {"split": {"allocations": dict(split.allocations), "shardBy": split.shard_by}}
        return _begun(self._api.change("PATCH", path, body, updateMask="split"))


def _begun(body: dict[str, Any]) -> Operation:
    """The operation that a change was answered with."""
    if not body.get("name"):
        raise ServiceError("UNKNOWN", f"the answer names no operation: {str(body)[:200]}")
    return _operation(body)


def _path(project: str, *parts: str) -> str:
    return "/".join(quote(part, safe="") for part in ("apps", project, *parts))


def _split(body: dict[str, Any]) -> Split:
    return Split(dict(body.get("allocations", {})), body.get("shardBy", "UNSPECIFIED"))


def _files(body: dict[str, Any]) -> dict[str, str] | None:
    """Path → SHA-1 of a version's manifest; None where the server gives none.

    A thousand instances have the same files: each text is kept once.
    """
    files = body.get("deployment", {}).get("files")
    if not files:
        return None
    return {intern(path): intern(_sha1(entry)) for path, entry in files.items()}


def _archive(body: dict[str, Any]) -> str | None:
    """The name of the object that a version's files were in; None where the server gives none."""
    url: str = body.get("deployment", {}).get("zip", {}).get("sourceUrl", "")
    return url.rpartition("/")[2] or None


def _sha1(entry: dict[str, str]) -> str:
    """The API shows ``sha1Sum`` with underscores or without; the object's name has it too."""
    shown = entry.get("sha1Sum", "").replace("_", "").lower()
    return shown if _SHA1.fullmatch(shown) else entry.get("sourceUrl", "").rpartition("/")[2]


def _operation(body: dict[str, Any]) -> Operation:
    error = body.get("error")
    status = (
        status_error(error.get("code", Code.UNKNOWN), error.get("message", "")) if error else None
    )
    about = body.get("metadata", {})
    method = about.get("method", "").rpartition(".")[2]
    what = " of ".join(filter(None, (method, about.get("target"))))
    return Operation(body["name"], body.get("done", False), status, what)


def status_error(number: int, message: str) -> ServiceError:
    """What a google.rpc.Status says."""
    code = Code.Name(number) if number in Code.values() else f"RPC_{number}"
    return ServiceError(code, message or "no message", hint=hint_for(code, message))
