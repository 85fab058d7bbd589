"""Where a version can be reached, and where it could not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.errors import UsageError
from flowdeploy.planning.urls import LABEL_LIMIT, dark_label, dark_url, live_url

TAG = "20200403-073034"


@pytest.mark.parametrize(
    ("service", "hostname", "url"),
    [
        (
            "default",
            "akvoflow-1.ew.r.appspot.com",
            "https://20200403-073034-dot-default-dot-akvoflow-1.ew.r.appspot.com",
        ),
        (
            "api",
            "akvoflow-1.ew.r.appspot.com",
            "https://20200403-073034-dot-api-dot-akvoflow-1.ew.r.appspot.com",
        ),
        (
            "default",
            "akvoflow-1.appspot.com",
            "https://20200403-073034-dot-default-dot-akvoflow-1.appspot.com",
        ),
    ],
)
def test_a_dark_url_names_version_service_and_project(
    service: str, hostname: str, url: str
) -> None:
    assert dark_url(TAG, service, hostname) == url


@pytest.mark.parametrize(
    ("project", "label"),
    [
        ("p" * 45, "v-dot-default-dot-" + "p" * 45),  # 63 characters: just fits
        ("p" * 46, "v-dot-" + "p" * 46),
        ("p" * 57, "v-dot-" + "p" * 57),
    ],
)
def test_default_is_left_out_only_where_the_label_would_be_too_long(
    project: str, label: str
) -> None:
    assert dark_label("v", "default", project) == label


@pytest.mark.parametrize(
    ("service", "project", "length"),
    [("default", "p" * 58, 64), ("api", "p" * 50, 64), ("s" * 63, "p", 75)],
)
def test_what_is_still_too_long_is_refused_with_both_lengths(
    service: str, project: str, length: int
) -> None:
    with pytest.raises(UsageError, match=f"would have {length} characters.* allows 63") as refused:
        dark_label("v", service, project)
    assert refused.value.hint


def test_a_live_url_is_the_services() -> None:
    assert live_url("default", "akvoflow-1.ew.r.appspot.com") == (
        "https://akvoflow-1.ew.r.appspot.com"
    )
    assert live_url("api", "akvoflow-1.ew.r.appspot.com") == (
        "https://api-dot-akvoflow-1.ew.r.appspot.com"
    )


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)


@given(names, names | st.just("default"), names)
def test_a_label_fits_and_names_its_parts_or_is_refused(
    version: str, service: str, project: str
) -> None:
    try:
        label = dark_label(version, service, project)
    except UsageError:
        shortest = [version, project] if service == "default" else [version, service, project]
        assert len("-dot-".join(shortest)) > LABEL_LIMIT
        return
    assert len(label) <= LABEL_LIMIT
    assert label.startswith(f"{version}-dot-")
    assert label.endswith(f"-dot-{project}")
    assert service == "default" or f"-dot-{service}-dot-" in label
