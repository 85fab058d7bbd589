"""App Engine's resources, as far as decisions depend on them.

`flowdeploy.clients` builds them from what the Admin API answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdeploy.errors import ServiceError


@dataclass(frozen=True, slots=True)
class App:
    """An application."""

    default_hostname: str
    code_bucket: str
    serving_status: str = "SERVING"


@dataclass(frozen=True, slots=True)
class Version:
    """A version in the BASIC view.

    ``created`` is a time as RFC 3339 has it, or empty; ``resource`` is the API's JSON
    as it was read.
    """

    id: str
    created: str
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeployedVersion:
    """A version in the FULL view. What the server does not say is None.

    ``files`` maps paths to SHA-1s; ``archive`` names the object that holds the files
    instead; ``settings`` are the other fields of the API's Version (see `checks.drift`).
    """

    serving_status: str = "SERVING"
    files: Mapping[str, str] | None = None
    settings: Mapping[str, Any] | None = None
    archive: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether the server says which files the version has."""
        return self.files is not None or self.archive is not None


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation, ``apps/P/operations/ID``, and how it ended if it has.

    ``what`` says what it does, if the server did: ``CreateVersion of apps/P/…``.
    """

    name: str
    done: bool = False
    error: ServiceError | None = None
    what: str = ""
