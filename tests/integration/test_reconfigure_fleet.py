"""A whole fleet with descriptors of its own: released, promoted, one customer reconfigured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.conftest import Remote

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
UATS = ("flow-uat1", "flow-uat2")
CUSTOMER = "akvoflow-7"
FLEET_OF_112 = pytest.param(110, marks=pytest.mark.slow)
HEAD = """\
build: {commands: [python3 build.py], staging: target/staging}
descriptors: ../config
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
"""


def names(size: int) -> list[str]:
    return [f"akvoflow-{number}" for number in range(1, size + 1)]


def descriptor(name: str, credential: str) -> str:
    """As a customer's is: an alias, credentials as system properties, a class for its size."""
    instance_class = f"F{2 ** (sum(map(ord, name)) % 3)}"
    return f"""\
<?xml version="1.0" encoding="utf-8"?>
<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">
  <application>{name}</application>
  <threadsafe>true</threadsafe>
  <sessions-enabled>true</sessions-enabled>
  <instance-class>{instance_class}</instance-class>
  <system-properties>
    <property name="java.util.logging.config.file" value="WEB-INF/logging.properties"/>
    <property name="alias" value="{name}.example.org"/>
    <property name="restPrivateKey" value="{credential}"/>
    <property name="aws_secret_key" value="{credential} of {name}"/>
  </system-properties>
  <env-variables><env-var name="REST_KEY" value="{credential} of {name}"/></env-variables>
</appengine-web-app>
"""


def describe(project: Project, name: str, credential: str) -> None:
    folder = project.root.parent / "config" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "appengine-web.xml").write_text(descriptor(name, credential))


@pytest.fixture
def remote(tmp_path: Path, size: int) -> Iterator[Remote]:
    apps = [App(name) for name in (*UATS, *names(size))]
    with Sandbox(tmp_path / "sandbox", apps) as sandbox:
        yield Remote(sandbox.url)


def version(project: Project, name: str, version_id: str) -> Any:
    path = f"/v1/apps/{name}/services/default/versions/{version_id}?view=FULL"
    return project.remote.call("GET", path)


@pytest.mark.parametrize("size", [8, FLEET_OF_112])
def test_one_customer_of_a_fleet_is_reconfigured_and_rolled_back(
    project: Project, size: int
) -> None:
    rows = "".join(f"  - {{id: {name}, role: production}}\n" for name in names(size))
    project.write("config/instances.yaml", HEAD + rows)
    for name in (*UATS, *names(size)):
        describe(project, name, "first")
    project.release(RELEASE, "released ")
    assert project.report("run", RELEASE)["exit_code"] == 0
    assert project.report("promote", RELEASE, "all")["exit_code"] == 0
    project.leave_git()
    project.write("build.py", "raise SystemExit('the build must not run')")

    describe(project, CUSTOMER, "second")
    project.remote.forget()
    ended = project.run("reconfigure", "all", "--dry-run")
    assert ended.code == 0
    assert "second" not in ended.out + ended.err
    assert f"{RELEASE}-r1, dark on {CUSTOMER}" in " ".join(ended.out.split())
    assert project.remote.changes() == []

    assert project.report("reconfigure", "all")["exit_code"] == 0
    changes = {path.split("/")[3] for path in project.remote.changes()}
    assert changes == {CUSTOMER}, "no other customer was touched"
    assert project.remote.live(CUSTOMER) == {f"{RELEASE}-r1": 1}
    there = version(project, CUSTOMER, f"{RELEASE}-r1")
    assert there["envVariables"] == {"REST_KEY": f"second of {CUSTOMER}"}
    assert project.report("reconfigure", "all")["steps"] == [], "nothing differs any more"

    assert project.report("rollback", CUSTOMER)["exit_code"] == 0
    for name in names(size):
        assert project.remote.live(name) == {RELEASE: 1}
        there = version(project, name, RELEASE)
        assert there["envVariables"] == {"REST_KEY": f"first of {name}"}
