"""A fleet as large as the real one, with descriptors of the real form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.conftest import Remote

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
PRODUCTION = [f"akvoflow-{number}" for number in range(1, 111)]
FLEET = ["flow-uat1", "flow-uat2", *PRODUCTION]
STATIC = '<static-files><include path="/**.png" expiration="1d"/></static-files>'


def descriptor(name: str, more: str = "") -> str:
    number = int(name.rpartition("-")[2].removeprefix("uat"))
    size = "<instance-class>F4</instance-class>" if number % 20 == 0 else ""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">
  <application>{name}</application>
  <version>1</version>
  <runtime>java21</runtime>
  {size}
  <automatic-scaling>
    <max-instances>{number % 9 + 1}</max-instances>
    <max-concurrent-requests>20</max-concurrent-requests>
  </automatic-scaling>
  <sessions-enabled>true</sessions-enabled>
  <system-properties>
    <property name="alias" value="{name}.example.org"/>
    <property name="s3bucket" value="{name}-bucket"/>
    <property name="aws_secret_key" value="secret-of-{name}"/>
  </system-properties>
  {STATIC}{more}
</appengine-web-app>
"""


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    with Sandbox(tmp_path / "sandbox", [App(name) for name in FLEET]) as sandbox:
        yield Remote(sandbox.url)


@pytest.fixture
def fleet(project: Project) -> Project:
    head = (project.root / "config/instances.yaml").read_text().partition("instances:\n")[0]
    roles = [name.removeprefix("flow-") if "uat" in name else "production" for name in FLEET]
    entries = [
        f"  - {{id: {name}, role: {role}, alias: {name}.example.org}}\n"
        for name, role in zip(FLEET, roles, strict=True)
    ]
    project.write(
        "config/instances.yaml",
        f"{head}records: local\ndescriptors: {{directory: flows, alias: alias}}\n"
        f"instances:\n{''.join(entries)}",
    )
    for name in FLEET:
        project.write(f"flows/{name}/appengine-web.xml", descriptor(name))
    project.edit(
        "build.py",
        "print(",
        'shutil.copy("flows/flow-uat2/appengine-web.xml", staging / "WEB-INF")\nprint(',
    )
    project.edit("build.py", "import json", "import shutil, json")
    project.git("add", ".")
    project.commit()
    project.git("tag", "-f", RELEASE)
    return project


def _version(project: Project, name: str) -> Any:
    path = f"/v1/apps/{name}/services/default/versions/{RELEASE}?view=FULL"
    return project.remote.call("GET", path)


@pytest.mark.slow
def test_it_is_released_promoted_and_rolled_back_and_everybody_has_their_own(
    fleet: Project,
) -> None:
    assert fleet.run("config", "check", "--strict").code == 0
    assert fleet.report("run", RELEASE)["exit_code"] == 0
    assert fleet.report("promote", RELEASE, "all")["exit_code"] == 0
    sums = set()
    for number, name in enumerate(PRODUCTION, 1):
        version = _version(fleet, name)
        scaling = version["automaticScaling"]
        assert scaling["standardSchedulerSettings"]["maxInstances"] == number % 9 + 1
        assert (version.get("instanceClass") == "F4") == (number % 20 == 0)
        sums.add(version["deployment"]["files"]["WEB-INF/appengine-web.xml"]["sha1Sum"])
        service = fleet.remote.call("GET", f"/v1/apps/{name}/services/default")
        assert service["split"]["allocations"] == {RELEASE: 1}
    assert len(sums) == len(PRODUCTION)
    assert fleet.report("rollback", "all")["exit_code"] == 0
    service = fleet.remote.call("GET", "/v1/apps/akvoflow-7/services/default")
    assert service["split"]["allocations"] == {"1": 1}


def test_the_same_complaint_of_all_is_one_line(fleet: Project) -> None:
    wrong = PRODUCTION[:109]
    for name in wrong:
        fleet.write(f"flows/{name}/appengine-web.xml", descriptor(name, "\n<pagespeed/>"))
    at = descriptor("akvoflow-1", "\n<pagespeed/>").partition("<pagespeed")[0].count("\n") + 1
    path = fleet.root / "flows/<id>/appengine-web.xml"
    line = f"109 instances: {path}:{at}: <pagespeed> is not supported; remove it"
    names = ", ".join(sorted(wrong))

    ended = fleet.run("run", RELEASE, "--allow-dirty")
    assert ended.code == 4
    assert _joined(ended.out).count("<pagespeed>") == 1
    assert line in _joined(ended.out)
    assert names not in _joined(ended.out)
    ended = fleet.run("run", RELEASE, "--allow-dirty", "--verbose")
    whole = line.replace("109 instances", names)
    assert whole in _joined(ended.out)
    report = fleet.report("run", RELEASE, "--allow-dirty")
    details = report["error"]["details"]
    assert details == [whole]

    ended = fleet.run("plan", RELEASE)
    assert _joined(ended.err).count("<pagespeed>") == 1
    assert f"Note: {line}" in _joined(ended.err)
    ended = fleet.run("plan", RELEASE, "--verbose")
    assert f"would be refused: {whole}" in _joined(ended.err)
    assert _joined(ended.err).count("<pagespeed>") == 1

    ended = fleet.run("config", "check")
    checked = line.replace(f":{at}: ", f":{at}:1: ")
    assert (ended.code, _joined(ended.err).count("<pagespeed>")) == (2, 1)
    assert checked in _joined(ended.err)
    assert f"{', '.join(wrong)}: " in _joined(fleet.run("config", "check", "-v").err)
    document = fleet.run("config", "check", "--format", "json").json
    assert len(document["problems"]) == 109

    shown = _joined(fleet.run("status", "--drift").out)
    assert shown.count("<pagespeed>") == 1
    assert "109 instances - - - - - REFUSED: " in shown

    ended = fleet.run("promote", RELEASE, "all", "--dry-run")
    line = f"would be refused: 110 instances: version {RELEASE} is not deployed"
    assert (ended.code, _joined(ended.err).count("is not deployed")) == (4, 1)
    assert line in _joined(ended.err)
    ended = fleet.run("promote", RELEASE, "all")
    assert f"REFUSED on 110 instances version {RELEASE} is not deployed" in _joined(ended.out)


def test_the_same_drift_of_all_is_one_row(fleet: Project) -> None:
    for name in FLEET:
        text = descriptor(name).replace("<runtime>java21</runtime>", "")
        fleet.write(f"flows/{name}/appengine-web.xml", text)
    field = "automatic_scaling.max_concurrent_requests"
    rows = fleet.run("status", "--drift", "--format", "json").json
    assert len([row for row in rows if row["field"] == field]) == 112
    shown = _joined(fleet.run("status", "--drift").out)
    assert f"112 instances 1 {field} - 20 descriptor <id>/appengine-web.xml" in shown
    assert shown.count(field) == 1
    assert _joined(fleet.run("status", "--drift", "--verbose").out).count(field) == 112


def _joined(text: str) -> str:
    return " ".join(text.split())
