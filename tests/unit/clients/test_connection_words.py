"""Connections that fail, in the words of what went wrong at their bottom."""

from __future__ import annotations

import socket

import pytest
import requests
from requests.exceptions import ConnectionError as Disconnected
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
)

from flowdeploy.clients.failures import to_service_error

HOST = "storage.googleapis.com"
POOL = HTTPSConnectionPool(HOST)
CONNECTION = HTTPSConnection(HOST)
REQUEST = requests.Request("GET", f"https://{HOST}/storage/v1/b").prepare()
LOST = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
RESET = ConnectionResetError(104, "Connection reset by peer")


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def _retried(reason: Exception) -> MaxRetryError:
    return MaxRetryError(POOL, "/storage/v1/b?name=x", reason)


@pytest.mark.parametrize(
    ("wrapped", "words", "hint"),
    [
        (
            _retried(_caused(NameResolutionError(HOST, CONNECTION, LOST), LOST)),
            f"the connection to https://{HOST} failed: Name or service not known",
            "name could not be looked up",
        ),
        (
            ProtocolError("Connection aborted.", RESET),
            f"the connection to https://{HOST} failed: Connection reset by peer",
            "try again",
        ),
        (
            _retried(_caused(ConnectTimeoutError(CONNECTION, "late"), TimeoutError("timed out"))),
            f"the connection to https://{HOST} failed: timed out",
            "try again",
        ),
        (
            _retried(
                _caused(
                    NewConnectionError(CONNECTION, "no"),
                    ConnectionRefusedError(111, "Connection refused"),
                )
            ),
            f"nobody listens at https://{HOST}",
            "sandbox serve",
        ),
    ],
    ids=["name", "reset", "timeout", "refused"],
)
def test_a_failed_connection_in_plain_words(wrapped: Exception, words: str, hint: str) -> None:
    error = to_service_error(Disconnected(wrapped, request=REQUEST))
    assert (error.code, error.message) == ("CONNECTION", words)
    assert hint in (error.hint or "")
