"""Quotas that are used up for a while: waited for, told once, and no reason for false words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fault_proxy import answer_instead

from flowdeploy.clients import failures

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy
    from tests.integration.conftest import Project

MINUTE = (
    b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded for quota'
    b" metric 'Requests' and limit 'Requests per minute'\"}}"
)
DAY = MINUTE.replace(b"per minute", b"per day")
TOLD = "waiting up to 4 minutes for a quota: Quota exceeded"


@pytest.mark.slow
def test_reads_that_are_refused_wait_and_the_run_succeeds(
    fleet: Project, proxy: FaultProxy
) -> None:
    proxy.arm(answer_instead(429, MINUTE, ("Retry-After", "5")), "GET", "/v1/*", times=4)
    ended = fleet.run("promote", "v2", "all")
    assert ended.code == 0, ended.err
    assert ended.err.count(TOLD) == 1, "and the waits of others are not told again"


def test_more_refusals_than_other_failures_are_borne(
    fleet: Project, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "ATTEMPTS", 1)
    monkeypatch.setattr(failures, "WORTH_TELLING", 0)
    proxy.arm(answer_instead(429, MINUTE), "GET", "/v1/*", times=2)
    proxy.arm(answer_instead(429, MINUTE), "PATCH", "/v1/*", times=1)
    ended = fleet.run("--quiet", "promote", "v2", "akvoflow-1")
    assert ended.code == 0, ended.err
    assert ended.err.count(TOLD) == 1
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}


def test_a_change_that_waits_tells_it_where_notes_of_steps_are_not_shown(
    fleet: Project, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "WORTH_TELLING", 0)
    proxy.arm(answer_instead(429, MINUTE), "PATCH", "/v1/*", times=2)
    ended = fleet.run("--quiet", "promote", "v2", "akvoflow-1", "akvoflow-2")
    assert ended.code == 0, ended.err
    assert ended.err.count(TOLD) == 1


def test_commands_that_only_read_tell_it_as_well(
    fleet: Project, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "WORTH_TELLING", 0)
    proxy.arm(answer_instead(429, MINUTE), "GET", "/v1/*", times=1)
    ended = fleet.run("--format", "json", "status")
    assert ended.code == 0, ended.err
    assert f"Note: {TOLD}" in ended.err
    assert ended.json


def test_a_quota_of_a_day_ends_the_run_at_once(fleet: Project, proxy: FaultProxy) -> None:
    proxy.arm(answer_instead(429, DAY), "PATCH", "/v1/*")
    report = fleet.report("promote", "v2", "akvoflow-1")
    (step,) = (s for s in report["steps"] if s["action"] == "promote")
    assert (report["exit_code"], step["outcome"], step["state"]) == (1, "failed", "dark")
    assert "per day" in step["error"]["message"]
    assert "tomorrow" in step["error"]["hint"]
    assert [a.method for a in proxy.asked].count("PATCH") == 1
