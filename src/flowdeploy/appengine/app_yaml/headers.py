"""Checks the response headers of static handlers (RFC 9110 and App Engine's own rules)."""

import re
from typing import Any
from wsgiref.util import is_hop_by_hop

from flowdeploy.appengine.forms.problems import Place, Wrong

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PRINTABLE = re.compile(r"[ -~]*")
_REQUEST_ONLY = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "authorization"),
        *("expect", "from", "host", "if-match", "if-modified-since", "if-none-match"),
        *("if-range", "if-unmodified-since", "max-forwards", "proxy-authorization", "range"),
        *("referer", "te", "user-agent"),
    )
)
_SERVER_SETS = frozenset({"content-encoding", "content-length", "date", "server"})
_MOST_HEADERS = 500
_LINE_LENGTH = 500  # of name, colon, value and line end
_LONG_VALUES = {
    "content-security-policy": 10_240,
    "content-security-policy-report-only": 10_240,
    "x-content-security-policy": 10_240,
    "x-webkit-csp": 10_240,
    "set-cookie": 4_096,
    "set-cookie2": 4_096,
    "location": 2_047,
}


def headers(value: Any, place: Place) -> dict[str, str]:
    """Names and values; a boolean is sent as ``true``, unlike in environment variables."""
    if not isinstance(value, dict):
        raise Wrong("a block of `Name: value` lines")
    if len(value) > _MOST_HEADERS:
        place.problem(f"has {len(value)} headers", f"at most {_MOST_HEADERS} are allowed")
    sent = {}
    for name, inner in value.items():
        sent[name] = str(inner).lower() if isinstance(inner, bool) else str(inner)
        wrong = _wrong_name(name) or _wrong_value(name.lower(), inner)
        if wrong:
            (place / name).problem(*wrong)
    return sent


def _wrong_name(name: str) -> tuple[str, str] | None:
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        return "is no header name", "write letters, digits and hyphens"
    if lower in _REQUEST_ONLY:
        return "is a header of requests, not of answers", "remove it"
    if lower in _SERVER_SETS or is_hop_by_hop(lower):
        return "is set by the server itself", "remove it"
    if lower.startswith("x-appengine"):
        return "has a name that App Engine keeps for itself", "choose another"
    return None


def _wrong_value(name: str, value: Any) -> tuple[str, str] | None:
    text = str(value)
    if isinstance(value, dict | list) or not _PRINTABLE.fullmatch(text):
        return "has a value that no header can have", "write printable ASCII"
    longest = _LONG_VALUES.get(name, 0)
    if len(f"{name}: {text}\r\n") >= _LINE_LENGTH and len(text) > longest:
        return f"is {len(text)} characters long", f"at most {longest or _LINE_LENGTH} are allowed"
    return None
