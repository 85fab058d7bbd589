"""The errors of flowdeploy, with their exit codes.

    FlowdeployError        1  failed, and no instance was changed
    ├── UsageError         2  the command line is wrong
    │   ├── RefError       2  … the git ref
    │   └── ConfigError    2  … the configuration
    ├── Refused            4  a check refused; no instance was changed
    ├── LockHeld           5  another run holds the lock
    ├── ToolError          1  a local program failed, or is not installed
    └── ServiceError       1  a remote service refused or failed a request
        ├── BadAnswer           … it answered, and not as it should
        ├── ConnectionFailed    … no answer came: whether it was asked is open
        ├── NotFound            … there is no such thing
        ├── Unauthenticated     … it does not know this identity
        ├── PermissionDenied    … this identity may not do that
        ├── QuotaExceeded       … it has had too many requests
        └── PreconditionFailed  … the thing is in another state than expected

`flowdeploy.cli.main` prints them and exits. Whether a *run* ends with 1
or with 3 (something was changed) follows from its report, not from an exception.
"""

from collections.abc import Sequence


class FlowdeployError(Exception):
    """An error for the user to read and act on.

    ``message`` is a sentence that says what happened and where; ``details`` are further
    lines, one finding each; ``hint`` says what to do.
    """

    exit_code = 1
    code = "FAILED"

    def __init__(
        self, message: str, *, details: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {line}" for line in self.details)])


class UsageError(FlowdeployError):
    """The command line asks for something impossible."""

    exit_code = 2
    code = "USAGE"


class RefError(UsageError):
    """A text is not a ref of any pipeline."""

    code = "BAD_REF"


class ConfigError(UsageError):
    """The configuration is missing or wrong; ``details`` are all problems."""

    code = "BAD_CONFIG"


class Refused(FlowdeployError):
    """A check found reasons not to start; ``details`` are all of them."""

    exit_code = 4
    code = "REFUSED"


class LockHeld(FlowdeployError):
    """Another run holds the lock; the message names its owner."""

    exit_code = 5
    code = "LOCK_HELD"


class ToolError(FlowdeployError):
    """A local program failed or is not installed."""

    code = "TOOL_FAILED"


class ServiceError(FlowdeployError):
    """A remote service refused or failed a request.

    ``code`` is the service's own (``PERMISSION_DENIED``, ``HTTP_502``, …) and
    ``message`` its own words, whole. ``retry_after`` are the seconds for which it asks
    to be left alone; ``is_refusal`` is whether the service itself has answered that it did
    nothing.
    """

    retry_after = 0.0
    is_refusal = False

    def __init__(
        self, code: str, message: str, *, details: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, details=details, hint=hint)
        self.code = code


class BadAnswer(ServiceError):
    """An answer that is not what the service should give: whether it did anything is open."""


class ConnectionFailed(ServiceError):
    """The service could not be reached, or the connection broke before an answer came."""


class NotFound(ServiceError):
    """The service has no such resource."""


class PermissionDenied(ServiceError):
    """The service does not let this identity do what it asked for."""


class QuotaExceeded(ServiceError):
    """The service has had too many requests in this minute, or on this day."""


class Unauthenticated(ServiceError):
    """The service does not know this identity, or its token is no longer valid."""


class PreconditionFailed(ServiceError):
    """The resource is not in the state that the request requires."""
