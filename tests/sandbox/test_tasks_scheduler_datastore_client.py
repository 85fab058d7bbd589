"""Google's client libraries for Cloud Tasks, Cloud Scheduler and Datastore."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import datastore_admin_v1, scheduler_v1beta1, tasks_v2beta3

from flowdeploy.sandbox.server import Sandbox

PARENT = "projects/akvoflow-1/locations/europe-west1"


@pytest.fixture
def options(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "transport": "rest",
        "credentials": AnonymousCredentials(),
        "client_options": {"api_endpoint": sandbox.url},
    }


def test_updating_a_queue_that_does_not_exist_creates_it(options: dict[str, Any]) -> None:
    client = tasks_v2beta3.CloudTasksClient(**options)
    name = f"{PARENT}/queues/mail"
    limits = {"max_dispatches_per_second": 2.5}
    request = {"queue": {"name": name, "rate_limits": limits}, "update_mask": "rateLimits"}
    created = client.update_queue(request, timeout=5)
    assert created.rate_limits.max_dispatches_per_second == 2.5
    assert created.retry_config.max_doublings == 16
    assert [queue.name for queue in client.list_queues(parent=PARENT)] == [
        f"{PARENT}/queues/default",
        name,
    ]


def test_a_paused_queue_keeps_its_settings(options: dict[str, Any]) -> None:
    client = tasks_v2beta3.CloudTasksClient(**options)
    name = f"{PARENT}/queues/default"
    before = client.get_queue(name=name)
    paused = client.pause_queue(name=name)
    assert paused.state == tasks_v2beta3.Queue.State.PAUSED
    assert client.resume_queue(name=name) == before


def test_cron_jobs_and_other_jobs_are_listed_separately(options: dict[str, Any]) -> None:
    client = scheduler_v1beta1.CloudSchedulerClient(**options)
    target = {"relative_uri": "/cron/a", "http_method": "GET"}
    job: Any = {"app_engine_http_target": target, "schedule": "every 24 hours", "time_zone": "UTC"}

    def create(**fields: Any) -> str:
        request: Any = {"parent": PARENT, "job": {**job, **fields}}
        created: str = client.create_job(request).name
        return created

    legacy = create(legacy_app_engine_cron=True)
    other = create(name=f"{PARENT}/jobs/other")

    def list_names(legacy: bool) -> list[str]:
        request = {"parent": PARENT, "legacy_app_engine_cron": legacy}
        return [job.name for job in client.list_jobs(request)]

    assert (list_names(True), list_names(False)) == ([legacy], [other])
    later: Any = {
        "job": {"name": legacy, "schedule": "every 2 hours"},
        "update_mask": {"paths": ["schedule"]},
    }
    changed = client.update_job(later)
    assert (changed.schedule, changed.time_zone) == ("every 2 hours", "UTC")
    client.delete_job({"name": legacy, "legacy_app_engine_cron": True})
    assert list_names(True) == []


def test_an_index_takes_time_to_build_and_cannot_be_created_twice(
    options: dict[str, Any], sandbox: Sandbox
) -> None:
    client = datastore_admin_v1.DatastoreAdminClient(**options)
    settings = {"index_seconds": 60}
    requests.patch(f"{sandbox.url}/_sandbox/settings", json=settings, timeout=5)
    index = {
        "kind": "Message",
        "ancestor": "NONE",
        "properties": [{"name": "x", "direction": "ASCENDING"}],
    }
    request = {"project_id": "akvoflow-1", "index": index}
    operation = client.create_index(request)
    with pytest.raises(exceptions.Conflict, match="already exists"):
        client.create_index(request)

    def states() -> list[str]:
        return [i.state.name for i in client.list_indexes({"project_id": "akvoflow-1"})]

    assert states() == ["CREATING"]
    requests.post(f"{sandbox.url}/_sandbox/clock", json={"advance": 60}, timeout=5)
    assert operation.result(timeout=5).kind == "Message"
    assert states() == ["READY"]


def test_a_disabled_api_is_refused_with_instructions(
    options: dict[str, Any], sandbox: Sandbox
) -> None:
    service = f"{sandbox.url}/v1/projects/akvoflow-1/services/cloudtasks.googleapis.com"
    assert requests.get(service, timeout=5).json()["state"] == "ENABLED"
    requests.post(f"{service}:disable", timeout=5)
    client = tasks_v2beta3.CloudTasksClient(**options)
    with pytest.raises(exceptions.Forbidden, match="Enable it by visiting") as refusal:
        client.list_queues(parent=PARENT)
    assert refusal.value.reason == "SERVICE_DISABLED"
    requests.post(f"{service}:enable", timeout=5)
    assert list(client.list_queues(parent=PARENT))
