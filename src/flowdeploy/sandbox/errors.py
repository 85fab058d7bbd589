"""Errors as Google's APIs send them.

Source: google.rpc.Code and its mapping to HTTP (googleapis/googleapis, google/rpc/code.proto);
the shape is that of AIP-193.
"""

from __future__ import annotations

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
    """A refusal: ``status`` is a name of google.rpc.Code, ``message`` the words of the API."""

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

    def as_operation_error(self) -> dict[str, Any]:
        """The same as ``google.rpc.Status``, the form that an operation ends with."""
        return {"code": CODES[self.status][0], "message": self.message}


def invalid(message: str, field: str | None = None) -> ApiError:
    """400 INVALID_ARGUMENT; ``field`` is named in a BadRequest detail, as the API does."""
    if field is None:
        return ApiError("INVALID_ARGUMENT", message)
    violation = {"field": field, "description": message}
    detail = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [violation],
    }
    return ApiError("INVALID_ARGUMENT", message, details=(detail,))


def not_found(message: str) -> ApiError:
    return ApiError("NOT_FOUND", message)
