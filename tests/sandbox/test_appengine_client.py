"""Google's client library for the App Engine Admin API against the sandbox."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import appengine_admin_v1 as gae

from flowdeploy.sandbox.server import Sandbox

SERVICE = "apps/akvoflow-1/services/default"
HELLO = b"print('hello')"
HELLO_SHA1 = hashlib.sha1(HELLO, usedforsecurity=False).hexdigest()
HELLO_URL = f"https://storage.googleapis.com/staging.akvoflow-1.appspot.com/{HELLO_SHA1}"

pytestmark = pytest.mark.usefixtures("sandbox")


class Clients:
    """The library's clients, over REST."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = {
            "transport": "rest",
            "credentials": AnonymousCredentials(),
            "client_options": {"api_endpoint": url},
        }
        self.apps = gae.ApplicationsClient(**options)
        self.services = gae.ServicesClient(**options)
        self.versions = gae.VersionsClient(**options)
        self.instances = gae.InstancesClient(**options)

    def create(self, version: str, parent: str = SERVICE, **fields: Any) -> Any:
        body = {"id": version, "runtime": "python312", "deployment": deployment(), **fields}
        return self.versions.create_version({"parent": parent, "version": body}, timeout=5)

    def move(self, allocations: dict[str, float], **split: Any) -> Any:
        return self.services.update_service(
            {
                "name": SERVICE,
                "service": {"split": {"allocations": allocations, **split}},
                "update_mask": "split",
            },
            timeout=5,
        )

    def live(self, service: str = SERVICE) -> dict[str, float]:
        return dict(self.services.get_service({"name": service}).split.allocations)


def deployment(url: str = HELLO_URL, sha1: str = HELLO_SHA1) -> dict[str, Any]:
    return {"files": {"main.py": {"source_url": url, "sha1_sum": sha1}}}


@pytest.fixture
def clients(sandbox: Sandbox) -> Clients:
    path = "/upload/storage/v1/b/staging.akvoflow-1.appspot.com/o"
    query = {"uploadType": "media", "name": HELLO_SHA1}
    requests.post(sandbox.url + path, params=query, data=HELLO, timeout=5).raise_for_status()
    return Clients(sandbox.url)


def set_operation_seconds(sandbox: Sandbox, seconds: float) -> None:
    body = {"operation_seconds": seconds}
    requests.patch(f"{sandbox.url}/_sandbox/settings", json=body, timeout=5).raise_for_status()


def advance(sandbox: Sandbox, seconds: float) -> None:
    body = {"advance": seconds}
    requests.post(f"{sandbox.url}/_sandbox/clock", json=body, timeout=5).raise_for_status()


def test_an_application_has_its_hostname_and_buckets(clients: Clients) -> None:
    app = clients.apps.get_application({"name": "apps/akvoflow-1"})
    assert app.default_hostname == "akvoflow-1.ew.r.appspot.com"
    assert app.code_bucket == "staging.akvoflow-1.appspot.com"
    assert app.serving_status == gae.Application.ServingStatus.SERVING


def test_a_new_version_is_dark_until_traffic_moves_to_it(clients: Clients) -> None:
    created = clients.create("20200403-073034", env_variables={"A": "1"}).result(timeout=5)
    assert created.version_url == "https://20200403-073034-dot-akvoflow-1.ew.r.appspot.com"
    assert clients.live() == {"1": 1.0}
    clients.move({"20200403-073034": 1.0}).result(timeout=5)
    assert clients.live() == {"20200403-073034": 1.0}


def test_only_the_full_view_shows_the_deployment(clients: Clients) -> None:
    clients.create("v2", env_variables={"A": "1"}, inbound_services=["INBOUND_SERVICE_WARMUP"])
    name = f"{SERVICE}/versions/v2"
    basic = clients.versions.get_version({"name": name})
    full = clients.versions.get_version({"name": name, "view": gae.VersionView.FULL})
    assert (dict(basic.env_variables), len(basic.deployment.files)) == ({}, 0)
    assert full.env_variables == {"A": "1"}
    assert full.deployment.files["main.py"].sha1_sum == HELLO_SHA1
    assert full.inbound_services == [gae.InboundServiceType.INBOUND_SERVICE_WARMUP]


