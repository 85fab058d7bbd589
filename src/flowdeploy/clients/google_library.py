"""Google's client libraries, as all of them are used here: over REST, for changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseError

from flowdeploy.clients.failures import send_once
from flowdeploy.clients.http import TIMEOUT, GoogleSession, prepare
from flowdeploy.errors import ServiceError

T = TypeVar("T")


def open_client(kind: Callable[..., T], root: str, session: GoogleSession) -> T:
    """A client of the class ``kind``, with the credentials and the rules of our ``session``."""
    options = {"api_endpoint": root}
    client: Any = kind(transport="rest", credentials=session.credentials, client_options=options)
    # Its own session reads .netrc, has ten connections, and would send a change after a redirect.
    prepare(client.transport._session, session.connections)
    client.transport._session.get_redirect_target = session.get_redirect_target
    opened: T = client
    return opened


def send_change(method: Callable[..., Any], **request: Any) -> Any:
    """Send a change by a client's method, as `send_once` does. Raises ServiceError."""
    return send_once(lambda: method(request, retry=None, timeout=TIMEOUT))


def parse_message(kind: Any, body: Mapping[str, Any]) -> Any:
    """A message of the library from the API's JSON.

    Raises ServiceError for a field or a value that the library does not know.
    """
    try:
        return kind.from_json(json.dumps(body))
    except ParseError as error:
        words = f"Google's client library takes no such {kind.__name__}: {error}"
        raise ServiceError("INVALID_ARGUMENT", words) from error


def update_mask(paths: Iterable[str]) -> FieldMask:
    """An update mask from paths as JSON has them: ``rateLimits.maxBurstSize``."""
    mask = FieldMask()
    mask.FromJsonString(",".join(paths))
    return mask
