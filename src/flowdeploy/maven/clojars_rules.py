"""Rules and API of Clojars, and hints for its refusals.

Source: the deploy routes of clojars-web as of August 2026, and the wiki pages that
its refusals point to.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from flowdeploy.maven.pom import Pom
from flowdeploy.maven.repository_rules import is_plain

MAX_FILE_BYTES = 30 * 1024 * 1024  # client_max_body_size 30m of its front server
STAGED_OR_PUBLISHED = "Non-SNAPSHOT redeploy"

_HOSTS = {"clojars.org", "www.clojars.org", "repo.clojars.org"}
_NAME = re.compile(r"[a-z0-9_.-]+", re.ASCII)
_TOKEN = re.compile(r"CLOJARS_[0-9a-f]{60}", re.ASCII)

_POISONED = (
    "The version is staged under this token and a staged file cannot be replaced: "
    "correct the cause, then publish another version, or this one with another token "
    "(or in three days, when Clojars forgets what was staged)."
)
_SETTINGS = "The group's settings are at https://clojars.org/groups."
_TOKENS = "Tokens are made at https://clojars.org/tokens."
_HINTS = {
    "No deploy token provided": f"CLOJARS_PASSWORD must be a token, not a password. {_TOKENS}",
    "Deploy token scope mismatch": f"Use a token whose scope holds this artifact. {_TOKENS}",
    "Deploy token used": f"It was good for one release only: make another. {_TOKENS}",
    "Deploy group not accessible": "An admin of the group must add this user to it.",
    "Deploy group does not exist": "Create the group first: https://clojars.org/verify/group",
    "Deploy group isn't verified": (
        "Only verified groups take new artifacts: https://clojars.org/verify/group"
    ),
    "Deploy group requires MFA": f"Switch on two-factor authentication for this user. {_SETTINGS}",
    "Cannot shadow Maven Central": "Maven Central has this name: publish under another one.",
    "Maven Central shadow check failed": "Clojars could not ask Maven Central: run it again later.",
    STAGED_OR_PUBLISHED: "This version is published, or staged with other bytes. " + _POISONED,
}
_STATUS_HINTS = {
    401: f"Clojars does not know this user with this token, or the token has ended. {_TOKENS}",
    403: _POISONED,
    405: "Clojars takes deploys at https://clojars.org/repo and nowhere else.",
    413: f"Clojars takes files of up to {MAX_FILE_BYTES >> 20} MiB.",
}


def pom_problems(pom: Pom) -> Iterator[str]:
    for element, value in (("groupId", pom.group), ("artifactId", pom.artifact)):
        if value != value.lower() and is_plain(value.lower(), _NAME):
            yield f"<{element}> is {value}: Clojars takes lower-case letters only"
    if not pom.licensed:
        yield (
            "the pom declares no license, which Clojars demands: add to <project> "
            "<licenses><license><name>AGPL-3.0-only</name></license></licenses>, "
            "with the name of the license that the library has"
        )


def credential_problems(user: str, token: str) -> Iterator[str]:
    if not user:
        yield "there is no user name: set CLOJARS_USERNAME"
    if not token:
        yield "there is no deploy token: set CLOJARS_PASSWORD"
    elif not _TOKEN.fullmatch(token):
        yield (
            "CLOJARS_PASSWORD holds no deploy token (CLOJARS_ and 60 hex digits), and Clojars "
            f"takes no passwords. {_TOKENS}"
        )


def size_problems(name: str, size: int) -> Iterator[str]:
    if size > MAX_FILE_BYTES:
        yield f"{name} has {size:,} bytes: Clojars takes up to {MAX_FILE_BYTES:,}"


def api_of(repository: str) -> str | None:
    """The address of Clojars' API for artifacts if ``repository`` is Clojars; else None."""
    is_clojars = urlsplit(repository).hostname in _HOSTS
    return "https://clojars.org/api/artifacts" if is_clojars else None


def hint(status: int, title: str) -> str | None:
    """The hint for a refusal, which only its status and title identify."""
    return _HINTS.get(title) or _STATUS_HINTS.get(status)