def test_the_first_version_of_a_service_has_all_traffic(clients: Clients) -> None:
    parent = "apps/akvoflow-1/services/api"
    clients.create("v1", parent).result(timeout=5)
    clients.create("v2", parent).result(timeout=5)
    assert clients.live(parent) == {"v1": 1.0}


def test_creating_an_existing_version_replaces_it_and_keeps_its_traffic(clients: Clients) -> None:
    clients.create("1", env_variables={"A": "2"}).result(timeout=5)
    request = {"name": f"{SERVICE}/versions/1", "view": gae.VersionView.FULL}
    assert clients.versions.get_version(request).env_variables == {"A": "2"}
    assert clients.live() == {"1": 1.0}


def test_a_mutation_takes_effect_when_its_operation_ends(
    clients: Clients, sandbox: Sandbox
) -> None:
    set_operation_seconds(sandbox, 60)
    operation = clients.create("v2")
    assert not operation.done()
    with pytest.raises(exceptions.NotFound):
        clients.versions.get_version({"name": f"{SERVICE}/versions/v2"})
    advance(sandbox, 60)
    assert operation.result(timeout=5).id == "v2"


def test_a_second_mutation_of_the_same_target_is_aborted(
    clients: Clients, sandbox: Sandbox
) -> None:
    set_operation_seconds(sandbox, 60)
    number = clients.create("v2").operation.name.rpartition("/")[2]
    with pytest.raises(exceptions.Conflict) as refusal:
        clients.create("v2")
    target = f"{SERVICE}/versions/v2"
    assert refusal.value.response.json()["error"] == {
        "code": 409,
        "message": f"Cannot operate on {target} because an operation is already in progress "
        f"for {target} by {number}.",
        "status": "ABORTED",
    }


def test_operations_survive_a_restart(clients: Clients, sandbox: Sandbox) -> None:
    set_operation_seconds(sandbox, 60)
    clients.create("v2")
    with Sandbox(sandbox.state.folder) as other:
        advance(other, 60)
        name = f"{SERVICE}/versions/v2"
        assert Clients(other.url).versions.get_version({"name": name}).id == "v2"


def test_pending_operations_can_be_listed(clients: Clients, sandbox: Sandbox) -> None:
    clients.create("v2")
    set_operation_seconds(sandbox, 60)
    clients.create("v3")
    url = f"{sandbox.url}/v1/apps/akvoflow-1/operations"
    found = requests.get(url, params={"filter": "done:false"}, timeout=5).json()["operations"]
    assert [o["metadata"]["target"] for o in found] == [f"{SERVICE}/versions/v3"]
    assert found[0]["metadata"]["method"] == "google.appengine.v1.Versions.CreateVersion"


@pytest.mark.parametrize(
    ("url", "sha1", "words"),
    [
        (HELLO_URL + "0", HELLO_SHA1, f"Error copying file from GCS: {HELLO_URL}0"),
        (HELLO_URL, "0" * 40, "SHA1 mismatch"),
        ("https://example.com/x", HELLO_SHA1, "Error copying file from GCS: https://example.com/x"),
    ],
)
def test_missing_or_damaged_source_files_fail_the_operation(
    clients: Clients, url: str, sha1: str, words: str
) -> None:
    operation = clients.create("v2", deployment=deployment(url, sha1))
    with pytest.raises(exceptions.GoogleAPICallError, match="copying files to App Engine") as error:
        operation.result(timeout=5)
    assert words in str(error.value)
    with pytest.raises(exceptions.NotFound):
        clients.versions.get_version({"name": f"{SERVICE}/versions/v2"})


@pytest.mark.parametrize(
    "version", ["default", "latest", "ah-x", "-x", "x-", "X", "a_b", "a" * 64, "é"]
)
def test_invalid_version_ids_are_refused(clients: Clients, version: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=r"version id"):
        clients.create(version)


