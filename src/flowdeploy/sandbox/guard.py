"""Refuses what web pages could have a browser send to the sandbox.

A page of any site may send requests to this machine. By DNS rebinding, where its own name
comes to mean 127.0.0.1, it could also read the responses; such requests carry its name in
``Host``. The name of an application only ever gets the application's page, and nobody but
Google decides what addresses under ``appspot.com`` mean.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from flowdeploy.sandbox import control
from flowdeploy.sandbox.app_pages import is_application
from flowdeploy.sandbox.google_api.errors import ApiError
from flowdeploy.sandbox.google_api.responses import error_response

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# A form of a page can have JSON in a body of these types; curl's own type, of an encoded
# form, is not among them: the encoding spoils the JSON.
OF_FORMS = frozenset({"text/plain", "multipart/form-data"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_guard(names: Iterable[str]) -> Middleware:
    """The middleware that lets only requests pass that are meant for this sandbox.

    ``names`` are hosts to answer to, in addition to loopback's and the applications'.
    """
    allowed = frozenset(map(_canonical, filter(None, names)))

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if not (is_application(host) or _is_ours(host_name(host), allowed)):
            return _refusal(
                f"The sandbox does not answer to the host {host!r}. Allow it with"
                " `flowdeploy sandbox serve --allow-host NAME`."
            )
        if request.method not in SAFE and _is_cross_site(request, host):
            return _refusal("The sandbox takes no changes from the pages of other sites.")
        return await handler(request)

    return guard


def host_name(host: str) -> str:
    """The name or address of a ``Host`` header, without its port; empty if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a name or address without brackets can only mean this machine."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return _canonical(name) == "localhost"


def _is_ours(name: str, allowed: frozenset[str]) -> bool:
    return is_loopback(name) or _canonical(name) in allowed


def _canonical(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")


def _is_cross_site(request: web.Request, host: str) -> bool:
    """Whether a browser sends the request for a page that is not our own.

    Google's own APIs take requests from web applications, which have an ``Origin``.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    if not request.path.startswith(control.PREFIX):
        return site == "cross-site"
    origin = request.headers.get("Origin")
    return (
        (origin is not None and urlsplit(origin).netloc.lower() != host.lower())
        or site not in ("none", "same-origin")
        or request.content_type in OF_FORMS
    )


def _refusal(message: str) -> web.Response:
    return error_response(ApiError("PERMISSION_DENIED", message))
