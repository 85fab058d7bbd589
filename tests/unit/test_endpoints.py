"""Where everything is, as values."""

from __future__ import annotations

import pytest

from flowdeploy.endpoints import Account, Endpoints, google, sandbox
from flowdeploy.errors import UsageError

CREDENTIALS = {"CLOJARS_USERNAME": "akvo", "CLOJARS_PASSWORD": "CLOJARS_secret\n"}


def test_google_with_the_configured_repository() -> None:
    here = google(CREDENTIALS)
    assert here == Endpoints("google", account=Account("akvo", "CLOJARS_secret"))
    assert here.api("cloudtasks") == "https://cloudtasks.googleapis.com"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_the_sandbox_stands_in_for_everything(url: str) -> None:
    there = sandbox(url, CREDENTIALS)
    assert there.api("cloudtasks") == "http://127.0.0.1:8080"
    assert there == Endpoints(
        "http://127.0.0.1:8080",
        anonymous=True,
        library="http://127.0.0.1:8080/repo",
        library_api="http://127.0.0.1:8080/api/artifacts",
        web="http://127.0.0.1:8080",
        account=Account("akvo", "CLOJARS_secret"),
    )


@pytest.mark.parametrize(
    "environ", [{}, {"CLOJARS_USERNAME": "akvo"}, {**CREDENTIALS, "CLOJARS_PASSWORD": ""}]
)
def test_half_an_account_is_none(environ: dict[str, str]) -> None:
    assert google(environ).account is None
    demonstration = sandbox("http://localhost", environ).account
    assert demonstration is not None
    assert demonstration.token.startswith("CLOJARS_")


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(google(CREDENTIALS))


@pytest.mark.parametrize(
    "url",
    [
        *("", "/", "127.0.0.1:8080", "localhost", "ftp://localhost", "http://", "http:///path"),
        *("http://:8080", "http://[::1", "http://a:b", "http://a:99999", "http://a:0"),
        "http://℀.example",  # a character that becomes a slash when it is normalised
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not an HTTP URL") as refused:
        sandbox(url, {})
    assert "flowdeploy sandbox serve" in str(refused.value.hint)


@pytest.mark.parametrize(
    "url", ["http://me:s3cret@127.0.0.1:8080", "me:s3cret@host", "ftp://s3cret@"]
)
def test_no_password_is_taken_with_the_url_or_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        sandbox(url, {})
    assert "s3cret" not in f"{refusal.value} {refusal.value.hint}"
