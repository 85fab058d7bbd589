"""What Clojars refuses, and what a user hears of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flowdeploy.errors import FlowdeployError, ServiceError
from flowdeploy.sandbox import clojars

if TYPE_CHECKING:
    from tests.integration.publish.conftest import Bench

V1, V2 = "20200403-073034.1a2b3c4d", "20200404-101500.5e6f7a8b"


@pytest.mark.parametrize(
    ("rule", "fields", "title", "hint"),
    [
        (
            "tokens/{token}",
            {"user": clojars.DEMO_USER, "group": "org.other"},
            "token scope mismatch",
            "scope",
        ),
        ("groups/org.akvo.flow", {"members": ["me"]}, "group not accessible", "admin"),
        ("groups/org.akvo.flow", {"members": []}, "group does not exist", "Create the group"),
        (
            "groups/org.akvo.flow",
            {"members": [clojars.DEMO_USER], "verified": False},
            "group isn't verified",
            "verify",
        ),
        (
            "groups/org.akvo.flow",
            {"members": [clojars.DEMO_USER], "requires_mfa": True},
            "group requires MFA",
            "two-factor",
        ),
        ("central/org.akvo.flow:akvo-flow", {"taken": True}, "shadow Maven Central", "another"),
    ],
)
def test_a_refusal_keeps_the_servers_words_and_is_not_repeated(
    bench: Bench, rule: str, fields: dict[str, object], title: str, hint: str
) -> None:
    bench.as_user()
    rule = rule.format(token=bench.repository.token)
    bench.control("PUT", f"clojars/{rule}", **fields)
    with pytest.raises(ServiceError, match=title) as error:
        bench.publish(V1)
    assert error.value.code == "HTTP_403"
    assert hint in (error.value.hint or "")
    assert bench.statuses("PUT").count(403) == 1


def test_an_unknown_token_is_not_tried_twice(bench: Bench) -> None:
    bench.repository = replace(bench.repository, token="CLOJARS_" + "9" * 60)
    with pytest.raises(ServiceError, match="401 Unauthorized") as error:
        bench.publish(V1)
    assert "does not know this user with this token" in (error.value.hint or "")
    assert bench.statuses("PUT") == [401]


def test_a_single_use_token_is_enough_for_one_release(bench: Bench) -> None:
    bench.as_user(single_use=True)
    bench.publish(V1)
    assert bench.publish(V1).unchanged
    with pytest.raises(ServiceError, match="Deploy token used") as error:
        bench.publish(V2)
    assert "make another" in (error.value.hint or "")


def test_the_token_appears_in_no_output(bench: Bench) -> None:
    bench.as_user(group="org.other")
    with pytest.raises(FlowdeployError) as error:
        bench.publish(V1)
    told = [str(error.value), str(error.value.hint), repr(bench.repository), *bench.said]
    assert not [text for text in told if bench.repository.token in text]
