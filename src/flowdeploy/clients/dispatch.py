"""The dispatch rules of an application: which requests go to which of its services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from google.auth.credentials import Credentials
from google.cloud import appengine_admin_v1 as admin

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.answers import CLEAN, AnswerForm, Form, fits
from flowdeploy.clients.appengine import begin_operation
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.clients.google_library import ONCE, open_client, parse_message, update_mask
from flowdeploy.clients.http import google_session


class DispatchRuleForm(AnswerForm):
    service: str
    domain: str = ""
    path: str = ""


class DispatchForm(AnswerForm):
    dispatch_rules: list[Annotated[dict[str, Any], fits(DispatchRuleForm), CLEAN]] | None = None


DISPATCH = Form(DispatchForm)


class Dispatch:
    """Part of the App Engine Admin API v1; its operations are looked up with `AppEngine`.

    Every method raises ServiceError, and may be called from any thread. Reads are repeated
    where that may help; changes are sent once.
    """

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        session = google_session(credentials, connections)
        self._api = JsonApi(f"{root}/v1", session)
        self._apps = open_client(admin.ApplicationsClient, root, session)

    def rules(self, project: str) -> tuple[dict[str, Any], ...]:
        """``{"domain": …, "path": …, "service": …}`` in the order in which they are tried.

        Raises ServiceError.
        """
        body = self._api.get(f"apps/{project}", DISPATCH, fields="dispatchRules")
        return tuple(body.dispatch_rules or ())

    def set_rules(self, project: str, rules: Iterable[Mapping[str, str]]) -> Operation:
        """Begin to replace all rules at once; the services that they name exist already.

        Raises ServiceError.
        """
        body = {"dispatchRules": list(map(dict, rules))}
        request = admin.UpdateApplicationRequest(
            name=f"apps/{project}",
            application=parse_message(admin.Application, body),
            update_mask=update_mask(["dispatchRules"]),
        )
        return begin_operation(lambda: self._apps.update_application(request, **ONCE))
