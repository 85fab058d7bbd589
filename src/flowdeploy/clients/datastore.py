"""Datastore Admin v1: an application's composite indexes."""

from collections.abc import Mapping
from typing import Annotated, Any

from google.cloud import datastore_admin_v1 as datastore

from flowdeploy.clients.answers import CLEAN, AnswerForm, Page, PageForm, fits
from flowdeploy.clients.google_api import JsonApi, open_client, parse_message, send_change
from flowdeploy.clients.http import GoogleSession


class PropertyForm(AnswerForm):
    name: str
    direction: str = ""


class IndexForm(AnswerForm):
    """All that is compared of an index."""

    kind: str
    ancestor: str = ""
    properties: list[PropertyForm] | None = None
    state: str = ""  # CREATING, READY, DELETING or ERROR


INDEXES = PageForm(Page[Annotated[dict[str, Any], fits(IndexForm), CLEAN]], "indexes")


class Datastore:
    """A client as `google_api` describes; it never deletes an index.

    Indexes are read again and again while they are being built: of 75 the library makes
    5 ms of CPU where the forms take one.
    """

    def __init__(self, root: str, session: GoogleSession) -> None:
        self._api = JsonApi(f"{root}/v1", session)
        self._indexes = open_client(datastore.DatastoreAdminClient, root, session)

    def indexes(self, project: str) -> tuple[dict[str, Any], ...]:
        """Every index as the API's resource. Raises ServiceError."""
        return tuple(self._api.items(f"projects/{project}/indexes", INDEXES, pageSize="100"))

    def create(self, project: str, body: Mapping[str, Any]) -> None:
        """Begin to build an index of the API's JSON. Raises ServiceError, of the code
        ALREADY_EXISTS for one that is there or is being built."""
        index = parse_message(datastore.Index, body)
        send_change(self._indexes.create_index, project_id=project, index=index)
