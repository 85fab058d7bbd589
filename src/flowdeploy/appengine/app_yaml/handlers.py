"""Reads handlers, error handlers and the API configuration of app.yaml."""

from collections.abc import Mapping
from typing import Any

from flowdeploy.appengine.app_yaml.headers import headers
from flowdeploy.appengine.app_yaml.times import expiration
from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import (
    Key,
    block,
    choice,
    list_of,
    pattern,
    put,
    switch,
    text,
    unusable,
)
from flowdeploy.appengine.forms.user_regex import compile_regex

_URL = pattern(r"/.*|\..*|\(..*[^$]", "a path that begins with / (or with . or a group)")
_FILE = pattern(r".+", "a path")
_ON, _OFF = {"on", "yes", "y", "true", "t", "1"}, {"off", "no", "n", "false", "f", "0"}

_COMMON = {
    "url": Key(_URL, "urlRegex", required=True),
    "login": Key(
        choice("optional", "required", "admin", prefix="LOGIN", unsent="optional"),
        nullable=False,
    ),
    "auth_fail_action": Key(
        choice("redirect", "unauthorized", prefix="AUTH_FAIL_ACTION", unsent="redirect"),
        nullable=False,
    ),
    "redirect_http_response_code": Key(
        choice("301", "302", "303", "307", prefix="REDIRECT_HTTP_RESPONSE_CODE")
    ),
    "position": Key(unusable("belongs into files of includes")),
}


def _secure(value: Any, place: Place) -> str | None:
    levels = choice("never", "always", "optional", "default", prefix="SECURE")
    sent = levels(value, place)
    return "SECURE_OPTIONAL" if sent == "SECURE_DEFAULT" else sent


_HANDLER = {
    **_COMMON,
    "secure": Key(_secure, "securityLevel", nullable=False, default="optional"),
}


def _on(value: Any, place: Place) -> dict[str, Any]:
    if text(value, place).lower() not in _ON | _OFF:
        raise Wrong("on or off")
    return {}


_STATIC = {
    **_HANDLER,
    "expiration": Key(expiration, "staticFiles.expiration"),
    "mime_type": Key(text, "staticFiles.mimeType"),
    "http_headers": Key(headers, "staticFiles.httpHeaders"),
    "require_matching_file": Key(switch, "staticFiles.requireMatchingFile"),
    "application_readable": Key(switch, "staticFiles.applicationReadable"),
}

_KINDS: Mapping[str, Mapping[str, Key]] = {
    "api_endpoint": {
        **_HANDLER,
        "api_endpoint": Key(_on),
        "script": Key(_FILE, "apiEndpoint.scriptPath"),
    },
    "static_files": {
        **_STATIC,
        "static_files": Key(_FILE, "staticFiles.path"),
        "upload": Key(_FILE, "staticFiles.uploadPathRegex", required=True),
    },
    "static_dir": {**_STATIC, "static_dir": Key(_FILE, "staticFiles.path")},
    "script": {**_HANDLER, "script": Key(_FILE, "script.scriptPath")},
}
_READERS = {kind: block(keys, f"a {kind} handler") for kind, keys in _KINDS.items()}


def kind_of(handler: Mapping[str, Any]) -> str | None:
    """The key that tells what answers the handler's URL."""
    return next((kind for kind in _KINDS if handler.get(kind) is not None), None)


def _handler(value: Any, place: Place) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        raise Wrong("a block with url and what answers it")
    kind = kind_of(value)
    if kind is None:
        place.problem("has nothing that answers", f"add one of {', '.join(sorted(_KINDS))}")
        return None
    sent: dict[str, Any] = _READERS[kind](value, place)
    static = sent.get("staticFiles", {})
    if "mimeType" in static and "content-type" in {
        h.lower() for h in static.get("httpHeaders", {})
    }:
        place.problem("has both mime_type and a Content-Type header", "keep one")
    if kind == "static_dir":
        _spell_out_folder(sent, place / "url")
    return sent


def _spell_out_folder(sent: dict[str, Any], url_place: Place) -> None:
    """Write static_dir as static_files, the only form that the API has."""
    url, folder = sent.get("urlRegex"), sent.get("staticFiles", {}).get("path")
    if url is None or folder is None:
        return
    if _groups(url):
        url_place.problem(
            "has groups, which static_dir cannot use", "write static_files and upload"
        )
    put(sent, "urlRegex", url.rstrip("/") + "/(.*)")
    put(sent, "staticFiles.path", folder.rstrip("/") + r"/\1")
    put(sent, "staticFiles.uploadPathRegex", folder.rstrip("/") + "/.*")


def _groups(url: str) -> int:
    try:
        return compile_regex(url).plain.groups
    except ValueError:  # App Engine's expressions are POSIX's: the server judges them
        return 0


HANDLERS = list_of(_handler, at_most=100)

ERROR_HANDLERS = list_of(
    block(
        {
            "error_code": Key(
                choice("default", "over_quota", "dos_api_denial", "timeout", prefix="ERROR_CODE")
            ),
            "file": Key(_FILE, "staticFile", required=True),
            "mime_type": Key(text),
        },
        "error_handlers",
    )
)

API_CONFIG = block(
    {
        "url": Key(_URL, required=True),
        "script": Key(_FILE, required=True),
        "login": _COMMON["login"],
        "auth_fail_action": _COMMON["auth_fail_action"],
        "secure": Key(
            choice("never", "always", "optional", "default", prefix="SECURE", unsent="default"),
            "securityLevel",
            nullable=False,
        ),
    },
    "api_config",
)
