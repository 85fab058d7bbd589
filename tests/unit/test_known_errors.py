"""Each text that a service was seen to send finds its own row."""

from __future__ import annotations

import pytest

from flowdeploy.known_errors import TABLE, enable_command, find_known_error, hint_for, is_transient

SEEN = [
    (
        "ABORTED",
        "Cannot operate on apps/p/services/s/versions/v because an operation is already in"
        " progress for apps/p/services/s/versions/v by 5b1d.",
        "flowdeploy waits for it",
        True,
    ),
    (
        "INVALID_ARGUMENT",
        "Your app may not have more than 210 versions. Please delete one of the existing"
        " versions before trying to create a new version.",
        "gcloud app versions delete",
        False,
    ),
    (
        "INVALID_ARGUMENT",
        "This deployment has too many files. New versions are limited to 10000 files for this app.",
        ".gcloudignore",
        False,
    ),
    (
        "INVALID_ARGUMENT",
        "The following errors occurred while copying files to App Engine: File https://a/b failed"
        " with: File https://a/b is too big (40000000 bytes). Max file size is 33554432 bytes.",
        "32 MiB",
        False,
    ),
    (
        "INVALID_ARGUMENT",
        "The following errors occurred while copying files to App Engine: File https://a/b failed"
        " with: 403 Forbidden",
        "staging bucket",
        False,
    ),
    (
        "FAILED_PRECONDITION",
        "Cloud build 5b1d status: FAILURE",
        "build log in Cloud Build",
        False,
    ),
    (
        "PERMISSION_DENIED",
        "Cloud Tasks API has not been used in project 1 before or it is disabled. Enable it by"
        " visiting https://console.developers.google.com/apis/api/cloudtasks.googleapis.com"
        "/overview?project=1 then retry.",
        "gcloud services enable cloudtasks.googleapis.com --project 1",
        False,
    ),
    (
        "PERMISSION_DENIED",
        'The principal lacks IAM permission "cloudtasks.queues.list" for the resource'
        ' "projects/p/locations/l" (or the resource may not exist).',
        "roles/cloudtasks.queueAdmin",
        False,
    ),
    (
        "PERMISSION_DENIED",
        "You do not have permission to act as 'p@appspot.gserviceaccount.com'. Grant"
        " iam.serviceAccounts.actAs on the service account.",
        "roles/iam.serviceAccountUser",
        False,
    ),
    (
        "PERMISSION_DENIED",
        "ci@p.iam.gserviceaccount.com does not have storage.objects.create access to the Google"
        " Cloud Storage object.",
        "roles/storage.objectAdmin",
        False,
    ),
    (
        "PERMISSION_DENIED",
        "Permission 'appengine.services.update' denied on resource apps/p/services/default.",
        "roles/appengine.serviceAdmin",
        False,
    ),
    (
        "PERMISSION_DENIED",
        "App Engine Admin API has not been used in project 1 before or it is disabled.",
        "gcloud services enable",
        False,
    ),
    ("PERMISSION_DENIED", "The caller does not have permission", "roles/appengine.deployer", False),
    ("NOT_FOUND", "The specified bucket does not exist.", "gcloud app repair", False),
    ("UNAUTHENTICATED", "Request had invalid credentials.", "application-default login", False),
    (
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Requests' and limit 'Requests per day'",
        "tomorrow",
        False,
    ),
    ("RESOURCE_EXHAUSTED", "Quota exceeded for quota metric", "--jobs", True),
    ("INTERNAL", "An internal error occurred.", "try again", True),
    ("UNAVAILABLE", "The service is currently unavailable.", "try again", True),
]


@pytest.mark.parametrize(("code", "message", "hint", "transient"), SEEN)
def test_what_was_seen_is_known(code: str, message: str, hint: str, transient: bool) -> None:
    assert hint in str(hint_for(code, message))
    assert is_transient(code, message) is transient


def test_every_row_was_seen() -> None:
    """A row that an earlier one hides would never be chosen."""
    rows = [find_known_error(code, message) for code, message, _, _ in SEEN]
    assert [row for row in TABLE if row not in rows] == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("NOT_FOUND", "Version not found."),
        ("INVALID_ARGUMENT", "unheard of"),
        ("HTTP_418", "permission denied"),
        ("", ""),
    ],
)
def test_the_unknown_has_no_hint_and_is_not_repeated(code: str, message: str) -> None:
    assert find_known_error(code, message) is None
    assert hint_for(code, message) is None
    assert not is_transient(code, message)


def test_apis_are_enabled_with_one_command() -> None:
    apis = ("cloudtasks.googleapis.com", "datastore.googleapis.com")
    assert enable_command("akvoflow-1", apis) == (
        "gcloud services enable cloudtasks.googleapis.com datastore.googleapis.com"
        " --project akvoflow-1"
    )
