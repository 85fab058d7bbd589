"""Service Usage v1: which of Google's APIs a project has switched on.

Through no library of Google's: there is one question, and it is a GET.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from google.auth.credentials import Credentials

from flowdeploy.clients.api import JsonApi, authorized_session

TASKS = "cloudtasks.googleapis.com"
SCHEDULER = "cloudscheduler.googleapis.com"
DATASTORE = "datastore.googleapis.com"


class ServiceUsage:
    """Raises ServiceError; the question is repeated where that may help."""

    def __init__(self, root: str, credentials: Credentials, connections: int) -> None:
        self._api = JsonApi(f"{root}/v1", authorized_session(credentials, connections))

    def disabled_apis(self, project: str, apis: Iterable[str]) -> tuple[str, ...]:
        """Those of up to 30 APIs (``cloudtasks.googleapis.com``) that are not switched on."""
        asked = tuple(apis)
        names = [("names", f"projects/{project}/services/{api}") for api in asked]
        path = f"projects/{project}/services:batchGet?{urlencode(names)}"
        answer = self._api.get(path) if asked else {}
        found = answer.get("services", ())
        enabled = {s["name"].rpartition("/")[2] for s in found if s.get("state") == "ENABLED"}
        return tuple(api for api in asked if api not in enabled)
