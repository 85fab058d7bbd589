"""No customer gets another's descriptor, and no customer is forgotten."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
NAMES = ("flow-uat1", "flow-uat2", *(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5)))


def descriptor(name: str, alias: str = "") -> str:
    return (
        '<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">\n'
        f"<application>{name}</application>\n"
        f'<system-properties><property name="alias" value="{alias or name}"/>\n'
        f'<property name="secret" value="hunter-{name}"/></system-properties>\n'
        "</appengine-web-app>\n"
    )


@pytest.fixture
def fleet(project: Project) -> Project:
    for name in NAMES:
        project.write(f"flows/{name}/appengine-web.xml", descriptor(name))
    project.edit(
        "config/instances.yaml", "instances:\n", "descriptors: flows\nrecords: local\ninstances:\n"
    )
    return project


def _copy(project: Project, source: str, target: str) -> str:
    paths = [project.root / f"flows/{name}/appengine-web.xml" for name in (source, target)]
    shutil.copyfile(*paths)
    return str(paths[1])


def _refusal(project: Project, *command: str) -> list[str]:
    report = project.report(*command, "--allow-dirty")
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    assert [c for c in project.remote.changes() if c.startswith("POST /v1")] == []
    details: list[str] = report["error"]["details"]
    return details


def _check(project: Project, *options: str) -> Any:
    ended = project.run("config", "check", "--format", "json", *options)
    return ended.code, ended.json


def test_the_descriptor_of_another_project_is_refused_before_anything(fleet: Project) -> None:
    path = _copy(fleet, "akvoflow-1", "akvoflow-4")
    (detail,) = _refusal(fleet, "run", RELEASE)
    assert detail == (
        f"akvoflow-4: {path}:2: <application> is akvoflow-1, and akvoflow-4 is the project"
        " akvoflow-4; put its own descriptor there, or write akvoflow-4"
    )


def test_the_check_of_the_configuration_refuses_it_too(fleet: Project) -> None:
    path = _copy(fleet, "akvoflow-1", "akvoflow-4")
    code, document = _check(fleet)
    assert code == 2
    (problem,) = document["problems"]
    assert (problem["file"], problem["line"]) == (path, 2)
    assert "<application> is akvoflow-1" in problem["message"]
    ended = fleet.run("config", "check")
    assert ended.code == 2
    assert f"{path}:2:1: <application> is akvoflow-1" in " ".join(ended.err.split())


def test_the_project_the_id_and_an_old_application_id_are_the_instances_own(fleet: Project) -> None:
    fleet.edit("config/instances.yaml", "akvoflow-4, role", "akvoflow-4, project: flow-4, role")
    for own in ("flow-4", "akvoflow-4", "s~flow-4", ""):
        fleet.write(
            "flows/akvoflow-4/appengine-web.xml", descriptor("x").replace(">x<", f">{own}<")
        )
        assert _check(fleet)[0] == 0, own


def test_a_system_property_must_name_the_instance_if_the_configuration_says_so(
    fleet: Project,
) -> None:
    fleet.edit(
        "config/instances.yaml",
        "descriptors: flows",
        "descriptors: {directory: flows, alias: alias}",
    )
    assert _check(fleet)[0] == 0
    fleet.write("flows/akvoflow-4/appengine-web.xml", descriptor("akvoflow-4", "other"))
    fleet.write("flows/akvoflow-5/appengine-web.xml", "<appengine-web-app/>")
    four, five = _refusal(fleet, "run", RELEASE)
    assert "appengine-web.xml:3: the system property alias is not that of akvoflow-4" in four
    assert "there is no system property alias; add it, with the value akvoflow-5" in five
    assert "other" not in four.replace("another", "")
    fleet.edit("config/instances.yaml", "akvoflow-4, role", "akvoflow-4, alias: other, role")
    fleet.write("flows/akvoflow-5/appengine-web.xml", descriptor("akvoflow-5"))
    assert _check(fleet)[0] == 0


def test_equal_descriptors_are_a_warning_of_check_plan_and_run(fleet: Project) -> None:
    for name in ("akvoflow-1", "akvoflow-4"):
        fleet.write(f"flows/{name}/appengine-web.xml", "<appengine-web-app/>\n")
    line = "akvoflow-1, akvoflow-4 have the same appengine-web.xml, byte for byte"
    code, document = _check(fleet)
    assert (code, [w for w in document["warnings"] if line in w]) == (
        0,
        [f"{line}; give each its own"],
    )
    assert line in " ".join(fleet.run("plan", RELEASE).err.split())
    report = fleet.report("run", RELEASE, "--allow-dirty")
    assert (report["exit_code"], report["remarks"]) == (0, [line])


def test_many_equal_descriptors_are_one_line(fleet: Project) -> None:
    for name in NAMES:
        fleet.write(f"flows/{name}/appengine-web.xml", "<appengine-web-app/>\n")
    (warning,) = _check(fleet)[1]["warnings"]
    assert warning.startswith("flow-uat1, flow-uat2, akvoflow-1 and 4 more have the same")


def test_a_descriptor_without_an_instance_is_a_forgotten_customer(fleet: Project) -> None:
    fleet.write("flows/akvoflow-24/appengine-web.xml", descriptor("flow-24"))
    fleet.write("flows/akvoflow-25/appengine-web.xml", descriptor("akvoflow-25"))
    fleet.write("flows/akvoflow-25/.skip-deployment", "")
    fleet.write("flows/README.md", "")
    code, document = _check(fleet)
    assert (code, document["warnings"]) == (
        0,
        [
            "akvoflow-24 has a descriptor and is no instance; add to instances:"
            " `- {id: akvoflow-24, project: flow-24, role: production}`"
        ],
    )
    ended = fleet.run("config", "check")
    assert "Note: akvoflow-24 has a descriptor and is no instance" in " ".join(ended.err.split())
    assert _check(fleet, "--strict")[0] == 2
    ended = fleet.run("config", "check", "--strict")
    assert ended.code == 2
    assert "akvoflow-24 has a descriptor and is no instance" in " ".join(ended.err.split())


def test_an_instance_without_a_descriptor_is_one_too_where_others_have_one(fleet: Project) -> None:
    path = fleet.root / "flows/akvoflow-4/appengine-web.xml"
    path.unlink()
    message = "akvoflow-4 has no descriptor, and others have one"
    code, document = _check(fleet)
    assert code == 0
    assert document["warnings"] == [
        f'{message}; add {path}, or write `skip: "WHY"` at the instance'
    ]
    code, document = _check(fleet, "--strict")
    assert (code, [p["message"] for p in document["problems"]]) == (2, [message])
    fleet.write("flows/akvoflow-4/.skip-deployment", "")
    assert _check(fleet, "--strict")[0] == 0


def test_an_app_yaml_that_names_a_project_is_refused(fleet: Project) -> None:
    fleet.edit("build.py", "runtime: java21", "application: akvoflow-1\\nruntime: java21")
    report = fleet.report("run", RELEASE, "--allow-dirty")
    assert report["exit_code"] == 4
    assert "application is not read from the file" in json.dumps(report)
