"""Errors in the format of Cloud Storage, which is older than that of Google's other APIs.

Source: Cloud Storage JSON API, "HTTP status and error codes for JSON".
"""

from typing import Any

from flowdeploy.sandbox.google_api.errors import ApiError

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
    """An error response; ``reason`` is the machine-readable ``errors[].reason``."""

    def __init__(self, http_status: int, reason: str, message: str) -> None:
        super().__init__(STATUS[http_status], message, http_status=http_status)
        self.reason = reason

    def body(self) -> dict[str, Any]:
        item = {"message": self.message, "domain": "global", "reason": self.reason}
        error = {"code": self.http_status, "message": self.message, "errors": [item]}
        return {"error": error}


def invalid_error(message: str) -> StorageError:
    """400 for an invalid parameter or body."""
    return StorageError(400, "invalid", message)


def bucket_not_found_error() -> StorageError:
    """404 for a bucket."""
    return StorageError(404, "notFound", "The specified bucket does not exist.")


def object_not_found_error(bucket: str, name: str) -> StorageError:
    """404 for an object."""
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}")


def precondition_error() -> StorageError:
    """412 for a precondition that does not hold."""
    text = "At least one of the pre-conditions you specified did not hold."
    return StorageError(412, "conditionNotMet", text)


def not_modified_error() -> StorageError:
    """304 for an object that has not changed."""
    return StorageError(304, "notModified", "Not Modified")
