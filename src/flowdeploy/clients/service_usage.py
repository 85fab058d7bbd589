"""Service Usage v1: which of Google's APIs a project has switched on.

Through no library of Google's: there is one question, and it is a GET.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

from flowdeploy.clients.answers import AnswerForm, Page, PageForm
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.clients.http import GoogleSession

TASKS = "cloudtasks.googleapis.com"
SCHEDULER = "cloudscheduler.googleapis.com"
DATASTORE = "datastore.googleapis.com"


class ApiForm(AnswerForm):
    name: str
    state: str | None = None


APIS = PageForm(Page[ApiForm], "services")


class ServiceUsage:
    """Which APIs are on. A question is repeated where that may help."""

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._api = JsonApi(f"{root}/v1", session)

    def disabled_apis(self, project: str, apis: Iterable[str]) -> tuple[str, ...]:
        """Those of up to 30 APIs, such as `TASKS`, that are off. Raises ServiceError."""
        asked = tuple(apis)
        if not asked:
            return ()
        names = [("names", f"projects/{project}/services/{api}") for api in asked]
        path = f"projects/{project}/services:batchGet?{urlencode(names)}"
        found = self._api.get(path, APIS).items or ()
        enabled = {api.name.rpartition("/")[2] for api in found if api.state == "ENABLED"}
        return tuple(api for api in asked if api not in enabled)
