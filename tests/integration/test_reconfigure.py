"""``flowdeploy reconfigure``: today's settings for what is live, without a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
OLDER = "20200402-101500"
FIRST = f"{RELEASE}-r1"
PRODUCTION = tuple(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))
WORKING = ("flow-uat1", "flow-uat2", *PRODUCTION)
DEPLOYED_AS = "WEB-INF/appengine-web.xml"


def descriptor(name: str, value: str, inside: str) -> str:
    return (
        '<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">\n'
        f"<application>{name}</application>\n"
        f'<system-properties><property name="secret" value="{value} of {name}"/>'
        f"</system-properties>\n{inside}\n</appengine-web-app>\n"
    )


def write_descriptor(project: Project, name: str, value: str = "s3cret", inside: str = "") -> None:
    project.write(f"flows/{name}/appengine-web.xml", descriptor(name, value, inside))


def give(project: Project, name: str, settings: str) -> None:
    """Settings of an instance in the configuration."""
    project.edit("config/instances.yaml", f"id: {name},", f"id: {name}, settings: {settings},")


def version(project: Project, name: str, version_id: str) -> Any:
    path = f"/v1/apps/{name}/services/default/versions/{version_id}?view=FULL"
    return project.remote.call("GET", path)


@pytest.fixture
def live(project: Project) -> Project:
    """The release, live in production, each instance with its own descriptor; no build any more."""
    for name in WORKING:
        write_descriptor(project, name)
    project.edit("config/instances.yaml", "build:", "descriptors: flows\nbuild:")
    project.commit()
    project.git("tag", "-f", RELEASE)
    assert project.report("run", RELEASE)["exit_code"] == 0
    assert project.report("promote", RELEASE, "all")["exit_code"] == 0
    project.git("clean", "-qfdX", "target")
    project.leave_git()
    project.remote.forget()
    return project


def test_one_customer_gets_a_changed_credential_and_a_rollback_takes_it_back(
    live: Project,
) -> None:
    write_descriptor(live, "akvoflow-3", "changed")
    report = live.report("reconfigure", "all")
    assert (report["exit_code"], report["kind"], report["ref"]) == (0, "reconfigure", None)
    assert report["version"] == RELEASE
    assert live.outline(report) == [
        "production akvoflow-3: done, dark",
        "verify akvoflow-3: done, dark",
        "production akvoflow-3: done, live",
    ]
    assert report["steps"][0]["url"] == (
        f"https://{FIRST}-dot-default-dot-akvoflow-3.ew.r.appspot.com"
    )
    skipped = {each["instance"]: each["reason"] for each in report["skipped"]}
    assert skipped.pop("akvoflow-37") == "closed in 2019"
    assert skipped == {
        name: f"{RELEASE} has today's settings" for name in PRODUCTION if name != "akvoflow-3"
    }
    assert live.remote.live("akvoflow-3") == {FIRST: 1}
    old, new = (
        {path: each["sha1Sum"] for path, each in v["deployment"]["files"].items()}
        for v in (version(live, "akvoflow-3", each) for each in (RELEASE, FIRST))
    )
    assert {path for path in old if old[path] != new[path]} == {DEPLOYED_AS}
    assert old.keys() == new.keys()
    assert {name: live.remote.live(name) for name in PRODUCTION if name != "akvoflow-3"} == {
        name: {RELEASE: 1} for name in PRODUCTION if name != "akvoflow-3"
    }

    report = live.report("rollback", "akvoflow-3")
    assert (report["exit_code"], report["version"]) == (0, RELEASE)
    assert live.remote.live("akvoflow-3") == {RELEASE: 1}


def test_what_has_todays_settings_is_left_alone(live: Project) -> None:
    report = live.report("reconfigure", "all")
    assert (report["exit_code"], report["steps"]) == (0, [])
    assert len(report["skipped"]) == len(PRODUCTION) + 1
    assert live.remote.changes() == []
    ended = live.run("reconfigure", "akvoflow-1", "akvoflow-2")
    assert ended.code == 0
    assert "nothing had to be changed" in ended.out
    assert f"Skipped: akvoflow-1, akvoflow-2: {RELEASE} has today's settings" in ended.out


def test_revisions_are_numbered_for_each_instance_and_are_of_all_todays_settings(
    live: Project,
) -> None:
    give(live, "akvoflow-1", "{instance_class: F2}")
    assert live.report("reconfigure", "akvoflow-1")["exit_code"] == 0
    live.edit("config/instances.yaml", "{instance_class: F2}", "{env_variables: {TOKEN: t0p}}")
    give(live, "akvoflow-2", "{instance_class: F4}")
    write_descriptor(live, "flow-uat1", inside="<instance-class>F4</instance-class>")
    report = live.report("reconfigure", "akvoflow-1,akvoflow-2,flow-uat1")
    assert live.outline(report) == [
        "uat flow-uat1: done, dark",
        "production akvoflow-1: done, dark",
        "production akvoflow-2: done, dark",
        "verify flow-uat1: done, dark",
        "verify akvoflow-1: done, dark",
        "verify akvoflow-2: done, dark",
        "uat flow-uat1: done, live",
        "production:internal akvoflow-1: done, live",
        "production:small akvoflow-2: done, live",
    ]
    assert live.remote.live("akvoflow-1") == {f"{RELEASE}-r2": 1}
    assert live.remote.live("akvoflow-2") == {FIRST: 1}
    second = version(live, "akvoflow-1", f"{RELEASE}-r2")
    assert second["envVariables"] == {"TOKEN": "t0p"}
    assert second.get("instanceClass") in (None, "F1")
    assert version(live, "akvoflow-2", FIRST)["instanceClass"] == "F4"
    assert version(live, "flow-uat1", FIRST)["instanceClass"] == "F4"


def test_a_dry_run_names_each_difference_hides_values_and_changes_nothing(live: Project) -> None:
    for name in ("akvoflow-1", "akvoflow-2"):
        give(live, name, "{instance_class: F2, env_variables: {TOKEN: t0p}}")
    write_descriptor(live, "akvoflow-2", "changed")
    ended = live.run("--format", "json", "reconfigure", "all", "--dry-run")
    assert ended.code == 0
    plan = ended.json
    assert (plan["kind"], plan["ref"], plan["version"]) == ("reconfigure", None, RELEASE)
    assert plan["stages"][0] == {
        "name": "production",
        "steps": [
            {"action": "deploy", "instance": name, "version": FIRST, "traffic": "dark"}
            for name in ("akvoflow-1", "akvoflow-2")
        ],
    }
    assert [stage["name"] for stage in plan["stages"]] == [
        "production",
        "verify",
        "production:internal",
        "production:small",
    ]
    settings = [each for each in plan["differences"] if each["field"] != "files"]
    assert [(d["instance"], d["field"], d["is"], d["should_be"]) for d in settings] == [
        (name, *difference)
        for name in ("akvoflow-1", "akvoflow-2")
        for difference in (("instance_class", None, "F2"), ("env_variables.TOKEN", None, "***"))
    ]
    (files,) = (d for d in plan["differences"] if d["field"] == "files")
    assert (files["instance"], [*files["should_be"]]) == ("akvoflow-2", [DEPLOYED_AS])
    assert files["from"] == "descriptor akvoflow-2/appengine-web.xml"
    assert plan["refusals"] == []

    ended = live.run("reconfigure", "all", "--dry-run")
    shown = " ".join(ended.out.split())
    both = "akvoflow-1 and akvoflow-2"
    assert f"instance_class: unset instead of F2, from instances.yaml on {both}" in shown
    assert f"different files ({DEPLOYED_AS}), from descriptor on akvoflow-2" in shown
    assert "t0p" not in ended.out + ended.err
    assert live.remote.changes() == []
    assert not [r for r in live.remote.requests() if r["method"] != "GET"]


@pytest.mark.parametrize("named", [True, False])
def test_what_can_have_no_revision_is_said(live: Project, named: bool) -> None:
    """akvoflow-1 serves two versions, akvoflow-2 one that was never released."""
    live.remote.split("akvoflow-1", {RELEASE: 0.5, "1": 0.5})
    live.remote.split("akvoflow-2", {"1": 1})
    write_descriptor(live, "akvoflow-3", "changed")
    live.remote.forget()
    names = ("akvoflow-1", "akvoflow-2", "akvoflow-3") if named else ("all",)
    report = live.report("reconfigure", *names)
    if named:
        assert report["exit_code"] == 4
        assert report["error"]["details"] == [
            f"akvoflow-1: its traffic is divided: 1 50 %, {RELEASE} 50 %",
            "akvoflow-2: 1, which it serves, has no release record",
        ]
        assert live.remote.changes() == []
        report = live.report("reconfigure", *names, "--skip-unready")
    assert report["exit_code"] == 0
    reasons = {each["instance"]: each["reason"] for each in report["skipped"]}
    assert reasons["akvoflow-1"].startswith("its traffic is divided")
    assert reasons["akvoflow-2"] == "1, which it serves, has no release record"
    assert live.remote.live("akvoflow-3") == {FIRST: 1}
    assert live.report("reconfigure", "akvoflow-1", "--skip-unready")["exit_code"] == 4


def test_one_broken_descriptor_keeps_all_from_being_changed(live: Project) -> None:
    write_descriptor(live, "akvoflow-1", "changed")
    live.write("flows/akvoflow-2/appengine-web.xml", "<no descriptor")
    report = live.report("reconfigure", "all")
    assert (report["exit_code"], report["kind"], report["steps"]) == (4, "reconfigure", [])
    assert "akvoflow-2: " in report["error"]["details"][0]
    assert live.remote.changes() == []
    assert live.report("reconfigure", "all", "--skip-unready")["exit_code"] == 0
    assert live.remote.live("akvoflow-1") == {FIRST: 1}


def test_instances_of_several_versions_are_reconfigured_in_one_run(project: Project) -> None:
    for tag, content in ((OLDER, "older "), (RELEASE, "newer ")):
        project.release(tag, content)
        assert project.report("run", tag, "--only", "akvoflow-1,akvoflow-2")["exit_code"] == 0
    project.report("promote", OLDER, "akvoflow-1")
    project.report("promote", RELEASE, "akvoflow-2")
    for name in ("akvoflow-1", "akvoflow-2"):
        give(project, name, "{instance_class: F2}")
    plan = project.run("--format", "json", "reconfigure", "all", "--dry-run").json
    assert (plan["version"], plan["refusals"]) == (None, [])
    ended = project.run("reconfigure", "all")
    assert ended.code == 0
    assert "a revision is live on akvoflow-1 and akvoflow-2" in ended.out
    assert project.remote.live("akvoflow-1") == {f"{OLDER}-r1": 1}
    assert project.remote.live("akvoflow-2") == {FIRST: 1}
    for tag, name in ((OLDER, "akvoflow-1"), (RELEASE, "akvoflow-2")):
        before, after = version(project, name, tag), version(project, name, f"{tag}-r1")
        assert before["deployment"]["files"] == after["deployment"]["files"]
        assert (before.get("instanceClass", "F1"), after["instanceClass"]) == ("F1", "F2")
    assert project.report("rollback", "all")["exit_code"] == 0
    assert project.remote.live("akvoflow-1") == {OLDER: 1}
    assert project.remote.live("akvoflow-2") == {RELEASE: 1}
