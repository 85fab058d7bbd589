"""Errors in the format of Google's APIs.

Source: google.rpc.Code and its mapping to HTTP (googleapis/googleapis, google/rpc/code.proto);
the JSON format is that of AIP-193.
"""

from typing import Any

# name → (google.rpc.Code, HTTP status)
CODES = {
    "INVALID_ARGUMENT": (3, 400),
    "DEADLINE_EXCEEDED": (4, 504),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "RESOURCE_EXHAUSTED": (8, 429),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "UNIMPLEMENTED": (12, 501),
    "INTERNAL": (13, 500),
    "UNAVAILABLE": (14, 503),
    "UNAUTHENTICATED": (16, 401),
}


class ApiError(Exception):
    """An error response: ``status`` is a google.rpc.Code name, ``message`` the API's text."""

    def __init__(
        self,
        status: str,
        message: str,
        *,
        details: tuple[dict[str, Any], ...] = (),
        http_status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.http_status = http_status or CODES[status][1]
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """``{"error": {"code": 409, "message": …, "status": "ABORTED", "details": […]}}``"""
        error: dict[str, Any] = {
            "code": self.http_status,
            "message": self.message,
            "status": self.status,
        }
        if self.details:
            error["details"] = list(self.details)
        return {"error": error}

    def to_operation_error(self) -> dict[str, Any]:
        """The error as ``google.rpc.Status``, as in the result of an operation."""
        return {"code": CODES[self.status][0], "message": self.message}


def invalid_argument(message: str, field: str | None = None) -> ApiError:
    """400 INVALID_ARGUMENT; ``field`` goes into a BadRequest detail, as in the real API."""
    if field is None:
        return ApiError("INVALID_ARGUMENT", message)
    violation = {"field": field, "description": message}
    detail = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [violation],
    }
    return ApiError("INVALID_ARGUMENT", message, details=(detail,))


def not_found(message: str) -> ApiError:
    """404 NOT_FOUND."""
    return ApiError("NOT_FOUND", message)
