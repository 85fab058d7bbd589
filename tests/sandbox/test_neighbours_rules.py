"""What the neighbours of App Engine do beside keeping what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from flowdeploy.sandbox.scenario import load
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
def test_a_queue_with_a_target_says_which_host_that_is(
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
def test_what_does_not_exist_is_not_paused(sandbox: Sandbox, action: str) -> None:
    assert call(sandbox, "POST", f"{QUEUES}/mail{action}")["status"] == "NOT_FOUND"
    assert call(sandbox, "POST", f"{JOBS}/none{action}")["message"].startswith("Job projects/")


def test_a_job_of_cron_yaml_is_deleted_by_those_who_say_so(sandbox: Sandbox) -> None:
    job = call(sandbox, "POST", JOBS, JOB)["name"]
    assert call(sandbox, "DELETE", f"/v1beta1/{job}")["status"] == "NOT_FOUND"
    assert call(sandbox, "DELETE", f"/v1beta1/{job}?legacyAppEngineCron=True") == {}
    assert call(sandbox, "GET", f"/v1beta1/{job}")["status"] == "NOT_FOUND"


def test_a_job_keeps_its_state_and_its_kind_when_it_changes(sandbox: Sandbox) -> None:
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


def test_a_job_of_cron_yaml_calls_the_application_only(sandbox: Sandbox) -> None:
    target = {"httpTarget": {"uri": "https://example.org"}}
    job = {"schedule": "every 24 hours", "legacyAppEngineCron": True, **target}
    assert call(sandbox, "POST", JOBS, job)["status"] == "INVALID_ARGUMENT"


def test_an_index_may_fail(sandbox: Sandbox) -> None:
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


def test_an_index_may_never_be_built(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/_sandbox/faults", {"kind": "operation-stuck", "method": "CreateIndex"})
    call(sandbox, "POST", INDEXES, INDEX)
    call(sandbox, "POST", "/_sandbox/clock", {"advance": 1e8})
    assert call(sandbox, "GET", INDEXES)["indexes"][0]["state"] == "CREATING"


def test_an_application_may_begin_without_an_api(tmp_path: Path) -> None:
    text = "apps: [{project: akvoflow-1, disabled_apis: [cloudtasks.googleapis.com]}]"
    services = "/v1/projects/akvoflow-1/services"
    with Sandbox(tmp_path, load(text).apps) as sandbox:
        refusal = call(sandbox, "GET", QUEUES)
        assert refusal["status"] == "PERMISSION_DENIED"
        assert "SERVICE_DISABLED" in [each.get("reason") for each in refusal["details"]]
        call(sandbox, "POST", f"{services}/cloudtasks.googleapis.com:enable")
    with Sandbox(tmp_path, load(text).apps) as sandbox:
        assert call(sandbox, "GET", QUEUES)["queues"]


def test_several_services_are_asked_for_at_once(sandbox: Sandbox) -> None:
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
