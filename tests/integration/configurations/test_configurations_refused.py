"""Configuration that cannot come: found beforehand where it can be, and gone on with where not."""

from __future__ import annotations

from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from tests.integration.configurations.conftest import (
    AFTER,
    BEFORE,
    NEW,
    OLD,
    PRODUCTION,
    Configured,
    outcomes,
)

from flowdeploy.appengine import config_files
from flowdeploy.clients import failures
from flowdeploy.clients.datastore import Datastore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.errors import Refused
from flowdeploy.steps.configuration.indexes import wait_for_indexes as indexes_ready

JOBS = "/v1beta1/projects/akvoflow-1/*"
APIS = {
    "indexes": "datastore.googleapis.com",
    "queues": "cloudtasks.googleapis.com",
    "jobs": "cloudscheduler.googleapis.com",
}


def refuse(configured: Configured, path: str, **narrowing: Any) -> None:
    configured.remote.fault("permission", method="POST", target=path, **narrowing)


def served(configured: Configured) -> list[set[str]]:
    return [set(configured.remote.live(name)) for name in PRODUCTION]


def fail_cron(ready: Configured) -> Any:
    """The report of a promotion in which an instance gets one cron job and no further ones."""
    refuse(ready, JOBS, after=1)
    report = ready.project.report("promote", AFTER, "all", "--jobs", "1")
    ready.remote.heal()
    return report


def test_what_fails_after_the_traffic_leaves_it_promoted_and_is_resumed(ready: Configured) -> None:
    report = fail_cron(ready)
    assert report["exit_code"] == 3
    assert outcomes(report, "promote")[0] == ("akvoflow-1", "done")
    (failed,) = (s for s in report["steps"] if s["outcome"] == "failed")
    assert (failed["action"], failed["instance"]) == ("configure", "akvoflow-1")
    assert failed["state"] == "unknown"
    assert "met by this change: cron job" in str(failed["error"]["details"])
    assert ready.project.report("resume", report["run"])["exit_code"] == 0
    wanted = ready.state("flow-uat1")
    assert {name: each["jobs"] for name, each in ready.states().items()} == dict.fromkeys(
        PRODUCTION, wanted["jobs"]
    )


@pytest.mark.parametrize("after", [0, 1], ids=["at its beginning", "half-way"])
def test_a_promotion_that_a_second_one_has_finished_is_taken_back_exactly(
    ready: Configured, after: int
) -> None:
    before = ready.states()
    refuse(ready, JOBS, after=after)
    assert ready.project.report("promote", AFTER, "all")["exit_code"] == 3
    ready.remote.heal()
    assert ready.project.report("promote", AFTER, "all")["exit_code"] == 0
    assert ready.state("akvoflow-1")["jobs"] == ready.state("flow-uat1")["jobs"]
    assert ready.project.report("rollback", "all")["exit_code"] == 0
    assert ready.states() == before


def test_a_rollback_that_failed_half_way_is_repeated(ready: Configured) -> None:
    before = ready.states()
    ready.project.report("promote", AFTER, "all")
    refuse(ready, JOBS, after=1)
    assert ready.project.report("rollback", "all")["exit_code"] == 3
    ready.remote.heal()
    assert ready.states() != before
    assert ready.project.report("rollback", "all")["exit_code"] == 0
    assert ready.states() == before


def test_queues_that_are_refused_keep_the_traffic_where_it_is(ready: Configured) -> None:
    before = ready.states()
    path = "/v2beta3/projects/akvoflow-1/*"
    ready.remote.fault("permission", method="PATCH", target=path)
    report = ready.project.report("promote", AFTER, "akvoflow-1")
    assert (report["exit_code"], outcomes(report, "promote")) == (
        1,
        [("akvoflow-1", "not-started")],
    )
    assert (served(ready)[0], ready.states()) == ({BEFORE}, before)


def test_queues_that_a_quota_refuses_for_too_long_are_known_not_to_be_changed(
    ready: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "QUOTA_PATIENCE", 0.1)
    before = ready.states()
    path = "/v2beta3/projects/akvoflow-1/*"
    ready.remote.fault("quota", method="PATCH", target=path)
    report = ready.project.report("promote", AFTER, "akvoflow-1")
    (failed,) = (s for s in report["steps"] if s["outcome"] == "failed")
    assert (report["exit_code"], failed["action"], failed["state"]) == (1, "configure", None)
    assert failed["error"]["code"] == "RESOURCE_EXHAUSTED"
    assert ready.states() == before


def test_queues_that_a_quota_refuses_for_a_while_are_changed(ready: Configured) -> None:
    path = "/v2beta3/projects/akvoflow-1/*"
    ready.remote.fault("quota", method="PATCH", target=path, times=2)
    report = ready.project.report("promote", AFTER, "akvoflow-1")
    assert report["exit_code"] == 0
    assert served(ready)[0] == {AFTER}


def test_an_index_that_failed_keeps_the_traffic_where_it_is(configured: Configured) -> None:
    configured.live(BEFORE, OLD)
    target = "projects/akvoflow-1/indexes/*"
    configured.remote.fault("operation-error", method="CreateIndex", target=target)
    configured.release(AFTER, NEW)
    before = configured.states()
    command = ("promote", AFTER, "all")
    assert configured.project.run(*command, "--dry-run").code == 4
    report = configured.project.report(*command)
    assert (report["exit_code"], served(configured)) == (4, [{BEFORE}] * 3)
    assert "Region (ERROR)" in str(report["steps"][0]["error"])
    assert configured.states() == before
    report = configured.project.report(*command, "--skip-unready")
    assert served(configured) == [{BEFORE}, {AFTER}, {AFTER}]
    assert configured.state("akvoflow-1") == before["akvoflow-1"]


