"""A tenth of all calls fails, all over a fleet: it is deployed to and promoted all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.conftest import Remote

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
FAULTS = 0.1
BUILT = {"index.html", "WEB-INF/web.xml", "WEB-INF/copy.xml"}
REFUSES = "akvoflow-7"  # where one of them does
HUNDRED = pytest.param(100, marks=pytest.mark.slow)
HEAD = """\
build:
  commands: [python3 build.py]
  staging: target/staging
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
"""


def names(size: int) -> list[str]:
    return [f"akvoflow-{number}" for number in range(1, size + 1)]


def instance_class(name: str) -> str:
    """Every instance's own, so that no other's is taken for it."""
    return f"F{2 ** (int(name.rpartition('-')[2]) % 3)}"


def instance(name: str) -> str:
    settings = f"{{instance_class: {instance_class(name)}}}"
    return f"  - {{id: {name}, role: production, settings: {settings}}}\n"


@pytest.fixture
def remote(tmp_path: Path, size: int) -> Iterator[Remote]:
    apps = [App(name) for name in ("flow-uat1", "flow-uat2", *names(size))]
    with Sandbox(tmp_path / "sandbox", apps) as sandbox:
        yield Remote(sandbox.url)


@pytest.fixture
def fleet(project: Project, size: int) -> Project:
    """A release of a fleet of that size, checked out and not yet deployed."""
    project.write("config/instances.yaml", HEAD + "".join(map(instance, names(size))))
    project.release(RELEASE, "released ")
    return project


def misbehave(remote: Remote, *, seed: int) -> None:
    remote.settings(fault_rate=FAULTS, seed=seed)


def behave(remote: Remote) -> None:
    """So that nothing keeps a test from seeing how things stand."""
    remote.settings(fault_rate=0)
    remote.call("DELETE", "/_sandbox/faults")


def version(remote: Remote, name: str) -> Any:
    path = f"/v1/apps/{name}/services/default/versions/{RELEASE}?view=FULL"
    return remote.call("GET", path)


def check_deployed(remote: Remote, name: str) -> None:
    there = version(remote, name)
    assert there["instanceClass"] == instance_class(name)
    assert there["deployment"]["files"].keys() >= BUILT


def step_of(report: Any, name: str) -> Mapping[str, Any]:
    """The step that was to change the instance."""
    (found,) = (
        step for step in report["steps"] if step["instance"] == name and step["action"] != "verify"
    )
    return dict(found)


def strikes(remote: Remote) -> int:
    """How many requests have failed by chance."""
    return sum(1 for request in remote.requests() if request["fault"])


@pytest.mark.parametrize("size", [10, HUNDRED])
def test_a_tenth_of_all_calls_fails_and_all_is_right(fleet: Project, size: int) -> None:
    remote = fleet.remote
    misbehave(remote, seed=5)
    assert fleet.report("run", RELEASE)["exit_code"] == 0
    assert fleet.report("promote", RELEASE, "all")["exit_code"] == 0
    behave(remote)
    assert strikes(remote) > size
    for name in names(size):
        check_deployed(remote, name)
        assert remote.begun(name) == ["CreateVersion", "UpdateService"]
        assert remote.live(name) == {RELEASE: 1}


@pytest.mark.parametrize("size", [HUNDRED])
def test_one_that_refuses_is_dark_and_all_others_are_live(fleet: Project, size: int) -> None:
    """A tenth of all calls fails besides."""
    remote = fleet.remote
    misbehave(remote, seed=8)
    assert fleet.report("run", RELEASE)["exit_code"] == 0
    remote.fault("permission", project=REFUSES, method="PATCH")
    report = fleet.report("promote", RELEASE, "all", "--max-failures", "1")
    behave(remote)
    assert (report["exit_code"], report["outcome"]) == (3, "partial")
    refused = step_of(report, REFUSES)
    assert (refused["outcome"], refused["state"]) == ("failed", "dark")
    assert refused["error"]["code"] == "PERMISSION_DENIED"
    for name in names(size):
        moved = name != REFUSES
        assert remote.live(name) == ({RELEASE: 1} if moved else {"1": 1})
        assert remote.begun(name) == ["CreateVersion", *(["UpdateService"] if moved else [])]


@pytest.mark.parametrize("size", [HUNDRED])
def test_one_that_cannot_be_deployed_to_keeps_no_other(fleet: Project, size: int) -> None:
    remote = fleet.remote
    misbehave(remote, seed=9)
    remote.fault("permission", project=REFUSES, method="POST", target="/v1/*")
    report = fleet.report("run", RELEASE, "--max-failures", "1")
    behave(remote)
    assert (report["exit_code"], step_of(report, REFUSES)["outcome"]) == (3, "failed")
    assert remote.begun(REFUSES) == []
    for name in names(size):
        if name != REFUSES:
            check_deployed(remote, name)
            assert step_of(report, name)["state"] == "dark"
            assert remote.begun(name) == ["CreateVersion"]
            assert remote.live(name) == {"1": 1}
