"""Known errors of services: which may pass by themselves, and what to do about the others.

The texts were seen in answers of App Engine, Cloud Storage and Google's authentication.
A row is chosen by the error's code and a part of its message, because Google keeps codes
stable and messages nearly so.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownError:
    """A known error. ``transient``: the same request may succeed later.

    ``hint`` may take parts of the message by the names of groups in ``words``: ``\\g<api>``.
    """

    codes: frozenset[str]
    words: re.Pattern[str]
    hint: str
    transient: bool = False


def _row(codes: str, words: str, hint: str, *, transient: bool = False) -> KnownError:
    return KnownError(frozenset(codes.split()), re.compile(words, re.IGNORECASE), hint, transient)


TABLE = (
    _row(
        "ABORTED ALREADY_EXISTS CONFLICT",
        "operation is already in progress",
        "Another deploy or promotion of this service is under way; flowdeploy waits for it.",
        transient=True,
    ),
    _row(
        "INVALID_ARGUMENT",
        r"may not have more than \d+ versions",
        "Delete versions without traffic that nobody would roll back to:"
        " `gcloud app versions delete`.",
    ),
    _row(
        "INVALID_ARGUMENT",
        "too many files",
        "Leave files out with .gcloudignore, or pack them in a jar.",
    ),
    _row(
        "INVALID_ARGUMENT",
        r"is too big \(\d+ bytes\)",
        "App Engine takes no file over 32 MiB: split it, or load it from a bucket at start-up.",
    ),
    _row(
        "INVALID_ARGUMENT FAILED_PRECONDITION",
        "copying files to App Engine",
        "App Engine could not read a staged object: check whether its service account may read"
        " the staging bucket, and whether the bucket's lifecycle rule removed the object.",
    ),
    _row(
        "FAILED_PRECONDITION",
        "Cloud build .* status",
        "The build log in Cloud Build says why; the build runs as the project's own service"
        " account and needs to read its staging bucket.",
    ),
    _row(
        "PERMISSION_DENIED",
        r"/apis/api/(?P<api>[\w.-]+)/overview\?project=(?P<project>[\w.:-]*\w)",
        r"Enable the API: gcloud services enable \g<api> --project \g<project>",
    ),
    _row(
        "PERMISSION_DENIED",
        r"(cloudtasks|cloudscheduler|datastore)\.(queues|jobs|locations|indexes)\.",
        "Grant roles/cloudtasks.queueAdmin, roles/cloudscheduler.admin and"
        " roles/datastore.indexAdmin on this project to the identity that runs flowdeploy.",
    ),
    _row(
        "PERMISSION_DENIED",
        "actAs|service account",
        "Grant roles/iam.serviceAccountUser on the app's runtime service account.",
    ),
    _row(
        "PERMISSION_DENIED FORBIDDEN",
        r"storage\.|bucket",
        "Grant roles/storage.objectAdmin on the app's staging bucket.",
    ),
    _row(
        "PERMISSION_DENIED",
        r"appengine\.services\.update|traffic",
        "Moving traffic needs roles/appengine.serviceAdmin; roles/appengine.deployer is"
        " not enough.",
    ),
    _row(
        "PERMISSION_DENIED",
        "has not been used|is disabled|SERVICE_DISABLED",
        "Enable the API: gcloud services enable appengine.googleapis.com --project PROJECT",
    ),
    _row(
        "PERMISSION_DENIED",
        "",
        "Grant roles/appengine.deployer and roles/appengine.serviceAdmin on this project"
        " to the identity that runs flowdeploy.",
    ),
    _row(
        "NOT_FOUND",
        "bucket",
        "Check whether the bucket exists: the app's staging bucket comes with the application"
        " (`gcloud app repair` restores it), that of `records` in the configuration is yours.",
    ),
    _row(
        "UNAUTHENTICATED",
        "",
        "On a laptop: gcloud auth application-default login. In CI: workload identity"
        " federation. Without a cloud: --sandbox.",
    ),
    _row(
        "RESOURCE_EXHAUSTED",
        r"\bper day|\bdaily\b|PerDay",
        "The API's quota is used up for today: try again tomorrow, or ask for a higher quota.",
    ),
    _row(
        "RESOURCE_EXHAUSTED",
        "",
        "The API's quota is used up for the moment: fewer --jobs, or a higher quota.",
        transient=True,
    ),
    _row("INTERNAL UNKNOWN", "", "Google had an error of its own; try again.", transient=True),
    _row(
        "UNAVAILABLE DEADLINE_EXCEEDED BAD_GATEWAY CONNECTION",
        "",
        "The service did not answer; try again.",
        transient=True,
    ),
)


def find_known_error(code: str, message: str) -> KnownError | None:
    """The first row with this code whose words are in the message."""
    fits = (row for row in TABLE if code in row.codes and row.words.search(message))
    return next(fits, None)


def hint_for(code: str, message: str) -> str | None:
    """What to do about an error; None for an unknown one."""
    row = find_known_error(code, message)
    found = row.words.search(message) if row else None
    return found.expand(row.hint) if row and found else None


def enable_command(project: str, apis: Iterable[str]) -> str:
    """The command that enables APIs (``cloudtasks.googleapis.com``) in a project."""
    return f"gcloud services enable {' '.join(apis)} --project {project}"


def is_transient(code: str, message: str) -> bool:
    """Whether the same request may succeed later."""
    row = find_known_error(code, message)
    return bool(row and row.transient)
