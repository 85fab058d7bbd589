"""How every instance stands, and how far it is from how it should be."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
FLEET = ["flow-uat1", "flow-uat2", *(f"akvoflow-{n}" for n in (1, 2, 3, 37, 4, 5))]
XMLNS = "http://appengine.google.com/ns/1.0"


def _status(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The rows by instance."""
    ended = project.run("status", *arguments, "--format", "json")
    assert ended.code == code, ended.err
    return {row["instance"]: row for row in ended.json}


def _drift(project: Project, *arguments: str, code: int = 4) -> list[dict[str, Any]]:
    ended = project.run("status", *arguments, "--drift", "--format", "json")
    assert ended.code == code, ended.err
    rows: list[dict[str, Any]] = ended.json
    return rows


def _descriptors(project: Project, inside: str = "") -> None:
    """Give every instance a descriptor, and the fleet a folder for them."""
    for name in FLEET:
        project.write(
            f"flows/{name}/appengine-web.xml",
            f'<appengine-web-app xmlns="{XMLNS}">{inside}<!-- {name} --></appengine-web-app>\n',
        )


def _fleet_with_descriptors(project: Project, inside: str) -> None:
    _descriptors(project, inside)
    project.edit("config/instances.yaml", "instances:\n", "descriptors: flows\ninstances:\n")
    project.git("add", ".")
    project.commit()
    project.git("tag", "-f", RELEASE)


def test_every_instance_has_a_row(project: Project) -> None:
    project.remote.put_version("akvoflow-1", "2")
    project.remote.put_version("akvoflow-1", "3")
    before = project.remote.changes()
    rows = _status(project)
    assert project.remote.changes() == before
    assert list(rows) == FLEET
    assert rows["akvoflow-1"] == {
        "instance": "akvoflow-1",
        "project": "akvoflow-1",
        "service": "default",
        "role": "production",
        "wave": "internal",
        "live": {"1": 1},
        "dark": ["3", "2"],
        "previous": None,
        "room": 207,
        "operations": [],
        "skip": None,
        "error": None,
    }
    assert rows["akvoflow-37"]["skip"] == "closed in 2019"
    assert rows["akvoflow-37"]["live"] is None, "what is skipped is left alone"
    assert project.remote.requests("*", "*akvoflow-37*") == []


def test_a_version_is_live_dark_or_missing(project: Project) -> None:
    project.report("run", RELEASE, "--only", "akvoflow-1,akvoflow-2")
    project.report("promote", RELEASE, "akvoflow-1")
    rows = _status(project, f"promote-{RELEASE}")
    states = {name: row["state"] for name, row in rows.items()}
    assert states == dict.fromkeys(FLEET, "missing") | {
        "flow-uat1": "live",
        "akvoflow-1": "live",
        "akvoflow-2": "dark",
        "akvoflow-37": None,
    }


def test_a_row_shows_what_a_rollback_would_restore(project: Project) -> None:
    for name in ("akvoflow-1", "akvoflow-2"):
        project.remote.put_version(name, "2")
    project.remote.split("akvoflow-2", {"1": 0.9, "2": 0.1})
    project.report("promote", "2", "akvoflow-1", "akvoflow-2")
    rows = _status(project)
    assert rows["akvoflow-1"]["previous"]["allocations"] == {"1": 1}
    assert rows["akvoflow-2"]["previous"] == {
        "allocations": {"1": 0.9, "2": 0.1},
        "shard_by": "IP",
    }
    assert rows["akvoflow-3"]["previous"] is None
    project.report("rollback", "akvoflow-2")
    assert _status(project)["akvoflow-2"]["live"] == {"1": 0.9, "2": 0.1}


def test_records_that_cannot_be_read_leave_the_rest_of_a_row(project: Project) -> None:
    project.remote.put_version("akvoflow-1", "2")
    project.report("promote", "2", "akvoflow-1")
    project.remote.fault("permission", target="/storage/*")
    ended = project.run("status", "--format", "json")
    assert ended.code == 0
    assert {row["previous"] for row in ended.json} == {None}
    assert ended.json[2]["live"] == {"2": 1}
    assert "Note: what was served before is not known: " in ended.err


def test_the_table_is_for_people(project: Project) -> None:
    project.remote.put_version("akvoflow-2", "2")
    project.remote.split("akvoflow-2", {"1": 0.9, "2": 0.1})
    ended = project.run("status")
    header, *lines = ended.out.splitlines()
    assert header.split() == ["INSTANCE", "LIVE", "DARK", "PREVIOUS", "ROOM", "OPERATION", "NOTE"]
    assert "1 90%, 2 10%" in lines[3]
    assert "skipped: closed in 2019" in lines[5]
    assert ended.err == ""


