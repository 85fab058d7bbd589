"""The App Engine Admin API v1, as far as deploying and promoting needs it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from sys import intern
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote

from google.rpc.code_pb2 import Code
from pydantic import Field

from flowdeploy.appengine.resources import App, DeployedVersion, Operation, Version
from flowdeploy.clients.answers import (
    CLEAN,
    AnswerForm,
    Flag,
    Form,
    Number,
    Page,
    PageForm,
    Text,
    Time,
    Whole,
    bad_answer,
    fits,
)
from flowdeploy.clients.failures import error_of
from flowdeploy.clients.google_api import (
    JsonApi,
    open_client,
    parse_message,
    send_change,
    update_mask,
)
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.version_settings import to_message, version_settings
from flowdeploy.errors import NotFound, ServiceError
from flowdeploy.planning.traffic import Split

CONTENT = "servingStatus,deployment(files,zip)"  # of a Version, what it serves
_OPERATION = r"^apps/[^/?#]+/operations/[^/?#]+$"
_SHA1 = re.compile(r"[0-9a-f]{40}")


class ApplicationForm(AnswerForm):
    default_hostname: Text
    code_bucket: str | None = None
    serving_status: str | None = None


class SplitForm(AnswerForm):
    allocations: dict[str, Annotated[Number, Field(ge=0, le=1)]] | None = None
    shard_by: str | None = None


class ServiceForm(AnswerForm):
    split: SplitForm | None = None


class ListedServiceForm(ServiceForm):
    id: Text


class ListedVersionForm(AnswerForm):
    id: Text
    create_time: Time | None = None
    serving_status: str | None = None


class FileForm(AnswerForm):
    sha1_sum: str | None = None
    source_url: str | None = None


class DeploymentForm(AnswerForm):
    files: dict[str, FileForm] | None = None
    zip: FileForm | None = None


class VersionForm(AnswerForm):
    deployment: DeploymentForm | None = None
    serving_status: str | None = None


class StatusForm(AnswerForm):
    code: Whole | None = None
    message: str | None = None


class OperationMetadataForm(AnswerForm):
    method: str | None = None
    target: str | None = None


class OperationForm(AnswerForm):
    name: Annotated[str, Field(pattern=_OPERATION)]
    done: Flag | None = None
    error: StatusForm | None = None
    metadata: OperationMetadataForm | None = None


class DispatchRuleForm(AnswerForm):
    service: str
    domain: str = ""
    path: str = ""


class DispatchForm(AnswerForm):
    dispatch_rules: list[Annotated[dict[str, Any], fits(DispatchRuleForm), CLEAN]] | None = None


APPLICATION = Form(ApplicationForm)
DISPATCH = Form(DispatchForm)
SERVICE = Form(ServiceForm)
SERVICES = PageForm(Page[ListedServiceForm], "services")
VERSIONS = PageForm(Page[Annotated[dict[str, Any], fits(ListedVersionForm)]], "versions")
VERSION = Form(VersionForm)
OPERATION = Form(OperationForm)
OPERATIONS = PageForm(Page[OperationForm], "operations")


class AppEngine:
    """A client as `google_api` describes. Operations are read as JSON too, since the library's
    own reader fails on answers that carry a type that it does not know."""

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._root = root
        self._session = session
        self.retries = session.retries
        self._api = JsonApi(f"{root}/v1", session)

    def prepare_changes(self) -> None:
        """Load and fetch what changes need, so that each is sent at once when it may be sent.

        Raises ServiceError.
        """
        _ = self._library
        self._session.ensure_token()

    def app(self, project: str) -> App | None:
        """The project's application; None where it has none. Raises ServiceError."""
        body = self._api.find(_path(project), APPLICATION)
        if body is None:
            return None
        return App(
            default_hostname=body.default_hostname,
            code_bucket=body.code_bucket or f"staging.{project}.appspot.com",
            serving_status=body.serving_status or "SERVING",
        )

    def split(self, project: str, service: str) -> Split | None:
        """The service's traffic split; None without such a service. Raises ServiceError."""
        body = self._api.find(_path(project, "services", service), SERVICE)
        return None if body is None else _to_split(body.split)

    def services(self, project: str) -> dict[str, Split]:
        """Every service's traffic split, by service. Raises ServiceError."""
        path = _path(project, "services")
        return {
            service.id: _to_split(service.split)
            for service in self._api.items(path, SERVICES, pageSize="100")
        }

    def versions(self, project: str, service: str) -> Iterator[Version]:
        """Every version of a service. Raises ServiceError."""
        path = _path(project, "services", service, "versions")
        for body in self._api.items(path, VERSIONS, pageSize="100"):
            yield Version(body["id"], body.get("createTime") or "", body)

    def find_version(
        self, project: str, service: str, version: str, *, settings: bool = True
    ) -> DeployedVersion | None:
        """The version with its files, and its settings where they are wanted; None where it
        does not exist. Raises ServiceError."""
        path = _path(project, "services", service, "versions", version)
        partly = {} if settings else {"fields": CONTENT}
        try:
            body, source = self._api.get_with_source(path, VERSION, view="FULL", **partly)
        except NotFound:
            return None
        deployment = body.deployment or DeploymentForm()
        return DeployedVersion(
            body.serving_status or "SERVING",
            _files(deployment),
            version_settings(source) if settings else None,
            _archive(deployment),
        )

    def operation(self, name: str) -> Operation:
        """How an operation stands. Raises ServiceError."""
        return to_operation(self._api.get(name, OPERATION))

    def operations_under_way(self, project: str) -> tuple[Operation, ...]:
        """The application's operations that have not ended. Raises ServiceError."""
        path = _path(project, "operations")
        return tuple(map(to_operation, self._api.items(path, OPERATIONS, filter="done:false")))

    def create_version(self, project: str, service: str, body: Mapping[str, Any]) -> Operation:
        """Begin to create a version from the API's JSON. Raises ServiceError."""
        parent = _path(project, "services", service)
        version = to_message(body)
        if version is None:
            # The library would lose some of it: zeros, which gcloud sends too, and fields that
            # it does not know, such as vpcAccess.
            return to_operation(self._api.change("POST", f"{parent}/versions", body, OPERATION))
        return _begin(self._library.versions.create_version, parent=parent, version=version)

    def set_split(self, project: str, service: str, split: Split) -> Operation:
        """Begin to move traffic, at once and not gradually. Raises ServiceError."""
        from google.cloud import appengine_admin_v1 as admin

        name = _path(project, "services", service)
        body = {"split": {"allocations": dict(split.allocations), "shardBy": split.shard_by}}
        if split.shard_by not in admin.TrafficSplit.ShardBy.__members__:
            # A rollback restores it as it was read, even if the library does not know it.
            answer = self._api.change("PATCH", name, body, OPERATION, updateMask="split")
            return to_operation(answer)
        return _begin(
            self._library.services.update_service,
            name=name,
            service=parse_message(admin.Service, body),
            update_mask=update_mask(["split"]),
        )

    def dispatch_rules(self, project: str) -> tuple[dict[str, Any], ...]:
        """The dispatch rules, in the order in which they are tried. Raises ServiceError."""
        body = self._api.get(_path(project), DISPATCH, fields="dispatchRules")
        return tuple(body.dispatch_rules or ())

    def set_dispatch_rules(self, project: str, rules: Iterable[Mapping[str, str]]) -> Operation:
        """Begin to replace all rules; the services in them exist already. Raises ServiceError."""
        from google.cloud import appengine_admin_v1 as admin

        body = {"dispatchRules": list(map(dict, rules))}
        return _begin(
            self._library.applications.update_application,
            name=_path(project),
            application=parse_message(admin.Application, body),
            update_mask=update_mask(["dispatchRules"]),
        )

    @cached_property
    def _library(self) -> SimpleNamespace:
        """The library's clients. Loading it takes a quarter of a second of CPU."""
        from google.cloud import appengine_admin_v1 as admin

        return SimpleNamespace(
            applications=open_client(admin.ApplicationsClient, self._root, self._session),
            services=open_client(admin.ServicesClient, self._root, self._session),
            versions=open_client(admin.VersionsClient, self._root, self._session),
        )