@pytest.mark.parametrize(
    ("allocations", "shard_by", "words"),
    [
        ({"nope": 1.0}, "IP", "does not exist"),
        ({"1": 0.5}, "IP", "sum to 1"),
        ({"1": 0.995, "v2": 0.005}, "IP", "2 decimal places"),
        ({"1": 0.9995, "v2": 0.0005}, "COOKIE", "3 decimal places"),
        ({"1": 1.5}, "IP", "greater than 0 and at most 1"),
        ({}, "IP", "at least one allocation"),
    ],
)
def test_invalid_traffic_splits_are_refused(
    clients: Clients, allocations: dict[str, float], shard_by: str, words: str
) -> None:
    clients.create("v2")
    with pytest.raises(exceptions.BadRequest, match=words):
        clients.move(allocations, shard_by=shard_by)
    assert clients.live() == {"1": 1.0}


def test_a_split_by_cookie_has_three_decimals(clients: Clients) -> None:
    clients.create("v2")
    clients.move({"1": 0.999, "v2": 0.001}, shard_by="COOKIE").result(timeout=5)
    assert clients.live() == {"1": 0.999, "v2": 0.001}


def test_a_version_with_traffic_cannot_be_deleted(clients: Clients) -> None:
    with pytest.raises(exceptions.BadRequest, match="non-zero traffic allocation"):
        clients.versions.delete_version({"name": f"{SERVICE}/versions/1"}, timeout=5)


def test_a_dark_version_can_be_deleted(clients: Clients) -> None:
    clients.create("v2")
    request = {"name": f"{SERVICE}/versions/v2"}
    clients.versions.delete_version(request, timeout=5).result(timeout=5)
    listed = clients.versions.list_versions({"parent": SERVICE}, timeout=5)
    assert [version.id for version in listed] == ["1"]


def test_a_version_cannot_be_deleted_while_its_service_moves_traffic_to_it(
    clients: Clients, sandbox: Sandbox
) -> None:
    clients.create("v2")
    set_operation_seconds(sandbox, 60)
    clients.move({"v2": 1.0})
    with pytest.raises(exceptions.Conflict, match=f"in progress for {SERVICE} by"):
        clients.versions.delete_version({"name": f"{SERVICE}/versions/v2"}, timeout=5)


def test_an_application_has_at_most_210_versions(clients: Clients) -> None:
    for number in range(2, 211):
        clients.create(f"v{number}")
    with pytest.raises(exceptions.BadRequest, match="may not have more than 210 versions"):
        clients.create("v211")
    clients.create("v210")


def test_lists_are_paged(clients: Clients) -> None:
    parent = "apps/akvoflow-2/services/api"
    pages = clients.versions.list_versions({"parent": parent, "page_size": 2}, timeout=5).pages
    assert [[version.id for version in page.versions] for page in pages] == [["v1", "v2"], ["v3"]]
    services = clients.services.list_services({"parent": "apps/akvoflow-2", "page_size": 1})
    assert [service.id for service in services] == ["api", "default"]


def test_a_disabled_application_refuses_changes(clients: Clients) -> None:
    clients.apps.update_application(
        {
            "name": "apps/akvoflow-1",
            "application": {"serving_status": "USER_DISABLED"},
            "update_mask": "servingStatus",
        },
        timeout=5,
    )
    with pytest.raises(exceptions.BadRequest, match="disabled"):
        clients.create("v2")
    with pytest.raises(exceptions.BadRequest, match="disabled"):
        clients.move({"1": 1.0})


def test_traffic_migration_needs_warmup_requests(clients: Clients) -> None:
    clients.create("cold")
    clients.create("warm", inbound_services=["INBOUND_SERVICE_WARMUP"])
    request: dict[str, Any] = {
        "name": SERVICE,
        "service": {"split": {"allocations": {"cold": 1.0}, "shard_by": "IP"}},
        "update_mask": "split",
        "migrate_traffic": True,
    }
    with pytest.raises(exceptions.BadRequest, match="warmup"):
        clients.services.update_service(request, timeout=5)
    request["service"]["split"]["allocations"] = {"warm": 1.0}
    clients.services.update_service(request, timeout=5).result(timeout=5)
    assert clients.live() == {"warm": 1.0}


