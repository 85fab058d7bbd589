"""The clients for an application's configuration, with Google's own libraries, against the
sandbox: what is kept is what was sent, each change is sent once, refusals keep their words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.clients.service_usage import DATASTORE, SCHEDULER, TASKS
from flowdeploy.endpoints import sandbox
from flowdeploy.errors import ServiceError
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

if TYPE_CHECKING:
    from tests.integration.conftest import Remote

APP = "akvoflow-1"
PARENT = f"projects/{APP}/locations/europe-west1"
# As gcloud 528 sends a queue that is new.
QUEUE: dict[str, Any] = {
    "appEngineHttpQueue": {"appEngineRoutingOverride": {"service": "api", "version": "v1"}},
    "rateLimits": {
        "maxBurstSize": 5,
        "maxConcurrentDispatches": 1000,
        "maxDispatchesPerSecond": 0.166666667,
    },
    "retryConfig": {
        "maxAttempts": -1,
        "maxBackoff": "3600s",
        "maxDoublings": 16,
        "maxRetryDuration": "0s",
        "minBackoff": "0.100s",
    },
    "taskTtl": "315360000s",
    "tombstoneTtl": "777600s",
}
PATHS = (
    "appEngineHttpQueue.appEngineRoutingOverride",
    *(f"rateLimits.{name}" for name in QUEUE["rateLimits"]),
    *(f"retryConfig.{name}" for name in QUEUE["retryConfig"]),
    "taskTtl",
    "tombstoneTtl",
)
JOB: dict[str, Any] = {
    "appEngineHttpTarget": {
        "appEngineRouting": {"service": "api"},
        "httpMethod": "GET",
        "relativeUri": "/cron/remind?all=1",
    },
    "description": "remind",
    "retryConfig": {
        "maxBackoffDuration": "3600s",
        "maxDoublings": 5,
        "maxRetryDuration": "0s",
        "minBackoffDuration": "2.500s",
        "retryCount": 2,
    },
    "schedule": "1st,third mon of month 04:05",
    "timeZone": "Europe/Amsterdam",
}
INDEX: dict[str, Any] = {
    "kind": "Message",
    "ancestor": "ALL_ANCESTORS",
    "properties": [
        {"name": "surveyId", "direction": "ASCENDING"},
        {"name": "createdDateTime", "direction": "DESCENDING"},
    ],
}


@pytest.fixture
def remote(remote: Remote) -> Remote:
    """The sandbox, in which the application has a second service."""
    remote.put_version(APP, "1", service="api")
    remote.call("DELETE", "/_sandbox/requests")
    return remote


@pytest.fixture
def cloud(remote: Remote) -> GoogleClients:
    return connected(remote.url)


def connected(url: str) -> GoogleClients:
    return GoogleClients(sandbox(url, {}), connections=2)


def test_a_queue_is_created_and_kept_as_it_was_sent(cloud: GoogleClients) -> None:
    cloud.tasks.put(APP, "mail", QUEUE, PATHS)
    (kept,) = (q for q in cloud.tasks.queues(APP) if q["name"].endswith("/mail"))
    routing = kept.pop("appEngineHttpQueue")["appEngineRoutingOverride"]
    assert routing == {
        **QUEUE["appEngineHttpQueue"]["appEngineRoutingOverride"],
        "host": f"v1.api.{APP}.ew.r.appspot.com",
    }
    sent = {key: value for key, value in QUEUE.items() if key != "appEngineHttpQueue"}
    shown = {"name": f"{PARENT}/queues/mail", "state": "RUNNING", "type": "PUSH"}
    assert kept == {**sent, **shown}


def test_a_pull_queue_is_created_as_one(cloud: GoogleClients) -> None:
    body = {"type": "PULL", "retryConfig": {"maxAttempts": -1}}
    cloud.tasks.put(APP, "pulled", body, ["type", "retryConfig.maxAttempts"])
    assert {q["type"] for q in cloud.tasks.queues(APP)} == {"PUSH", "PULL"}


def test_only_what_the_mask_names_changes(cloud: GoogleClients) -> None:
    cloud.tasks.put(APP, "mail", QUEUE, PATHS)
    cloud.tasks.pause(APP, "mail")
    limits = {"maxBurstSize": 100, "maxDispatchesPerSecond": 2.5}
    paths = ["rateLimits.maxDispatchesPerSecond", "appEngineHttpQueue.appEngineRoutingOverride"]
    cloud.tasks.put(APP, "mail", {"rateLimits": limits}, paths)
    (kept,) = (q for q in cloud.tasks.queues(APP) if q["name"].endswith("/mail"))
    assert kept["rateLimits"] == {**QUEUE["rateLimits"], "maxDispatchesPerSecond": 2.5}
    assert "appEngineRoutingOverride" not in kept["appEngineHttpQueue"]
    assert (kept["retryConfig"], kept["state"]) == (QUEUE["retryConfig"], "PAUSED")


def test_what_was_read_of_a_queue_can_be_sent_back(cloud: GoogleClients) -> None:
    cloud.tasks.put(APP, "mail", QUEUE, PATHS)
    before = cloud.tasks.queues(APP)
    cloud.tasks.put(APP, "mail", {"rateLimits": {"maxBurstSize": 1}}, ["rateLimits"])
    assert cloud.tasks.queues(APP) != before
    (kept,) = (q for q in before if q["name"].endswith("/mail"))
    cloud.tasks.put(APP, "mail", kept, ["rateLimits", "retryConfig"])
    assert cloud.tasks.queues(APP) == before


def test_queues_are_paused_and_resumed_however_often(cloud: GoogleClients) -> None:
    for change, state in ((cloud.tasks.pause, "PAUSED"), (cloud.tasks.resume, "RUNNING")):
        change(APP, "default")
        change(APP, "default")
        assert [q["state"] for q in cloud.tasks.queues(APP)] == [state]


def test_lists_are_read_to_their_end(cloud: GoogleClients, remote: Remote) -> None:
    for number in range(120):
        body = {"rateLimits": {"maxBurstSize": 1}}
        remote.call("PATCH", f"/v2beta3/{PARENT}/queues/q{number}", body)
        remote.call("POST", f"/v1beta1/{PARENT}/jobs", {**JOB, "legacyAppEngineCron": True})
        index = {**INDEX, "kind": f"Kind{number}"}
        remote.call("POST", f"/v1/projects/{APP}/indexes", index)
    listed = (cloud.tasks.queues(APP), cloud.scheduler.jobs(APP), cloud.datastore.indexes(APP))
    assert [len({str(item) for item in items}) for items in listed] == [121, 120, 120]


def test_the_location_is_asked_for_once_in_each_project(
    cloud: GoogleClients, remote: Remote
) -> None:
    for _ in range(2):
        cloud.tasks.queues(APP)
        cloud.scheduler.jobs(APP)
    asked = [request["path"] for request in remote.requests(path="*/locations")]
    assert asked == [f"/v2/projects/{APP}/locations", f"/v1beta1/projects/{APP}/locations"]


def test_a_job_is_created_and_kept_as_it_was_sent(cloud: GoogleClients) -> None:
    name = cloud.scheduler.create(APP, JOB)
    (kept,) = cloud.scheduler.jobs(APP)
    del kept["userUpdateTime"], kept["appEngineHttpTarget"]["appEngineRouting"]["host"]
    assert kept == {**JOB, "name": name, "state": "ENABLED", "legacyAppEngineCron": True}


def test_what_was_read_of_a_job_can_be_sent_back(cloud: GoogleClients) -> None:
    cloud.scheduler.create(APP, JOB)
    (before,) = cloud.scheduler.jobs(APP)
    cloud.scheduler.delete(before.pop("name"))
    cloud.scheduler.create(APP, before)
    (after,) = cloud.scheduler.jobs(APP)
    del before["userUpdateTime"], after["userUpdateTime"], after["name"]
    assert after == before


def test_only_jobs_of_cron_yaml_are_seen_and_deleted(cloud: GoogleClients, remote: Remote) -> None:
    other = remote.call("POST", f"/v1beta1/{PARENT}/jobs", JOB)["name"]
    assert cloud.scheduler.jobs(APP) == ()
    with pytest.raises(ServiceError) as refused:
        cloud.scheduler.delete(other)
    assert refused.value.code == "NOT_FOUND"
    ours = cloud.scheduler.create(APP, JOB)
    cloud.scheduler.delete(ours)
    assert cloud.scheduler.jobs(APP) == ()
    assert [job["name"] for job in remote.call("GET", f"/v1beta1/{PARENT}/jobs")["jobs"]] == [other]


def test_jobs_are_paused_and_resumed(cloud: GoogleClients) -> None:
    name = cloud.scheduler.create(APP, JOB)
    cloud.scheduler.pause(name)
    assert [job["state"] for job in cloud.scheduler.jobs(APP)] == ["PAUSED"]
    cloud.scheduler.resume(name)
    assert [job["state"] for job in cloud.scheduler.jobs(APP)] == ["ENABLED"]


def test_an_index_is_ready_after_a_while(cloud: GoogleClients, remote: Remote) -> None:
    remote.settings(index_seconds=60)
    cloud.datastore.create(APP, INDEX)
    (index,) = cloud.datastore.indexes(APP)
    assert index == {**INDEX, "projectId": APP, "indexId": index["indexId"], "state": "CREATING"}
    with pytest.raises(ServiceError) as refused:
        cloud.datastore.create(APP, INDEX)
    assert refused.value.code == "ALREADY_EXISTS"
    remote.call("POST", "/_sandbox/clock", {"advance": 60})
    assert [index["state"] for index in cloud.datastore.indexes(APP)] == ["READY"]


def test_an_index_may_fail(cloud: GoogleClients, remote: Remote) -> None:
    remote.fault("operation-error", method="CreateIndex")
    cloud.datastore.create(APP, INDEX)
    assert [index["state"] for index in cloud.datastore.indexes(APP)] == ["ERROR"]


def test_dispatch_rules_are_replaced_by_an_operation(cloud: GoogleClients, remote: Remote) -> None:
    remote.settings(operation_seconds=60)
    rules = (
        {"domain": "*", "path": "/api/*", "service": "api"},
        {"domain": "flow.example.org", "path": "/", "service": "default"},
    )
    assert cloud.engine.dispatch_rules(APP) == ()
    operation = cloud.engine.set_dispatch_rules(APP, rules)
    assert not operation.done
    assert (cloud.engine.dispatch_rules(APP), cloud.engine.operation(operation.name).done) == (
        (),
        False,
    )
    remote.call("POST", "/_sandbox/clock", {"advance": 60})
    ended = cloud.engine.operation(operation.name)
    assert (ended.done, ended.error, ended.what) == (True, None, f"UpdateApplication of apps/{APP}")
    assert cloud.engine.dispatch_rules(APP) == rules
    cloud.engine.set_dispatch_rules(APP, [])
    remote.call("POST", "/_sandbox/clock", {"advance": 60})
    assert cloud.engine.dispatch_rules(APP) == ()
    assert cloud.engine.app(APP) is not None


def test_a_rule_to_a_service_that_does_not_exist_is_refused(cloud: GoogleClients) -> None:
    with pytest.raises(ServiceError, match="none"):
        cloud.engine.set_dispatch_rules(APP, [{"domain": "*", "path": "/*", "service": "none"}])


def test_apis_that_are_switched_off_are_told_in_one_call(
    cloud: GoogleClients, remote: Remote
) -> None:
    apis = (TASKS, SCHEDULER, DATASTORE)
    assert cloud.service_usage.disabled_apis(APP, apis) == ()
    for api in (DATASTORE, TASKS):
        remote.call("POST", f"/v1/projects/{APP}/services/{api}:disable")
    assert cloud.service_usage.disabled_apis(APP, apis) == (TASKS, DATASTORE)
    assert cloud.service_usage.disabled_apis(APP, ()) == ()
    assert len(remote.requests(path="*/services:batchGet")) == 2


@pytest.mark.parametrize("api", [TASKS, SCHEDULER, DATASTORE])
def test_a_refusal_says_which_command_switches_an_api_on(
    cloud: GoogleClients, remote: Remote, api: str
) -> None:
    remote.call("POST", f"/v1/projects/{APP}/services/{api}:disable")
    read: Callable[[str], object] = {
        TASKS: cloud.tasks.queues,
        SCHEDULER: cloud.scheduler.jobs,
        DATASTORE: cloud.datastore.indexes,
    }[api]
    with pytest.raises(ServiceError, match="has not been used in project") as refused:
        read(APP)
    assert refused.value.code == "PERMISSION_DENIED"
    assert str(refused.value.hint).endswith(f"gcloud services enable {api} --project {APP}")


CHANGES: dict[str, Callable[[GoogleClients], object]] = {
    "put": lambda cloud: cloud.tasks.put(APP, "mail", QUEUE, PATHS),
    "pause": lambda cloud: cloud.tasks.pause(APP, "default"),
    "resume": lambda cloud: cloud.tasks.resume(APP, "default"),
    "create a job": lambda cloud: cloud.scheduler.create(APP, JOB),
    "delete a job": lambda cloud: cloud.scheduler.delete(f"{PARENT}/jobs/a"),
    "pause a job": lambda cloud: cloud.scheduler.pause(f"{PARENT}/jobs/a"),
    "resume a job": lambda cloud: cloud.scheduler.resume(f"{PARENT}/jobs/a"),
    "create an index": lambda cloud: cloud.datastore.create(APP, INDEX),
    "set rules": lambda cloud: cloud.engine.set_dispatch_rules(APP, []),
}
READS: dict[str, Callable[[GoogleClients], object]] = {
    "queues": lambda cloud: cloud.tasks.queues(APP),
    "jobs": lambda cloud: cloud.scheduler.jobs(APP),
    "indexes": lambda cloud: cloud.datastore.indexes(APP),
    "rules": lambda cloud: cloud.engine.dispatch_rules(APP),
    "services": lambda cloud: cloud.service_usage.disabled_apis(APP, [TASKS]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("kind", "code"), [("unavailable", "UNAVAILABLE"), ("reset", "CONNECTION")]
)
def test_a_change_is_sent_once(
    cloud: GoogleClients, remote: Remote, change: str, kind: str, code: str
) -> None:
    for method in ("POST", "PATCH", "DELETE"):
        remote.fault(kind, method=method)
    with pytest.raises(ServiceError) as refused:
        CHANGES[change](cloud)
    assert refused.value.code == code
    assert len([r for r in remote.requests() if r["method"] != "GET"]) == 1


@pytest.mark.parametrize("read", READS)
def test_a_read_is_repeated(cloud: GoogleClients, remote: Remote, read: str) -> None:
    remote.fault("unavailable", method="GET", times=1)
    READS[read](cloud)
    assert [r["status"] for r in remote.requests()][:2] == [503, 200]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda cloud: cloud.tasks.put(APP, "mail", {"colour": "red"}, ["colour"]), "colour"),
        (lambda cloud: cloud.scheduler.create(APP, {"schedule": 1}), "schedule"),
        (lambda cloud: cloud.datastore.create(APP, {"kind": "A", "ancestor": "NOBODY"}), "NOBODY"),
        (lambda cloud: cloud.engine.set_dispatch_rules(APP, [{"module": "api"}]), "module"),
    ],
)
def test_what_the_library_does_not_know_is_not_sent(
    cloud: GoogleClients, remote: Remote, change: Callable[[GoogleClients], object], field: str
) -> None:
    with pytest.raises(ServiceError, match=field) as refused:
        change(cloud)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert [r for r in remote.requests() if r["method"] != "GET"] == []


def test_what_does_not_exist_is_told_in_the_services_words(cloud: GoogleClients) -> None:
    with pytest.raises(ServiceError, match=f"{PARENT}/queues/none"):
        cloud.tasks.pause(APP, "none")
    with pytest.raises(ServiceError, match=f"{PARENT}/jobs/none"):
        cloud.scheduler.delete(f"{PARENT}/jobs/none")


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextmanager
def locations(folder: Path, answer: dict[str, Any]) -> Iterator[GoogleClients]:
    """A sandbox whose lists of locations are others."""

    @web.middleware
    async def instead(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = request.path.endswith("/locations")
        return web.json_response(answer) if asked else await handler(request)

    with Sandbox(folder, [App(APP)], middlewares=[instead]) as server:
        yield connected(server.url)


def test_of_several_locations_the_first_is_the_applications(tmp_path: Path) -> None:
    listed = {"locations": [{"locationId": name} for name in ("europe-west1", "us-east1")]}
    with locations(tmp_path, listed) as cloud:
        assert cloud.tasks.queues(APP)


def test_a_project_without_an_application_has_no_location(tmp_path: Path) -> None:
    with locations(tmp_path, {}) as cloud, pytest.raises(ServiceError) as refused:
        cloud.scheduler.jobs(APP)
    assert "gcloud app create" in str(refused.value.hint)
