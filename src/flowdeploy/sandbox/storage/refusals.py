"""Errors in the form that Cloud Storage sends them, which is older than Google's common one.

Source: Cloud Storage JSON API, "HTTP status and error codes for JSON".
"""

from __future__ import annotations

from typing import Any

from flowdeploy.sandbox.errors import ApiError

STATUS = {
    304: "FAILED_PRECONDITION",
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    410: "NOT_FOUND",
    412: "FAILED_PRECONDITION",
    416: "INVALID_ARGUMENT",
}


class StorageError(ApiError):
    """``reason`` is one word for the program, as in ``errors[].reason``."""

    def __init__(self, http_status: int, reason: str, message: str) -> None:
        super().__init__(STATUS[http_status], message, http_status=http_status)
        self.reason = reason

    def body(self) -> dict[str, Any]:
        item = {"message": self.message, "domain": "global", "reason": self.reason}
        error = {"code": self.http_status, "message": self.message, "errors": [item]}
        return {"error": error}


def bad_request(message: str) -> StorageError:
    return StorageError(400, "invalid", message)


def no_bucket() -> StorageError:
    return StorageError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> StorageError:
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}")


def condition_not_met() -> StorageError:
    text = "At least one of the pre-conditions you specified did not hold."
    return StorageError(412, "conditionNotMet", text)


def not_modified() -> StorageError:
    return StorageError(304, "notModified", "Not Modified")
