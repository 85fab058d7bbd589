"""Rules that tests can set: tokens, groups, users, Maven Central and the cache.

``PUT /_sandbox/clojars/KIND/NAME`` with the fields of the class as a JSON object:

    tokens/CLOJARS_…      {"user": "me", "group": "org.akvo", "single_use": true}
    groups/org.akvo       {"members": ["me"], "verified": false}
    users/me              {"mfa": true}
    central/GROUP:NAME    {"taken": true}, {"reachable": false}
    caches/front          {"keeps_missing": true}, {"delay": 5}

A group that is not set is verified, and its only member is the user ``sandbox``.
"""

import base64
import json
import re
import sqlite3
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from flowdeploy.sandbox.clojars.errors import ClojarsProblem, UnauthenticatedError
from flowdeploy.sandbox.clojars.paths import FilePath

DEMO_USER = "sandbox"
DEMO_TOKEN = "CLOJARS_" + "5a" * 30

_TOKEN = re.compile(r"CLOJARS_[0-9a-f]{60}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A deploy token; ``expires`` is in seconds since 1970."""

    user: str
    group: str | None = None
    artifact: str | None = None
    single_use: bool = False
    used: bool = False
    disabled: bool = False
    expires: float | None = None

    def allows(self, group: str, artifact: str) -> bool:
        return self.group in (None, group) and self.artifact in (None, artifact)


@dataclass(frozen=True, slots=True)
class Group:
    """A group. Without members it does not exist."""

    members: tuple[str, ...] = ()
    verified: bool = True
    requires_mfa: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A user; ``mfa`` says whether two-factor authentication is on."""

    mfa: bool = False


@dataclass(frozen=True, slots=True)
class Central:
    """The answer of Maven Central for a name: whether it is taken, and whether it answers."""

    taken: bool = False
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache in front of the repository.

    ``delay`` is the time in seconds until it shows a new file. ``keeps_missing`` says
    whether it caches for a day that a file is missing.
    """

    delay: float = 0.0
    keeps_missing: bool = False


Rule = Token | Group | User | Central | Cache
KINDS: dict[str, type[Rule]] = {
    "tokens": Token,
    "groups": Group,
    "users": User,
    "central": Central,
    "caches": Cache,
}
R = TypeVar("R", Token, Group, User, Central, Cache)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: the name and the properties of the token."""

    name: str
    token: Token


def load(db: sqlite3.Connection, rule: type[R], name: str) -> R | None:
    """The rule of this kind and name, or None."""
    row = db.execute(
        "SELECT body FROM clojars_rules WHERE kind = ? AND name = ?", [rule.__name__, name]
    ).fetchone()
    return rule(**json.loads(row["body"])) if row else None


def store(db: sqlite3.Connection, name: str, rule: Rule) -> None:
    """Set a rule."""
    db.execute(
        "INSERT OR REPLACE INTO clojars_rules VALUES (?, ?, ?)",
        [type(rule).__name__, name, json.dumps(asdict(rule))],
    )


def authenticate(db: sqlite3.Connection, authorization: str, now: float) -> Caller:
    """Parse and check an Authorization header.

    Raises ClojarsProblem if the password is not a token, and UnauthenticatedError otherwise.
    """
    user, password = _parse_credentials(authorization)
    if not _TOKEN.fullmatch(password):
        raise ClojarsProblem(
            "No deploy token provided", "a deploy token is required to deploy", status=401
        )
    token = load(db, Token, password) or _find_demo_token(password)
    expired = token and token.expires is not None and token.expires < now
    if token is None or token.user != user or token.disabled or expired:
        raise UnauthenticatedError
    return Caller(password, token)


def check_project(db: sqlite3.Connection, user: str, group: str, artifact: str) -> None:
    """Raises ClojarsProblem if the user may not deploy this artifact to this group."""
    known = load(db, Group, group) or (Group((DEMO_USER,)) if user == DEMO_USER else Group())
    if known.members and user not in known.members:
        raise ClojarsProblem(
            "Deploy group not accessible", f"You have no access to the project '{group}/{artifact}'"
        )
    if _has_versions(db, f"{group}:{artifact}"):
        return
    if not known.members:
        raise ClojarsProblem("Deploy group does not exist", f"There is no group '{group}'")
    if not known.verified:
        raise ClojarsProblem(
            "Deploy group isn't verified",
            f"The group '{group}' is not verified and cannot have new projects",
        )


def check_token(token: Token, target: FilePath, *, is_new: bool) -> None:
    """Raises ClojarsProblem if the token may not deploy this file.

    A used single-use token may complete an upload, but not start one (``is_new``).
    """
    if not token.allows(target.group, target.artifact):
        raise ClojarsProblem(
            "Deploy token scope mismatch", "The token's scope does not hold this artifact"
        )
    if token.used and is_new:
        raise ClojarsProblem("Deploy token used", "The single-use token has been used already")


def check_mfa(db: sqlite3.Connection, user: str, group: str) -> None:
    """Raises ClojarsProblem if the group requires MFA and the user has none."""
    known, account = load(db, Group, group), load(db, User, user)
    if known and known.requires_mfa and not (account and account.mfa):
        raise ClojarsProblem(
            "Deploy group requires MFA", f"The group '{group}' asks for two-factor authentication"
        )


def check_central(db: sqlite3.Connection, project: str) -> None:
    """Raises ClojarsProblem if Maven Central has the name, or does not answer."""
    central = load(db, Central, project) or Central()
    if not central.reachable:
        raise ClojarsProblem(
            "Maven Central shadow check failed", "Maven Central could not be asked", status=503
        )
    if central.taken:
        raise ClojarsProblem(
            "Cannot shadow Maven Central", "Maven Central has an artifact of this name"
        )


def spend(db: sqlite3.Connection, caller: Caller) -> None:
    """Mark a single-use token as used."""
    if caller.token.single_use:
        store(db, caller.name, replace(caller.token, used=True))


def _parse_credentials(authorization: str) -> tuple[str, str]:
    """The user and password of basic authentication. Raises UnauthenticatedError."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme != "Basic":
        raise UnauthenticatedError
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        user, password = "", ""
    return user, password


def _find_demo_token(password: str) -> Token | None:
    return Token(DEMO_USER) if password == DEMO_TOKEN else None


def _has_versions(db: sqlite3.Connection, project: str) -> bool:
    found = db.execute("SELECT 1 FROM clojars_versions WHERE project = ?", [project])
    return found.fetchone() is not None
