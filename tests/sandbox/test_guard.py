"""Requests that web pages can have a browser send are refused; those of tools are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from flowdeploy.sandbox.guard import host_name, is_loopback
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

APP = "/v1/apps/akvoflow-1"
FAULTS = "/_sandbox/faults"
FAULT = b'{"kind": "unavailable", "project": "nobody"}'


def _status(sandbox: Sandbox, method: str, path: str, headers: dict[str, str]) -> int:
    body = FAULT if method == "POST" else None
    url = sandbox.url + path
    return requests.request(method, url, data=body, headers=headers, timeout=5).status_code


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1:1", "127.8.9.10", "[::1]", "[::1]:8080"],
)
def test_names_of_loopback_are_answered(sandbox: Sandbox, host: str) -> None:
    assert _status(sandbox, "GET", APP, {"Host": host}) == 200
    assert _status(sandbox, "POST", FAULTS, {"Host": host}) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"),
        *("192.0.2.1", "192.0.2.1:80", "[::]", "sandbox", "appspot.com", "evilappspot.com", ""),
        *("[", "127.0.0.1 evil.example"),
    ],
)
def test_other_names_are_refused(sandbox: Sandbox, host: str) -> None:
    for path in (APP, FAULTS, "/_sandbox/state", "/storage/v1/b", "/nowhere"):
        answer = requests.get(sandbox.url + path, headers={"Host": host}, timeout=5)
        assert answer.status_code in (400, 403)
        assert "akvoflow-1" not in answer.text


def test_the_name_of_an_application_gets_its_page_and_no_api(sandbox: Sandbox) -> None:
    host = {"Host": "akvoflow-1.ew.r.appspot.com"}
    for path in ("/", APP, "/_sandbox/state", FAULTS):
        answer = requests.get(sandbox.url + path, headers=host, timeout=5)
        assert answer.json() == {
            "project": "akvoflow-1",
            "service": "default",
            "version": "1",
            "path": path,
        }


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_pages_of_other_sites_change_nothing_of_the_control_api(
    sandbox: Sandbox, method: str, headers: dict[str, str]
) -> None:
    path = "/_sandbox/settings" if method == "PATCH" else FAULTS
    assert _status(sandbox, method, path, headers) == 403
    assert requests.get(sandbox.url + FAULTS, timeout=5).json() == {"faults": []}


def test_pages_of_other_sites_change_nothing_elsewhere(sandbox: Sandbox) -> None:
    path = f"{sandbox.url}/storage/v1/b?project=akvoflow-1"
    for site, origin, code in (
        ("cross-site", "https://evil.example", 403),
        ("same-site", "http://localhost:3000", 200),
    ):
        headers = {"Sec-Fetch-Site": site, "Origin": origin}
        answer = requests.post(path, json={"name": "a-bucket"}, headers=headers, timeout=5)
        assert answer.status_code == code


def test_tools_and_the_sandboxs_own_pages_may_change_it(sandbox: Sandbox) -> None:
    for headers in (
        {},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-www-form-urlencoded"},  # curl -d
        {"Origin": sandbox.url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert _status(sandbox, "POST", FAULTS, headers) == 200


def test_the_address_that_it_listens_on_and_names_given_are_answered(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state", [App("akvoflow-1")], allowed_hosts=["Sandbox"]) as sandbox:
        for host, code in (("sandbox:1", 200), ("SANDBOX", 200), ("sandbox.evil", 403)):
            assert _status(sandbox, "GET", APP, {"Host": host}) == code


def test_hosts_are_read_as_urls_have_them() -> None:
    assert [host_name(host) for host in ("a:1", "[::1]:2", "[::1", "")] == ["a", "::1", "", ""]
    assert is_loopback("::1")
    assert not is_loopback("::")
