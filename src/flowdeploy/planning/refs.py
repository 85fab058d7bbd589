"""Git refs: the pipeline that a ref asks for, and the versions that it names.

A full ref (``refs/heads/…``, ``refs/tags/…``, ``refs/pull/N/merge``) is taken literally.
A short name is a pull request, the trunk, a release tag or a promote tag if it has that
form, and otherwise a feature branch.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flowdeploy.errors import RefError, UsageError
from flowdeploy.planning.plan import PlanKind


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed ref. ``version`` is the version that a release or promote tag names."""

    kind: PlanKind
    full: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its SHA in lower-case hex (at least 8 digits) and its committer time."""

    sha: str
    time: datetime


ACCEPTED = (
    "the trunk or another branch (master, my-feature, refs/heads/my-feature)",
    "a release tag YYYYMMDD-HHmmSS (20200403-073034, refs/tags/20200403-073034)",
    "a promote tag promote-YYYYMMDD-HHmmSS",
    "a pull request (refs/pull/7/merge, 7/head)",
)
PROMOTE = "promote-"

_TAG = re.compile(r"[0-9]{8}-[0-9]{6}", re.ASCII)
_PULL = re.compile(r"(?:refs/pull/)?([1-9][0-9]*/(?:merge|head))", re.ASCII)
# git-check-ref-format(1): what no ref name may contain, wherever it stands.
_ILLEGAL = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|/\.|\.lock(?=/|$)|[./]$")
# Docs of app.yaml's `version`, and the Admin API's Version.id.
_VERSION_ID = re.compile(r"(?!ah-)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_RESERVED_VERSIONS = frozenset({"default", "latest"})


def parse_ref(text: str, trunk: str = "master") -> Ref:
    """The ref that ``text`` names.

    Raises RefError, with the accepted forms, for anything else: an empty or illegal name,
    a tag of another form, a date that does not exist, refs outside heads, tags and pull.
    """
    if pull := _PULL.fullmatch(text):
        return Ref(PlanKind.PULL_REQUEST, f"refs/pull/{pull[1]}")
    if text.startswith("refs/heads/"):
        return _parse_branch(text, trunk)
    if text.startswith("refs/tags/"):
        return _parse_tag(text)
    if text.startswith("refs/"):
        raise _ref_error(text, "is neither a branch, a tag nor a pull request")
    if text != trunk and (_TAG.fullmatch(text) or text.startswith(PROMOTE)):
        return _parse_tag(text)
    return _parse_branch(text, trunk)


def for_environment(ref: Ref, environ: Mapping[str, str]) -> Ref:
    """``ref``, or a pull request if the variables of GitHub or Semaphore say that it is one.

    The author of a pull request may have chosen the ref; the event is the CI's own word.
    """
    github = environ.get("GITHUB_EVENT_NAME") in {"pull_request", "pull_request_target"}
    semaphore = environ.get("SEMAPHORE_GIT_REF_TYPE") == "pull-request"
    return replace(ref, kind=PlanKind.PULL_REQUEST, version=None) if github or semaphore else ref


def commit_version(commit: Commit) -> str:
    """The App Engine version of an untagged build: ``YYYYMMDD-HHMMSS-SHA8``, in UTC."""
    return f"{_timestamp(commit)}-{commit.sha[:8]}"


def library_version(ref: Ref, commit: Commit) -> str:
    """The library's version, ``YYYYMMDD-HHMMSS.SHA8``: the tag's time or else the commit's."""
    return f"{ref.version or _timestamp(commit)}.{commit.sha[:8]}"


def parse_version(text: str) -> str:
    """The version id in an argument of ``promote``, without a leading ``promote-``.

    Raises UsageError for an id that App Engine would not accept.
    """
    version = text.removeprefix(PROMOTE)
    if not is_version_id(version):
        raise UsageError(
            f"{text!r} is not a version id of App Engine",
            hint="A version is up to 63 lower-case letters, digits and inner hyphens,"
            " such as 20200403-073034.",
        )
    return version


def is_version_id(text: str) -> bool:
    return bool(_VERSION_ID.fullmatch(text)) and text not in _RESERVED_VERSIONS


def _parse_branch(text: str, trunk: str) -> Ref:
    name = text.removeprefix("refs/heads/")
    if not name:
        raise _ref_error(text, "is empty")
    if name in {"@", "HEAD"} or name[0] in "-./" or _ILLEGAL.search(name):
        raise _ref_error(text, "is not a branch name that git accepts")
    return Ref(PlanKind.TRUNK if name == trunk else PlanKind.FEATURE, f"refs/heads/{name}")


def _parse_tag(text: str) -> Ref:
    name = text.removeprefix("refs/tags/")
    version = name.removeprefix(PROMOTE)
    if not _TAG.fullmatch(version):
        raise _ref_error(text, "is neither a release tag nor a promote tag")
    try:
        datetime.strptime(version, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _ref_error(text, "has a date or time that does not exist") from error
    kind = PlanKind.RELEASE if version == name else PlanKind.PROMOTE
    return Ref(kind, f"refs/tags/{name}", version)


def _ref_error(text: str, why: str) -> RefError:
    return RefError(f"the ref {text!r} {why}", hint="Accepted: " + "; ".join(ACCEPTED) + ".")


def _timestamp(commit: Commit) -> str:
    time = commit.time.astimezone(UTC)
    # strftime's %Y leaves years before 1000 unpadded.
    return f"{time.year:04d}{time:%m%d-%H%M%S}"
