"""What a plan says of each instance's settings, and where they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
XMLNS = "http://appengine.google.com/ns/1.0"
APP_YAML = """\
runtime: java21
instance_class: F1
automatic_scaling: {max_instances: 5}
env_variables: {TOKEN: s3cret, OTHER: s3cret}
build_env_variables: {BUILD_TOKEN: s3cret}
"""


@pytest.fixture
def fleet(project: Project) -> Project:
    """A fleet with descriptors, and settings of akvoflow-2 in the configuration."""
    for name in ("flow-uat1", *(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))):
        most = 20 if name == "akvoflow-3" else 10
        project.write(
            f"flows/{name}/appengine-web.xml",
            f'<appengine-web-app xmlns="{XMLNS}"><automatic-scaling><max-instances>{most}'
            '</max-instances></automatic-scaling><system-properties><property name="key"'
            ' value="s3cret"/></system-properties></appengine-web-app>',
        )
    project.edit("config/instances.yaml", "instances:\n", "descriptors: flows\ninstances:\n")
    project.edit(
        "config/instances.yaml",
        "wave: small}",
        "wave: small, settings: {instance_class: F4, env_variables: {TOKEN: s3cret}}}",
    )
    return project


def _plan(project: Project, *options: str) -> Any:
    return project.run("plan", RELEASE, "--format", "json", *options).json


def test_settings_are_known_once_there_is_an_app_yaml(fleet: Project) -> None:
    assert _plan(fleet)["settings"] is None
    assert "Settings: known after build" in fleet.run("plan", RELEASE, "--verbose").out
    fleet.write("target/staging/app.yaml", APP_YAML)
    settings = _plan(fleet)["settings"]
    assert settings.keys() == {"flow-uat1", *(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))}
    assert settings["akvoflow-2"] == {
        "runtime": {"value": "java21", "from": "app.yaml"},
        "automatic_scaling": {
            "value": {"max_instances": 10},
            "from": "descriptor akvoflow-2/appengine-web.xml",
        },
        "instance_class": {"value": "F4", "from": "instances.yaml"},
        "env_variables.TOKEN": {"value": "***", "from": "instances.yaml"},
        "env_variables.OTHER": {"value": "***", "from": "app.yaml"},
        "build_env_variables": {"value": {"BUILD_TOKEN": "***"}, "from": "app.yaml"},
    }


def test_people_see_what_is_alike_once(fleet: Project) -> None:
    fleet.write("target/staging/app.yaml", APP_YAML)
    out = " ".join(fleet.run("plan", RELEASE, "--verbose").out.split())
    assert "runtime = java21, from app.yaml" in out
    assert 'automatic_scaling = {"max_instances": 20}, from descriptor, on akvoflow-3' in out
    assert "instance_class = F4, from instances.yaml, on akvoflow-2" in out
    assert "automatic_scaling" not in fleet.run("plan", RELEASE).out


@pytest.mark.parametrize("form", ["json", "table"])
def test_no_credential_is_shown(fleet: Project, form: str) -> None:
    fleet.write("target/staging/app.yaml", APP_YAML)
    ended = fleet.run("plan", RELEASE, "--verbose", "--format", form)
    assert ended.code == 0
    assert "s3cret" not in ended.out + ended.err


def test_verbose_reads_how_the_instances_stand(fleet: Project) -> None:
    fleet.remote.put_version("akvoflow-3", RELEASE)
    rows = {row["instance"]: row for row in _plan(fleet, "--verbose")["fleet"]}
    assert (rows["akvoflow-3"]["state"], rows["akvoflow-4"]["state"]) == ("dark", "missing")
    assert "fleet" not in _plan(fleet)


def test_a_fleet_that_cannot_be_read_is_a_note(fleet: Project) -> None:
    fleet.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    fleet.monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    ended = fleet.run("plan", RELEASE, "--verbose", "--format", "json")
    assert ended.code == 0
    assert "fleet" not in ended.json
    assert "the fleet could not be read" in ended.err


def test_what_would_be_refused_is_a_note(fleet: Project) -> None:
    fleet.write("target/staging/app.yaml", APP_YAML)
    fleet.write("flows/akvoflow-4/appengine-web.xml", "<html/>")
    ended = fleet.run("plan", RELEASE, "--format", "json")
    assert "akvoflow-4" not in ended.json["settings"]
    assert "akvoflow-4/appengine-web.xml:1: is <html>" in ended.err
    fleet.edit("config/instances.yaml", "descriptors: flows", "descriptors: nowhere")
    ended = fleet.run("plan", RELEASE, "--format", "json")
    assert (ended.code, ended.json["settings"]) == (0, None)
    assert "nowhere does not exist" in ended.err


def test_a_promotion_sets_nothing(fleet: Project) -> None:
    assert fleet.run("plan", f"promote-{RELEASE}", "--format", "json").json["settings"] == {}


def test_direct_vpc_egress_and_bundled_services_are_sent_and_compared(project: Project) -> None:
    """Google's client library has no field for either."""
    project.edit(
        "build.py",
        "app_engine_apis: true",
        "vpc_access: {network_interface: {network: net, subnet: s}, vpc_egress: all-traffic}\\n"
        "app_engine_bundled_services: [mail, user]",
    )
    report = project.report("run", RELEASE, "--allow-dirty")
    assert (report["exit_code"], report["outcome"]) == (0, "succeeded")
    path = f"/v1/apps/akvoflow-1/services/default/versions/{RELEASE}?view=FULL"
    version = project.remote.call("GET", path)
    assert version["vpcAccess"] == {
        "networkInterfaces": [{"network": "net", "subnet": "s"}],
        "vpcEgress": "ALL_TRAFFIC",
    }
    assert version["appEngineBundledServices"] == [
        "BUNDLED_SERVICE_TYPE_MAIL",
        "BUNDLED_SERVICE_TYPE_USERS",
    ]
    assert project.run("status", RELEASE, "--drift").code == 0
    again = project.report("run", RELEASE, "--allow-dirty")
    assert {s["outcome"] for s in again["steps"] if s["action"] == "deploy"} == {"unchanged"}
    project.edit(
        "config/instances.yaml",
        "akvoflow-3, role: production",
        "akvoflow-3, role: production,"
        " settings: {vpc_access: {network_interface: {subnet: other}}}",
    )
    rows = project.run("status", RELEASE, "--drift", "--format", "json").json
    assert [(row["instance"], row["field"], row["from"]) for row in rows] == [
        ("akvoflow-3", "vpc_access.network_interfaces.0.subnet", "instances.yaml")
    ]
