"""Every instance gets its own descriptor and what it says, and nobody else's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
WORKING = ["flow-uat1", "flow-uat2", *(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))]
DEPLOYED_AS = "WEB-INF/appengine-web.xml"


def _text(name: str, inside: str = "") -> str:
    properties = f'<system-properties><property name="alias" value="{name}"/></system-properties>'
    return (
        '<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">\n'
        f"<application>{name}</application>\n{properties}\n{inside}\n</appengine-web-app>\n"
    )


@pytest.fixture
def fleet(project: Project) -> Project:
    """The fleet with a descriptor for each instance that is not skipped."""
    for number, name in enumerate(WORKING, 2):
        scaling = f"<max-instances>{number}</max-instances>"
        project.write(
            f"flows/{name}/appengine-web.xml",
            _text(name, f"<automatic-scaling>{scaling}</automatic-scaling>"),
        )
    project.edit(
        "config/instances.yaml", "instances:\n", "descriptors: flows\nrecords: local\ninstances:\n"
    )
    project.edit("build.py", "print(", f'(staging / "{DEPLOYED_AS}").write_text("of uat2")\nprint(')
    _commit(project)
    return project


def _commit(project: Project) -> None:
    project.git("add", ".")
    project.commit()
    project.git("tag", "-f", RELEASE)


def _version(project: Project, name: str) -> Any:
    path = f"/v1/apps/{name}/services/default/versions/{RELEASE}?view=FULL"
    return project.remote.call("GET", path)


def _details(project: Project) -> list[str]:
    report = project.report("run", RELEASE)
    assert (report["exit_code"], report["outcome"]) == (4, "refused")
    changes = [c for c in project.remote.changes() if "/v1/" in c or "/repo/" in c]
    assert changes == []
    details: list[str] = report["error"]["details"]
    return details


def _sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_each_instance_gets_its_own_descriptor_and_what_it_says(fleet: Project) -> None:
    report = fleet.report("run", RELEASE)
    assert report["exit_code"] == 0
    for number, name in enumerate(WORKING, 2):
        if name == "flow-uat2":
            continue  # no release goes there
        version = _version(fleet, name)
        scheduler = version["automaticScaling"]["standardSchedulerSettings"]
        assert scheduler == {"maxInstances": number}
        own = _sha1(fleet.root / f"flows/{name}/appengine-web.xml")
        assert version["deployment"]["files"][DEPLOYED_AS]["sha1Sum"].replace("_", "") == own
        objects = fleet.remote.call("GET", f"/storage/v1/b/staging.{name}.appspot.com/o")["items"]
        names = {item["name"] for item in objects}
        others = {_sha1(p) for p in (fleet.root / "flows").glob("*/appengine-web.xml")} - {own}
        assert own in names
        assert not names & others, "nobody else's"
        assert hashlib.sha1(b"of uat2", usedforsecurity=False).hexdigest() not in names


def test_the_same_again_is_unchanged_and_a_changed_descriptor_is_another_version(
    fleet: Project,
) -> None:
    fleet.report("run", RELEASE)
    again = fleet.report("run", RELEASE)
    assert {s["outcome"] for s in again["steps"] if s["instance"]} == {"unchanged"}
    path = "flows/akvoflow-3/appengine-web.xml"
    fleet.write(
        path,
        _text(
            "akvoflow-3",
            "<!-- changed -->"
            "<automatic-scaling><max-instances>6</max-instances></automatic-scaling>",
        ),
    )
    (detail,) = _details_after_first(fleet)
    assert detail == (
        f"akvoflow-3: version {RELEASE} exists with different files ({DEPLOYED_AS});"
        " --replace replaces it"
    )
    replaced = fleet.report("run", RELEASE, "--replace", "--allow-dirty")
    assert replaced["exit_code"] == 0
    done = {s["instance"] for s in replaced["steps"] if s["outcome"] == "done" and s["instance"]}
    assert done == {"akvoflow-3"}


def _details_after_first(project: Project) -> list[str]:
    report = project.report("run", RELEASE, "--allow-dirty")
    assert report["exit_code"] == 4
    details: list[str] = report["error"]["details"]
    return details


def test_all_that_is_wrong_is_found_before_anything_is_changed(fleet: Project) -> None:
    folder = fleet.root / "flows"
    (folder / "akvoflow-1/appengine-web.xml").unlink()
    fleet.write("flows/akvoflow-2/appengine-web.xml", "")
    fleet.write("flows/akvoflow-4/appengine-web.xml", _text("akvoflow-4", "<pagespeed/>\n<a-b/>"))
    fleet.write("flows/flow-uat1/appengine-web.xml", _text("flow-uat1", "<runtime>java8</runtime>"))
    _commit(fleet)
    one, two, three, four, uat = _details(fleet)
    assert one.startswith(f"akvoflow-1: {folder}/akvoflow-1/appengine-web.xml cannot be read")
    assert two.startswith(f"akvoflow-2: {folder}/akvoflow-2/appengine-web.xml:1: is no XML")
    assert three.startswith(f"akvoflow-4: {folder}/akvoflow-4/appengine-web.xml:4: <pagespeed>")
    assert four.startswith(f"akvoflow-4: {folder}/akvoflow-4/appengine-web.xml:5: <a-b>")
    assert "flow-uat1: " in uat
    assert "runtime cannot differ" in uat


def test_instances_that_are_left_out_need_none(fleet: Project) -> None:
    (fleet.root / "flows/akvoflow-1/appengine-web.xml").unlink()
    _commit(fleet)
    assert fleet.report("run", RELEASE, "--only", "akvoflow-2")["exit_code"] == 0


def test_the_folder_is_asked_for_by_a_run_and_not_by_the_check_of_the_configuration(
    fleet: Project,
) -> None:
    fleet.edit("config/instances.yaml", "descriptors: flows", "descriptors: nowhere")
    _commit(fleet)
    assert fleet.run("config", "check").code == 0
    report = fleet.report("run", RELEASE)
    assert report["exit_code"] == 4
    assert "nowhere does not exist" in report["error"]["message"]
    assert fleet.report("run", "some-branch", "--commit", "HEAD")["exit_code"] == 0


STAGED = "<ssl-enabled>false</ssl-enabled>" + (
    '<static-files><include path="/**.png" expiration="1d"/><exclude path="/a.png"/></static-files>'
)


def _stage_descriptor(project: Project, inside: str) -> None:
    text = 'pathlib.Path("staged.xml").read_text()'
    project.write("staged.xml", _text("flow-uat2", inside))
    project.edit("build.py", '"of uat2"', text)


def _give(project: Project, name: str, inside: str) -> str:
    path = f"flows/{name}/appengine-web.xml"
    project.write(path, _text(name, inside))
    return str(project.root / path)


def test_what_only_the_build_can_do_must_be_as_in_the_descriptor_of_the_build(
    fleet: Project,
) -> None:
    _stage_descriptor(fleet, STAGED)
    _give(fleet, "akvoflow-1", STAGED.replace("1d", " 24h ").replace("false", "0"))
    two = _give(
        fleet, "akvoflow-2", "<ssl-enabled>true</ssl-enabled>\n<public-root>/</public-root>"
    )
    three = _give(fleet, "akvoflow-3", STAGED.replace("1d", "2d") + "\n<staging/>")
    errors = '<static-error-handlers><handler file="/e.html"/></static-error-handlers>'
    four = _give(fleet, "akvoflow-4", errors)
    _commit(fleet)
    found = _details(fleet)
    says = "is not as in the WEB-INF/appengine-web.xml that was built, which decides for all"
    assert [line.partition(" instances; ")[0] for line in found] == [
        f"akvoflow-2: {two}:4: <ssl-enabled> {says}",
        f"akvoflow-3: {three}:4: <static-files> {says}",
        f"akvoflow-4: {four}:4: <static-error-handlers> {says}",
    ]
    assert found[0].endswith("write the same there and build again, or remove it")
    err = " ".join(fleet.run("plan", RELEASE).err.split())
    assert f"{three}:4: <static-files> {says}" in err


def test_without_a_descriptor_in_the_build_it_must_be_as_google_does_without_one(
    fleet: Project,
) -> None:
    _give(fleet, "akvoflow-1", "<ssl-enabled>true</ssl-enabled><static-files/><public-root/>")
    _give(fleet, "akvoflow-2", "<public-root>/static</public-root>")
    _commit(fleet)
    (detail,) = _details(fleet)
    assert "akvoflow-2/appengine-web.xml:4: <public-root> is not as in" in detail


def test_a_release_on_record_knows_what_its_build_has_decided(fleet: Project) -> None:
    _stage_descriptor(fleet, STAGED)
    _give(fleet, "akvoflow-1", STAGED)
    _commit(fleet)
    assert fleet.report("run", RELEASE, "--only", "akvoflow-1")["exit_code"] == 0
    _give(fleet, "akvoflow-2", STAGED)
    _give(fleet, "akvoflow-3", "<ssl-enabled>true</ssl-enabled>")
    assert fleet.report("deploy", RELEASE, "akvoflow-2")["exit_code"] == 0
    report = fleet.report("deploy", RELEASE, "akvoflow-3")
    assert report["exit_code"] == 4
    assert "<ssl-enabled> is not as in" in report["error"]["details"][0]


def test_of_an_old_record_it_is_not_known_and_the_report_says_so(fleet: Project) -> None:
    assert fleet.report("run", RELEASE, "--only", "akvoflow-1")["exit_code"] == 0
    (record,) = (fleet.root / ".flowdeploy").rglob(f"releases/{RELEASE}.json")
    content = json.loads(record.read_text())
    del content["descriptor"]
    record.write_text(json.dumps(content))
    _give(fleet, "akvoflow-2", "<ssl-enabled>false</ssl-enabled>")
    report = fleet.report("deploy", RELEASE, "akvoflow-2")
    assert report["exit_code"] == 0
    note = "whether <ssl-enabled> of appengine-web.xml is as in the build is not known"
    assert any(note in each for step in report["steps"] for each in step["notes"])


def test_the_runtime_channel_and_warm_up_requests_are_carried(fleet: Project) -> None:
    fleet.edit("build.py", "app_engine_apis: true", "inbound_services: [mail, warmup]")
    _give(
        fleet,
        "akvoflow-1",
        "<runtime-channel>nightly</runtime-channel>"
        "<warmup-requests-enabled>false</warmup-requests-enabled>",
    )
    _give(
        fleet, "akvoflow-2", "<inbound-services><service>mail_bounce</service></inbound-services>"
    )
    _commit(fleet)
    assert fleet.report("run", RELEASE)["exit_code"] == 0
    versions = [_version(fleet, f"akvoflow-{n}") for n in (1, 2, 3)]
    assert [version.get("runtimeChannel") for version in versions] == ["nightly", None, None]
    assert [version["inboundServices"] for version in versions] == [
        ["INBOUND_SERVICE_MAIL"],
        ["INBOUND_SERVICE_MAIL_BOUNCE", "INBOUND_SERVICE_WARMUP"],
        ["INBOUND_SERVICE_MAIL", "INBOUND_SERVICE_WARMUP"],
    ]
