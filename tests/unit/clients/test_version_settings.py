"""A Version as Google's own type has it, and what that type does not know."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.clients.version_settings import to_message, version_settings
from flowdeploy.errors import BadAnswer

VPC = {"networkTags": ["a"], "egressSetting": 0}
PROBE = """\
import sys
from flowdeploy.clients import cloud, storage, version_settings
print(*(m for m in ("grpc", "google.api_core", "google.cloud.storage") if m in sys.modules))
"""


def test_clients_that_only_read_load_no_client_library() -> None:
    """In a process of its own: others that run here load it."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({"inboundServices": [9]}, {"inboundServices": ["INBOUND_SERVICE_WARMUP"]}),
        ({"threadsafe": False, "runtime": ""}, {"threadsafe": False}),
        ({"defaultExpiration": "600.0s"}, {"defaultExpiration": "600s"}),
        ({"manualScaling": {"instances": 0}}, {"manualScaling": {"instances": 0}}),
        ({"envVariables": {"A": ""}}, {"envVariables": {"A": ""}}),
        ({"vpcAccess": VPC, "deployment": {"files": {}}}, {"vpcAccess": VPC}),
        ({"network": {"new": {"zero": 0}}}, {"network": {"new": {"zero": 0}}}),
        (
            {"handlers": [{"urlRegex": "/", "new": 1}]},
            {"handlers": [{"urlRegex": "/", "new": 1}]},
        ),
    ],
)
def test_settings_have_one_form_and_lose_nothing(
    body: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert version_settings(body) == settings


@pytest.mark.parametrize(
    ("body", "carried"),
    [
        ({"id": "v1", "network": {}, "envVariables": {"A": "b"}}, True),
        ({"id": "v1", "entrypoint": {"shell": ""}}, True),
        ({"id": "v1", "threadsafe": False}, False),
        ({"id": "v1", "handlers": [{"urlRegex": ""}]}, False),
        (
            {"id": "v1", "automaticScaling": {"standardSchedulerSettings": {"minInstances": 0}}},
            False,
        ),
        ({"id": "v1", "vpcAccess": VPC}, False),
        ({"id": "v1", "deployment": {"zip": {"sourceUrl": "https://x/y", "new": 1}}}, False),
    ],
)
def test_a_message_that_would_lose_something_is_none(body: dict[str, Any], carried: bool) -> None:
    assert (to_message(body) is not None) is carried


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "id",
        "handlers",
        "network",
        "threadsafe",
        "envVariables",
        "defaultExpiration",
        "resources",
        "automaticScaling",
        "inboundServices",
        "createTime",
        "diskUsageBytes",
        "entrypoint",
        "new",
    ]
)


@given(st.dictionaries(FIELDS, JSON))
def test_any_version_has_settings_or_is_a_bad_answer(body: dict[str, Any]) -> None:
    with suppress(BadAnswer):
        version_settings(body)
