"""The dispatch rules of an application: which requests go to which of its services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.auth.credentials import Credentials
from google.cloud import appengine_admin_v1 as admin

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.api import JsonApi, authorized_session
from flowdeploy.clients.appengine import status_error
from flowdeploy.clients.google_library import ONCE, changed, connected, mask, message


class Dispatch:
    """Part of the App Engine Admin API v1; its operations are looked up with `AppEngine`.

    Every method raises ServiceError, and may be called from any thread. Reads are repeated
    where that may help; changes are sent once.
    """

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        self._api = JsonApi(f"{root}/v1", authorized_session(credentials, connections))
        self._apps = connected(admin.ApplicationsClient, root, credentials, connections)

    def rules(self, project: str) -> tuple[dict[str, str], ...]:
        """``{"domain": …, "path": …, "service": …}`` in the order in which they are tried."""
        body = self._api.get(f"apps/{project}", fields="dispatchRules")
        return tuple(body.get("dispatchRules", ()))

    def set_rules(self, project: str, rules: Iterable[Mapping[str, str]]) -> Operation:
        """Begin to replace all rules at once; the services that they name exist already."""
        request = admin.UpdateApplicationRequest(
            name=f"apps/{project}",
            application=message(admin.Application, {"dispatchRules": list(map(dict, rules))}),
            update_mask=mask(["dispatchRules"]),
        )
        return _begun(lambda: self._apps.update_application(request, **ONCE))


def _begun(send: Callable[[], Any]) -> Operation:
    """The operation that a change of the library begins. Raises ServiceError."""
    # .operation is the message itself; .metadata of the wrapper raises, since the
    # library declares another type than the API sends.
    operation = changed(send).operation
    failed = operation.error.code
    error = status_error(failed, operation.error.message) if failed else None
    return Operation(operation.name, operation.done, error)
