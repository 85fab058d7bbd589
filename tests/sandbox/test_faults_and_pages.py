"""Faults, settings, the request log and the applications' pages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.sandbox.faults import REQUEST_KINDS, FaultInjector, FaultKind, Occasion
from flowdeploy.sandbox.google_api.hostnames import AppAddress, hostname, parse_host
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import Settings

SERVICE = "/v1/apps/akvoflow-1/services/default"
ALL_TO_1 = {"split": {"allocations": {"1": 1}}}


class Client:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def __call__(self, method: str, path: str, **keywords: Any) -> requests.Response:
        return self._session.request(method, self._url + path, timeout=5, **keywords)

    def arm(self, kind: str, **fault: Any) -> None:
        self("POST", "/_sandbox/faults", json={"kind": kind, **fault}).raise_for_status()

    def page(self, host: str, **headers: str) -> requests.Response:
        self._session.cookies.clear()
        return self("GET", "/", headers={"Host": host, **headers})

    def move(self, split: dict[str, Any]) -> requests.Response:
        return self("PATCH", f"{SERVICE}?updateMask=split", json={"split": split})


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox.url)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("unavailable", 503, "UNAVAILABLE"),
        ("internal", 500, "INTERNAL"),
        ("quota", 429, "RESOURCE_EXHAUSTED"),
        ("permission", 403, "PERMISSION_DENIED"),
        ("conflict", 409, "ABORTED"),
    ],
)
def test_a_fault_strikes_the_given_number_of_times(
    client: Client, kind: str, code: int, status: str
) -> None:
    client.arm(kind, project="akvoflow-1", times=1)
    assert client("GET", "/v1/apps/akvoflow-2").ok
    struck = client("GET", "/v1/apps/akvoflow-1")
    assert (struck.status_code, struck.json()["error"]["status"]) == (code, status)
    assert client("GET", "/v1/apps/akvoflow-1").ok


def test_a_fault_without_times_strikes_until_it_is_disarmed(client: Client) -> None:
    client.arm("permission", method="PATCH", target="*/services/default")
    assert [client.move(ALL_TO_1["split"]).status_code for _ in range(3)] == [403] * 3
    assert client("GET", SERVICE).ok
    client("DELETE", "/_sandbox/faults")
    assert client.move(ALL_TO_1["split"]).ok


def test_a_connection_can_be_closed_before_or_after_the_effect(client: Client) -> None:
    for kind, expected in (("reset", {"1": 1.0}), ("reset-after", {})):
        client.arm(kind, method="DELETE", times=1)
        with pytest.raises(requests.ConnectionError):
            client("DELETE", "/v1/apps/akvoflow-2/services/api")
        found = client("GET", "/v1/apps/akvoflow-2/services/api")
        assert found.ok == bool(expected)


def test_faults_make_operations_fail_or_never_end(client: Client) -> None:
    client.arm("operation-error", method="UpdateService", times=1)
    failed = client.move(ALL_TO_1["split"]).json()
    assert failed["error"] == {"code": 13, "message": "An internal error occurred."}
    client.arm("operation-stuck", times=1)
    stuck = client.move(ALL_TO_1["split"]).json()
    client("POST", "/_sandbox/clock", json={"advance": 1e6})
    assert "done" not in client("GET", f"/v1/{stuck['name']}").json()
    assert client.move(ALL_TO_1["split"]).status_code == 409


def test_the_version_limit_fault_refuses_a_new_version(client: Client) -> None:
    client.arm("version-limit", project="akvoflow-1", times=1)
    deployment = {"zip": {"sourceUrl": "https://storage.googleapis.com/x/y"}}
    body = {"id": "v2", "runtime": "java21", "deployment": deployment}
    refused = client("POST", f"{SERVICE}/versions", json=body)
    assert "may not have more than 210 versions" in refused.json()["error"]["message"]
    ended = client("POST", f"{SERVICE}/versions", json=body).json()
    assert ended["error"]["code"] == 3


def test_requests_are_logged_and_can_be_filtered(client: Client) -> None:
    client.arm("quota", times=1)
    for path in ("/v1/apps/akvoflow-1", "/v1/apps/akvoflow-2", "/nowhere"):
        client("GET", path)
    logged = client("GET", "/_sandbox/requests?path=/v1/*").json()["requests"]
    assert [(entry["path"], entry["status"], entry["fault"]) for entry in logged] == [
        ("/v1/apps/akvoflow-1", 429, "quota"),
        ("/v1/apps/akvoflow-2", 200, None),
    ]
    client("DELETE", "/_sandbox/requests")
    assert client("GET", "/_sandbox/requests").json() == {"requests": []}


def test_the_control_api_returns_the_state(client: Client) -> None:
    services = client("GET", "/_sandbox/state?table=services").json()["services"]
    assert [(row["app"], row["id"], row["split"]) for row in services] == [
        ("akvoflow-1", "default", {"allocations": {"1": 1}}),
        ("akvoflow-2", "api", {"allocations": {"v3": 1}}),
        ("akvoflow-2", "default", {"allocations": {"v3": 1}}),
    ]
    assert {"versions", "objects", "queues", "jobs", "indexes"} <= set(
        client("GET", "/_sandbox/state").json()
    )


def test_settings_can_change_while_the_sandbox_runs(client: Client) -> None:
    changed = client("PATCH", "/_sandbox/settings", json={"fault_rate": 1}).json()
    assert changed["fault_rate"] == 1
    with pytest.raises((requests.ConnectionError, requests.HTTPError)):
        client("GET", "/v1/apps/akvoflow-1").raise_for_status()
    client("PATCH", "/_sandbox/settings", json={"fault_rate": 0})
    assert client("GET", "/v1/apps/akvoflow-1").ok


def test_a_page_names_its_service_and_version(client: Client) -> None:
    dark = client.page("v2-dot-api-dot-akvoflow-2.uc.r.appspot.com").json()
    assert (dark["project"], dark["service"], dark["version"]) == ("akvoflow-2", "api", "v2")
    assert client.page("v1-dot-akvoflow-2.uc.r.appspot.com").json()["version"] == "v1"
    assert client.page("api-dot-akvoflow-2.uc.r.appspot.com").json()["version"] == "v3"
    assert client.page("akvoflow-2.uc.r.appspot.com").json()["service"] == "default"
    assert client.page("nope-dot-akvoflow-2.uc.r.appspot.com").status_code == 404
    assert client.page("nobody.uc.r.appspot.com").status_code == 404


def test_live_pages_follow_the_traffic_split(client: Client) -> None:
    body = {"split": {"allocations": {"v1": 0.25, "v2": 0.75}, "shardBy": "IP"}}
    client("PATCH", "/v1/apps/akvoflow-2/services/api?updateMask=split", json=body)
    host = "api-dot-akvoflow-2.uc.r.appspot.com"
    visitors = [{"X-Forwarded-For": f"10.0.{n // 250}.{n % 250}"} for n in range(400)]
    reached = [client.page(host, **visitor).json()["version"] for visitor in visitors]
    assert 60 <= Counter(reached)["v1"] <= 140
    assert [client.page(host, **v).json()["version"] for v in visitors] == reached


def test_dispatch_rules_choose_the_service_of_a_live_page(client: Client) -> None:
    rules = {"dispatchRules": [{"path": "/mobile/*", "service": "api"}]}
    client("PATCH", "/v1/apps/akvoflow-2?updateMask=dispatchRules", json=rules)
    host = {"Host": "akvoflow-2.uc.r.appspot.com"}
    assert client("GET", "/mobile/x", headers=host).json()["service"] == "api"
    assert client("GET", "/web", headers=host).json()["service"] == "default"


def test_a_fault_makes_a_version_unhealthy(client: Client) -> None:
    client.arm("unhealthy", target="*/versions/v2", times=2)
    host = "v2-dot-akvoflow-2.uc.r.appspot.com"
    assert [client.page(host).status_code for _ in range(3)] == [503, 503, 200]


def test_a_disabled_application_has_no_pages(client: Client) -> None:
    body = {"servingStatus": "USER_DISABLED"}
    client("PATCH", "/v1/apps/akvoflow-1?updateMask=servingStatus", json=body)
    assert client.page("akvoflow-1.ew.r.appspot.com").status_code == 404


@given(st.floats(0, 1), st.integers(0, 9), st.text(max_size=5))
def test_random_faults_depend_only_on_seed_and_key(rate: float, seed: int, key: str) -> None:
    settings = Settings(fault_rate=rate, seed=seed)
    alone, beside = FaultInjector(settings), FaultInjector(settings)
    expected = [alone.random_fault(key) for _ in range(20)]
    found = []
    for _ in range(20):
        found.append(beside.random_fault(key))
        beside.random_fault(key + "x")
    assert found == expected


def test_random_faults_have_the_given_rate() -> None:
    injector = FaultInjector(Settings(fault_rate=0.1))
    struck = [injector.random_fault("x") for _ in range(10_000)]
    assert 900 <= sum(kind is not None for kind in struck) <= 1100
    assert set(struck) - {None} == {
        FaultKind.UNAVAILABLE,
        FaultKind.QUOTA,
        FaultKind.RESET,
        FaultKind.RESET_AFTER,
    }


def test_without_armed_faults_none_strikes() -> None:
    occasion = Occasion("p", "GET", "/x")
    assert FaultInjector(Settings()).take_fault(REQUEST_KINDS, occasion) is None


def test_hostnames_can_be_parsed() -> None:
    tail = hostname("akvoflow-1", "europe-west")
    assert parse_host(tail) == (AppAddress("akvoflow-1"),)
    assert parse_host(f"v2-dot-api-dot-{tail}:8080") == (AppAddress("akvoflow-1", "api", "v2"),)
    assert parse_host(f"x-dot-{tail}") == (
        AppAddress("akvoflow-1", "x"),
        AppAddress("akvoflow-1", "default", "x"),
    )
