"""Where Google, the library's repository and the applications are, and who we are there.

Values only: made once from the options, passed down. That everything speaks to
the sandbox instead of Google is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flowdeploy.errors import UsageError

GOOGLE = "google"
# Known to the sandbox's Clojars; worth nothing anywhere else.
DEMO_USER = "sandbox"
DEMO_TOKEN = "CLOJARS_" + "5a" * 30


@dataclass(frozen=True, slots=True)
class Account:
    """A user name and deploy token of the library's repository."""

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Roots of the services, without a slash at the end.

    ``target`` is ``google``, or the URL of the sandbox, which stands in for all services.
    ``library`` replaces the configured repository, and ``library_api`` is where
    its existing versions are asked for; None: as configured. ``anonymous``: no
    Google credential is read. ``web`` is where pages of applications are asked for,
    by their host's name; None: at their own hosts.
    """

    target: str
    anonymous: bool = False
    library: str | None = None
    library_api: str | None = None
    account: Account | None = None
    web: str | None = None

    def api(self, name: str) -> str:
        """The root of one of Google's APIs, such as ``appengine``."""
        return f"https://{name}.googleapis.com" if self.target == GOOGLE else self.target


def google(environ: Mapping[str, str]) -> Endpoints:
    return Endpoints(GOOGLE, account=_account(environ))


def sandbox(url: str, environ: Mapping[str, str]) -> Endpoints:
    """The stand-in at ``url``. Raises UsageError for what is no http URL, or names a user."""
    if "@" in url:  # not repeated here: what stands before it may be a password
        raise UsageError(
            "FLOWDEPLOY_SANDBOX holds an @, before which a user and a password would stand",
            hint="Leave them out: the stand-in asks nobody who they are, and reports show its URL.",
        )
    url = url.rstrip("/")
    if not _is_http(url):
        raise UsageError(
            f"FLOWDEPLOY_SANDBOX={url!r} is no URL",
            hint="`flowdeploy sandbox serve` prints the URL to use, like http://127.0.0.1:8080.",
        )
    return Endpoints(
        url,
        anonymous=True,
        library=f"{url}/repo",
        library_api=f"{url}/api/artifacts",
        account=_account(environ) or Account(DEMO_USER, DEMO_TOKEN),
        web=url,
    )


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is no number up to 65535
        return False


def _account(environ: Mapping[str, str]) -> Account | None:
    """The account that the environment names; both variables or none."""
    user, token = environ.get("CLOJARS_USERNAME"), environ.get("CLOJARS_PASSWORD")
    return Account(user.strip(), token.strip()) if user and token else None
