"""Google's client libraries, as all of them are used here: over REST, for changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from google.auth.credentials import Credentials
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseError

from flowdeploy.clients.api import TIMEOUT, pool_connections, service_error
from flowdeploy.errors import ServiceError

T = TypeVar("T")

# Sent once: who asked for a change looks at what is true before sending it again.
ONCE: Mapping[str, Any] = {"retry": None, "timeout": TIMEOUT}


def connected(kind: Callable[..., T], root: str, credentials: Credentials, connections: int) -> T:
    """A client of the class ``kind``, with a connection for each worker."""
    options = {"api_endpoint": root}
    client: Any = kind(transport="rest", credentials=credentials, client_options=options)
    # The library offers no way to size its pool, and ten connections are fewer than
    # there are workers.
    pool_connections(client.transport._session, connections)
    found: T = client
    return found


def changed(send: Callable[[], T]) -> T:
    """What the library gives back for one change. Raises ServiceError."""
    try:
        return send()
    except Exception as failure:
        raise service_error(failure) from failure


def message(kind: Any, body: Mapping[str, Any]) -> Any:
    """A message of the library from the API's JSON.

    Raises ServiceError for a field or a value that the library does not know.
    """
    try:
        return kind.from_json(json.dumps(body))
    except ParseError as error:
        words = f"Google's client library takes no such {kind.__name__}: {error}"
        raise ServiceError("INVALID_ARGUMENT", words) from error


def mask(paths: Iterable[str]) -> FieldMask:
    """An update mask from paths as JSON has them: ``rateLimits.maxBurstSize``."""
    found = FieldMask()
    found.FromJsonString(",".join(paths))
    return found