def test_only_a_manually_scaled_version_can_be_stopped(
    clients: Clients,
) -> None:
    clients.create("manual", manual_scaling={"instances": 3})
    found = clients.instances.list_instances({"parent": f"{SERVICE}/versions/manual"})
    assert len(list(found)) == 3
    request = {
        "name": f"{SERVICE}/versions/manual",
        "version": {"serving_status": "STOPPED"},
        "update_mask": "servingStatus",
    }
    stopped = clients.versions.update_version(request, timeout=5).result(timeout=5)
    assert stopped.serving_status == gae.ServingStatus.STOPPED
    request["name"] = f"{SERVICE}/versions/1"
    with pytest.raises(exceptions.BadRequest, match="automatic scaling"):
        clients.versions.update_version(request, timeout=5)


def test_a_new_application_has_its_buckets(clients: Clients, sandbox: Sandbox) -> None:
    body = {"id": "akvoflow-9", "location_id": "us-central"}
    clients.apps.create_application({"application": body}, timeout=5).result(timeout=5)
    app = clients.apps.get_application({"name": "apps/akvoflow-9"})
    url = f"{sandbox.url}/storage/v1/b/{app.code_bucket}"
    rules = requests.get(url, timeout=5).json()["lifecycle"]["rule"]
    assert rules == [{"action": {"type": "Delete"}, "condition": {"age": 15}}]
    with pytest.raises(exceptions.Conflict, match="already contains"):
        clients.apps.create_application({"application": body}, timeout=5)


def test_dispatch_rules_must_name_existing_services(clients: Clients) -> None:
    request: dict[str, Any] = {
        "name": "apps/akvoflow-2",
        "application": {"dispatch_rules": [{"path": "/x/*", "service": "api"}]},
        "update_mask": "dispatchRules",
    }
    changed = clients.apps.update_application(request, timeout=5).result(timeout=5)
    assert changed.dispatch_rules[0].service == "api"
    request["application"]["dispatch_rules"][0]["service"] = "nope"
    with pytest.raises(exceptions.NotFound, match="Could not find Service 'nope'"):
        clients.apps.update_application(request, timeout=5)


def test_repair_instances_and_service_deletion_work(clients: Clients) -> None:
    repaired = clients.apps.repair_application({"name": "apps/akvoflow-2"}, timeout=5)
    assert repaired.result(timeout=5).code_bucket == "staging.akvoflow-2.appspot.com"
    services = clients.services.list_services({"parent": "apps/akvoflow-2"})
    assert [service.id for service in services] == ["api", "default"]
    (instance,) = clients.instances.list_instances({"parent": f"{SERVICE}/versions/1"})
    assert clients.instances.get_instance({"name": instance.name}) == instance
    api = {"name": "apps/akvoflow-2/services/api"}
    clients.services.delete_service(api, timeout=5).result(timeout=5)
    with pytest.raises(exceptions.NotFound, match="Could not find Service 'api'"):
        clients.services.get_service(api)


@pytest.mark.parametrize("app", ["example.com:flow-1", "example.com%3Aflow-1"])
def test_a_project_id_with_a_domain_may_be_percent_encoded(
    clients: Clients, sandbox: Sandbox, app: str
) -> None:
    body = {"id": "example.com:flow-1"}
    clients.apps.create_application({"application": body}, timeout=5).result(timeout=5)
    url = f"{sandbox.url}/v1/apps/{app}"
    assert requests.get(url, timeout=5).json()["name"] == "apps/example.com:flow-1"
    assert requests.get(f"{url}/services", timeout=5).json() == {}
    assert requests.post(f"{url}:repair", json={}, timeout=5).json()["done"]