def test_an_instance_that_cannot_be_read_is_a_row_and_the_exit_code(project: Project) -> None:
    project.remote.fault("permission", project="akvoflow-3")
    rows = _status(project, code=1)
    assert list(rows) == FLEET
    assert rows["akvoflow-3"]["error"]["code"] == "PERMISSION_DENIED"
    assert rows["akvoflow-4"]["live"] == {"1": 1}
    assert "PERMISSION_DENIED: " in project.run("status").out


def test_an_operation_under_way_is_told(project: Project) -> None:
    project.remote.settings(operation_seconds=60)
    project.remote.put_version("akvoflow-4", "9")
    rows = _status(project)
    assert rows["akvoflow-4"]["operations"] == [
        "CreateVersion of apps/akvoflow-4/services/default/versions/9"
    ]
    assert rows["akvoflow-5"]["operations"] == []


@pytest.mark.parametrize("form", ["yaml", "csv"])
def test_other_forms_have_the_same_rows(project: Project, form: str) -> None:
    out = project.run("status", "--format", form).out
    rows = yaml.safe_load(out) if form == "yaml" else [*csv.DictReader(io.StringIO(out))]
    assert [row["instance"] for row in rows] == FLEET


def test_an_invalid_version_is_a_usage_error(project: Project) -> None:
    assert project.run("status", "Not A Version").code == 2


def test_settings_that_were_never_applied_are_drift(project: Project) -> None:
    """The cap of five instances that stayed for years while the descriptor said ten."""
    fleet = "<automatic-scaling><max-instances>{}</max-instances></automatic-scaling>"
    _fleet_with_descriptors(project, fleet.format(5))
    project.report("run", RELEASE, "--only", "akvoflow-1,akvoflow-2")
    project.report("promote", RELEASE, "akvoflow-1", "akvoflow-2")
    project.edit("flows/akvoflow-2/appengine-web.xml", ">5<", ">10<")
    found = [row for row in _drift(project) if row["instance"].startswith("akvoflow-")]
    of_two = [row for row in found if row["instance"] == "akvoflow-2"]
    assert [row["field"] for row in of_two] == ["files", "automatic_scaling.max_instances"]
    assert of_two[1] == {
        "instance": "akvoflow-2",
        "version": RELEASE,
        "field": "automatic_scaling.max_instances",
        "is": 5,
        "should_be": 10,
        "from": "descriptor akvoflow-2/appengine-web.xml",
        "error": None,
    }
    assert list(of_two[0]["is"]) == ["WEB-INF/appengine-web.xml"]
    assert [row for row in found if row["instance"] == "akvoflow-1"] == []


def test_without_a_build_the_instances_own_settings_are_compared(project: Project) -> None:
    _fleet_with_descriptors(project, "<instance-class>F2</instance-class>")
    project.report("run", RELEASE)
    project.git("clean", "-fdxq", "target")
    ended = project.run("status", RELEASE, "--drift")
    assert (ended.code, ended.out) == (0, "")
    assert "app.yaml is not compared" in ended.err
    assert "no instance has drifted" in ended.err
    assert project.run("status", RELEASE, "--drift", "--quiet").err == ""
    _descriptors(project, "<instance-class>F4</instance-class>")
    fields = {row["field"] for row in _drift(project, RELEASE)}
    assert fields == {"instance_class", "files"}


def test_all_files_of_a_named_version_are_compared(project: Project) -> None:
    project.report("run", RELEASE)
    assert _drift(project, RELEASE, code=0) == []
    project.write("target/staging/index.html", "something else")
    rows = _drift(project, RELEASE)
    assert {row["field"] for row in rows} == {"files"}
    assert all([*row["should_be"]] == ["index.html"] for row in rows)
    assert not any(row["field"] == "files" for row in _drift(project, code=4)), "of live versions"


def test_credentials_are_masked_wherever_they_differ(project: Project) -> None:
    own = '<env-variables><env-var name="TOKEN" value="s3cret"/></env-variables>'
    _fleet_with_descriptors(project, own)
    project.report("run", RELEASE, "--only", "akvoflow-1")
    _descriptors(project, own.replace("s3cret", "0ther"))
    for form in ("json", "table", "csv", "yaml"):
        ended = project.run("status", RELEASE, "--drift", "--format", form)
        assert ended.code == 4
        assert "env_variables.TOKEN" in ended.out
        assert "***" in ended.out
        assert "s3cret" not in ended.out
        assert "0ther" not in ended.out


def test_a_bad_descriptor_is_a_row(project: Project) -> None:
    _fleet_with_descriptors(project, "")
    project.write("flows/akvoflow-3/appengine-web.xml", "404: Not Found")
    (row,) = (row for row in _drift(project, code=1) if row["error"])
    assert row["instance"] == "akvoflow-3"
    assert "is no XML" in row["error"]["message"]