def test_an_index_that_is_gone_keeps_the_traffic_where_it_is(configured: Configured) -> None:
    only = {"index.yaml": NEW["index.yaml"]}
    release = configured.release(AFTER, only)
    assert release["exit_code"] == 0, release
    index = configured.cloud.datastore.indexes("akvoflow-2")[0]
    configured.remote.call("DELETE", f"/v1/projects/akvoflow-2/indexes/{index['indexId']}")
    report = configured.project.report("promote", AFTER, "all")
    assert (report["exit_code"], served(configured)) == (4, [{"1"}] * 3)
    assert f"{index['kind']} (missing)" in str(report["steps"])


def test_an_index_that_is_being_built_is_waited_for(configured: Configured) -> None:
    configured.remote.settings(index_seconds=1e6)
    configured.release(AFTER, {})
    wanted = config_files.read(NEW).indexes or ()
    datastore = Datastore(configured.remote.url, GoogleSession(AnonymousCredentials(), 1))
    for index in wanted:
        datastore.create("akvoflow-1", index.body)
    said: list[str] = []
    waiting = indexes_ready(datastore, "akvoflow-1", wanted, said.append)
    assert next(waiting).seconds > 0
    assert said == ["2 of 2 indexes are being built"]
    configured.remote.advance(1e6)
    assert list(waiting) == []
    configured.remote.settings(index_seconds=2e6)
    datastore.create("akvoflow-2", wanted[0].body)
    with pytest.raises(Refused, match=r"not ready, after 0 minutes: Message \(CREATING\)"):
        list(indexes_ready(datastore, "akvoflow-2", wanted[:1], said.append, 0.0))


def test_a_live_deploy_whose_index_fails_is_not_promoted(configured: Configured) -> None:
    configured.remote.fault(
        "operation-error", method="CreateIndex", target="projects/flow-uat1/indexes/*"
    )
    report = configured.release(AFTER, OLD)
    (deployed,) = (s for s in report["steps"] if s["instance"] == "flow-uat1" and s["state"])
    assert (report["exit_code"], deployed["state"]) == (3, "deployed-not-promoted")
    assert set(configured.remote.live("flow-uat1")) == {"1"}
    assert {s["outcome"] for s in report["steps"] if s["stage"] == "production"} == {"not-started"}


def switch_off(configured: Configured, project: str, *parts: str) -> None:
    for part in parts:
        configured.remote.call("POST", f"/v1/projects/{project}/services/{APIS[part]}:disable", {})


def test_apis_that_are_off_are_found_before_the_first_change(configured: Configured) -> None:
    for name in PRODUCTION[:2]:
        switch_off(configured, name, "queues", "indexes")
    report = configured.release(AFTER, OLD)
    assert (report["exit_code"], configured.remote.begun("flow-uat1")) == (4, [])
    said = " ".join(report["error"]["details"])
    for name in PRODUCTION[:2]:
        apis = f"{APIS['indexes']} {APIS['queues']}"
        assert f"gcloud services enable {apis} --project {name}" in said


def test_an_api_that_is_off_keeps_the_traffic_where_it_is(ready: Configured) -> None:
    switch_off(ready, "akvoflow-1", "jobs")
    report = ready.project.report("promote", AFTER, "all")
    assert (report["exit_code"], served(ready)) == (4, [{BEFORE}] * 3)
    hint = f"gcloud services enable {APIS['jobs']} --project akvoflow-1"
    assert hint in str(report["steps"][0]["error"]["hint"])


def test_what_a_later_release_leaves_out_is_left_alone(ready: Configured) -> None:
    ready.project.report("promote", AFTER, "all")
    before = ready.states()
    assert ready.release("20200404-073034", {})["exit_code"] == 0
    assert ready.project.report("promote", "20200404-073034", "all")["exit_code"] == 0
    assert ready.states() == before
    found = ready.project.report("rollback", "all")
    assert (found["exit_code"], outcomes(found), ready.states()) == (0, [], before)


def test_a_rollback_names_queues_that_changed_without_their_traffic(ready: Configured) -> None:
    path = "/v1/apps/akvoflow-1/services/default"
    ready.remote.fault("permission", method="PATCH", target=path)
    report = ready.project.report("promote", AFTER, "all", "--max-failures", "1")
    ready.remote.heal()
    assert (report["exit_code"], served(ready)) == (3, [{BEFORE}, {AFTER}, {AFTER}])
    (skipped,) = (
        each
        for each in ready.project.report("rollback", "all")["skipped"]
        if each["instance"] == "akvoflow-1"
    )
    assert "has changed its queues: promote its live version" in skipped["reason"]
    ready.project.report("promote", BEFORE, "akvoflow-1")
    first, second = ({q["name"]: q for q in ready.states()[n]["queues"]} for n in PRODUCTION[:2])
    (default,) = (name for name in first if name.endswith("/default"))
    assert first[default] == second[default]
