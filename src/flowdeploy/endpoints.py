"""The URLs of Google's services, the library's repository and the applications.

Plain values, made once from the options and passed down. The choice between Google and
the sandbox is made here only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flowdeploy.errors import UsageError

GOOGLE = "google"
# The sandbox's Clojars knows this account; no other server does.
DEMO_USER = "sandbox"
DEMO_TOKEN = "CLOJARS_" + "5a" * 30


@dataclass(frozen=True, slots=True)
class Account:
    """A user name and deploy token of the library's repository."""

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Root URLs of the services, without a trailing slash.

    ``target`` is the name to show: ``google`` or the sandbox's URL. ``library`` replaces the
    configured repository, and ``library_api`` lists its versions; None: as configured.
    ``anonymous``: no Google credential is read. ``web`` serves the pages of all applications,
    by the Host header; None: they are at their own hosts.
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
    """The sandbox at ``url``. Raises UsageError if that is not an HTTP URL, or names a user."""
    if "@" in url:  # not repeated in the message: it may hold a password
        raise UsageError(
            "FLOWDEPLOY_SANDBOX must not hold a user or a password",
            hint="Leave them out: the sandbox needs no account, and reports show its URL.",
        )
    url = url.rstrip("/")
    if not _is_http(url):
        raise UsageError(
            f"FLOWDEPLOY_SANDBOX={url!r} is not an HTTP URL",
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
    except ValueError:  # brackets that do not match, or an invalid port
        return False


def _account(environ: Mapping[str, str]) -> Account | None:
    """The account in the environment; None unless both variables are set."""
    user, token = environ.get("CLOJARS_USERNAME"), environ.get("CLOJARS_PASSWORD")
    return Account(user.strip(), token.strip()) if user and token else None