def _begin(method: Callable[..., Any], **request: Any) -> Operation:
    """Send a change by the library; the operation that it begins. Raises ServiceError."""
    # .operation is the message itself; .metadata of the wrapper raises, since the
    # library declares another type than the API sends.
    operation = send_change(method, **request).operation
    if not re.match(_OPERATION, operation.name):
        raise bad_answer("Google's client library", "it names no operation")
    failed = operation.error.code
    error = _to_error(failed, operation.error.message) if failed else None
    return Operation(operation.name, operation.done, error)


def _path(project: str, *parts: str) -> str:
    return "/".join(quote(part, safe="") for part in ("apps", project, *parts))


def _to_split(body: SplitForm | None) -> Split:
    found = body or SplitForm()
    return Split(found.allocations or {}, found.shard_by or "UNSPECIFIED")


def _files(deployment: DeploymentForm) -> dict[str, str] | None:
    """Path → SHA-1 of a version's manifest; None where the server gives none.

    A thousand instances have the same files: each text is kept once.
    """
    files = (deployment.files or {}).items()
    return {intern(path): intern(_sha1(entry)) for path, entry in files} or None


def _archive(deployment: DeploymentForm) -> str | None:
    """The name of the object that a version's files were in; None where the server gives none."""
    url = (deployment.zip or FileForm()).source_url or ""
    return url.rpartition("/")[2] or None


def _sha1(entry: FileForm) -> str:
    """The API shows ``sha1Sum`` with underscores or without; the object's name has it too."""
    shown = (entry.sha1_sum or "").replace("_", "").lower()
    return shown if _SHA1.fullmatch(shown) else (entry.source_url or "").rpartition("/")[2]


def to_operation(body: OperationForm) -> Operation:
    error = body.error if body.error != StatusForm() else None
    about = body.metadata or OperationMetadataForm()
    method = (about.method or "").rpartition(".")[2]
    return Operation(
        body.name,
        body.done or False,
        _to_error(error.code, error.message or "") if error else None,
        " of ".join(filter(None, (method, about.target))),
    )


def _to_error(number: int | None, message: str) -> ServiceError:
    """What a google.rpc.Status says."""
    number = Code.UNKNOWN if number is None else number
    code = Code.Name(number) if number in Code.values() else f"RPC_{number}"
    return error_of(0, code, message or "no message")
