"""Rules of Cloud Tasks, Cloud Scheduler, Datastore and Service Usage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from flowdeploy.sandbox.scenario import parse_scenario
from flowdeploy.sandbox.server import Sandbox

PARENT = "/projects/akvoflow-1/locations/europe-west1"
QUEUES = f"/v2beta3{PARENT}/queues"
JOBS = f"/v1beta1{PARENT}/jobs"
INDEXES = "/v1/projects/akvoflow-1/indexes"
JOB = {
    "appEngineHttpTarget": {"relativeUri": "/cron", "appEngineRouting": {"service": "api"}},
    "schedule": "every 24 hours",
    "legacyAppEngineCron": True,
}
INDEX = {"kind": "Message", "properties": [{"name": "x", "direction": "ASCENDING"}]}


def call(sandbox: Sandbox, verb: str, path: str, body: object = None) -> Any:
    answer = requests.request(verb, sandbox.url + path, json=body, timeout=5)
    return answer.json() if answer.ok else answer.json()["error"]


@pytest.mark.parametrize(
    ("routing", "host"),
    [
        ({"service": "api"}, "api.akvoflow-1.ew.r.appspot.com"),
        ({"service": "api", "version": "v1"}, "v1.api.akvoflow-1.ew.r.appspot.com"),
    ],
)
def test_the_target_of_a_queue_has_a_host(
    sandbox: Sandbox, routing: dict[str, str], host: str
) -> None:
    body = {"appEngineHttpQueue": {"appEngineRoutingOverride": routing}}
    queue = call(sandbox, "PATCH", f"{QUEUES}/mail", body)
    assert queue["appEngineHttpQueue"]["appEngineRoutingOverride"] == {**routing, "host": host}


def test_a_paused_queue_stays_paused_when_its_rate_changes(sandbox: Sandbox) -> None:
    call(sandbox, "POST", f"{QUEUES}/default:pause")
    rate = {"rateLimits": {"maxDispatchesPerSecond": 2}}
    mask = "updateMask=rateLimits.maxDispatchesPerSecond"
    queue = call(sandbox, "PATCH", f"{QUEUES}/default?{mask}", rate)
    assert (queue["state"], queue["rateLimits"]["maxBurstSize"]) == ("PAUSED", 5)


@pytest.mark.parametrize("action", [":pause", ":resume"])
def test_pausing_or_resuming_a_missing_resource_is_not_found(sandbox: Sandbox, action: str) -> None:
    assert call(sandbox, "POST", f"{QUEUES}/mail{action}")["status"] == "NOT_FOUND"
    assert call(sandbox, "POST", f"{JOBS}/none{action}")["message"].startswith("Job projects/")


def test_deleting_a_cron_job_needs_the_legacy_parameter(sandbox: Sandbox) -> None:
    job = call(sandbox, "POST", JOBS, JOB)["name"]
    assert call(sandbox, "DELETE", f"/v1beta1/{job}")["status"] == "NOT_FOUND"
    assert call(sandbox, "DELETE", f"/v1beta1/{job}?legacyAppEngineCron=True") == {}
    assert call(sandbox, "GET", f"/v1beta1/{job}")["status"] == "NOT_FOUND"


def test_an_updated_job_keeps_its_state_and_legacy_mark(sandbox: Sandbox) -> None:
    job = call(sandbox, "POST", JOBS, JOB)
    assert job["appEngineHttpTarget"]["appEngineRouting"] == {
        "service": "api",
        "host": "api.akvoflow-1.ew.r.appspot.com",
    }
    call(sandbox, "POST", f"/v1beta1/{job['name']}:pause")
    change = {"schedule": "every 2 hours", "legacyAppEngineCron": False}
    changed = call(sandbox, "PATCH", f"/v1beta1/{job['name']}", change)
    assert (changed["schedule"], changed["state"]) == ("every 2 hours", "PAUSED")
    assert changed["legacyAppEngineCron"] is True


def test_a_cron_job_cannot_have_an_http_target(sandbox: Sandbox) -> None:
    target = {"httpTarget": {"uri": "https://example.org"}}
    job = {"schedule": "every 24 hours", "legacyAppEngineCron": True, **target}
    assert call(sandbox, "POST", JOBS, job)["status"] == "INVALID_ARGUMENT"


def test_an_operation_error_fault_makes_an_index_fail(sandbox: Sandbox) -> None:
    fault = {"kind": "operation-error", "method": "CreateIndex", "target": "*/indexes/Message"}
    call(sandbox, "POST", "/_sandbox/faults", fault)
    call(sandbox, "PATCH", "/_sandbox/settings", {"index_seconds": 60})
    operation = call(sandbox, "POST", INDEXES, INDEX)
    call(sandbox, "POST", INDEXES, {**INDEX, "kind": "Other"})
    states = {index["kind"]: index["state"] for index in call(sandbox, "GET", INDEXES)["indexes"]}
    assert states == {"Message": "CREATING", "Other": "CREATING"}
    call(sandbox, "POST", "/_sandbox/clock", {"advance": 60})
    states = {index["kind"]: index["state"] for index in call(sandbox, "GET", INDEXES)["indexes"]}
    assert states == {"Message": "ERROR", "Other": "READY"}
    assert call(sandbox, "GET", f"/v1/{operation['name']}")["error"]["code"] == 13
    call(sandbox, "DELETE", f"{INDEXES}/{operation['metadata']['indexId']}")
    assert [index["kind"] for index in call(sandbox, "GET", INDEXES)["indexes"]] == ["Other"]


def test_an_operation_stuck_fault_keeps_an_index_creating(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/_sandbox/faults", {"kind": "operation-stuck", "method": "CreateIndex"})
    call(sandbox, "POST", INDEXES, INDEX)
    call(sandbox, "POST", "/_sandbox/clock", {"advance": 1e8})
    assert call(sandbox, "GET", INDEXES)["indexes"][0]["state"] == "CREATING"


def test_an_application_may_start_with_a_disabled_api(tmp_path: Path) -> None:
    text = "apps: [{project: akvoflow-1, disabled_apis: [cloudtasks.googleapis.com]}]"
    services = "/v1/projects/akvoflow-1/services"
    with Sandbox(tmp_path, parse_scenario(text).apps) as sandbox:
        refusal = call(sandbox, "GET", QUEUES)
        assert refusal["status"] == "PERMISSION_DENIED"
        assert "SERVICE_DISABLED" in [each.get("reason") for each in refusal["details"]]
        call(sandbox, "POST", f"{services}/cloudtasks.googleapis.com:enable")
    with Sandbox(tmp_path, parse_scenario(text).apps) as sandbox:
        assert call(sandbox, "GET", QUEUES)["queues"]


def test_batch_get_returns_the_state_of_several_apis(sandbox: Sandbox) -> None:
    services = "/v1/projects/akvoflow-1/services"
    call(sandbox, "POST", f"{services}/datastore.googleapis.com:disable")
    names = [
        f"projects/akvoflow-1/services/{s}.googleapis.com" for s in ("cloudtasks", "datastore")
    ]
    query = "&".join(f"names={name}" for name in names)
    found = call(sandbox, "GET", f"{services}:batchGet?{query}")["services"]
    assert {each["name"]: each["state"] for each in found} == dict(
        zip(names, ("ENABLED", "DISABLED"), strict=True)
    )
    wrong = "names=projects/other/services/datastore.googleapis.com"
    for refused in (wrong, "", query * 16):
        answer = call(sandbox, "GET", f"{services}:batchGet?{refused}")
        assert answer["status"] == "INVALID_ARGUMENT"
