"""A revision of a version counts as the version: in promotions, in status, for the gate."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
from tests.fault_proxy import answer_after

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy, Reply
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
FIRST, SECOND = f"{RELEASE}-r1", f"{RELEASE}-r2"
PRODUCTION = tuple(f"akvoflow-{n}" for n in (1, 2, 3, 4, 5))
CONFIG = "config/instances.yaml"
RECORDS = "/storage/v1/b/staging.flow-uat1.appspot.com/o"


def give(project: Project, name: str, instance_class: str) -> None:
    project.edit(CONFIG, f"id: {name},", f"id: {name}, settings: {{{instance_class}}},")


def live(project: Project) -> dict[str, Any]:
    return {name: project.remote.live(name) for name in PRODUCTION}


def all_to(**others: str) -> dict[str, Any]:
    """Every instance serves the release, but for some: ``_3=…`` is akvoflow-3."""
    return {name: {others.get(f"_{name[-1]}", RELEASE): 1} for name in PRODUCTION}


@pytest.fixture
def released(project: Project) -> Project:
    """The release, live in production; nothing can be built any more."""
    assert project.report("run", RELEASE)["exit_code"] == 0
    assert project.report("promote", RELEASE, "all")["exit_code"] == 0
    project.write("build.py", "raise SystemExit('the build must not run')")
    project.leave_git()
    return project


@pytest.fixture
def revised(released: Project) -> Project:
    """akvoflow-1 has a revision, akvoflow-2 two; version 1 is live everywhere again."""
    give(released, "akvoflow-1", "instance_class: F2")
    give(released, "akvoflow-2", "instance_class: F2")
    assert released.report("reconfigure", "all")["exit_code"] == 0
    released.edit(CONFIG, "akvoflow-2, settings: {instance_class: F2}", "akvoflow-2")
    assert released.report("reconfigure", "all")["exit_code"] == 0
    assert live(released) == all_to(_1=FIRST, _2=SECOND)
    assert released.report("promote", "1", "all")["exit_code"] == 0
    released.remote.forget()
    return released


def test_a_promotion_takes_the_newest_revision_of_each_instance(revised: Project) -> None:
    report = revised.report("run", f"promote-{RELEASE}")
    assert (report["exit_code"], report["version"]) == (0, RELEASE)
    assert live(revised) == all_to(_1=FIRST, _2=SECOND)
    urls = {s["instance"]: s["url"] for s in report["steps"] if s["action"] == "verify"}
    assert urls["akvoflow-2"].startswith(f"https://{SECOND}-dot-")
    assert urls["akvoflow-3"].startswith(f"https://{RELEASE}-dot-")
    report = revised.report("promote", RELEASE, "all")
    assert {s["outcome"] for s in report["steps"] if s["action"] == "promote"} == {"unchanged"}
    assert revised.report("rollback", "all")["exit_code"] == 0
    assert {tuple(each) for each in live(revised).values()} == {("1",)}


def test_only_instances_with_a_revision_are_asked_for_it(revised: Project) -> None:
    assert revised.run("promote", RELEASE, "all", "--dry-run").code == 0
    asked = [r["path"].split("/") for r in revised.remote.requests("GET", "*/versions/*")]
    assert sorted((each[3], each[-1]) for each in asked) == [
        ("akvoflow-1", FIRST),
        ("akvoflow-1", FIRST),
        ("akvoflow-2", SECOND),
        ("akvoflow-2", SECOND),
        *((name, RELEASE) for name in PRODUCTION[2:]),
    ]


def test_what_is_on_record_and_not_there_is_not_promoted(revised: Project) -> None:
    path = f"{revised.remote.url}/v1/apps/akvoflow-2/services/default/versions/{SECOND}"
    assert requests.delete(path, timeout=10).ok
    name = f"flowdeploy/revisions/{RELEASE}/akvoflow-3.default.r7"
    upload = f"/upload{RECORDS}?uploadType=media&name={quote(name, safe='')}"
    assert requests.post(revised.remote.url + upload, data=b"", timeout=10).ok
    assert revised.report("promote", RELEASE, "all")["exit_code"] == 0
    assert live(revised) == all_to(_1=FIRST, _2=FIRST)


def test_a_revision_can_be_promoted_by_its_own_name(revised: Project) -> None:
    report = revised.report("promote", FIRST, "akvoflow-1,akvoflow-2")
    assert (report["exit_code"], report["version"]) == (0, FIRST)
    assert [next(iter(each)) for each in live(revised).values()] == [FIRST, FIRST, "1", "1", "1"]


def test_an_interrupted_promotion_goes_on_with_the_revisions_that_it_has_chosen(
    revised: Project,
) -> None:
    revised.remote.fault("permission", project="akvoflow-2", method="PATCH")
    report = revised.report("promote", RELEASE, "all")
    assert report["exit_code"] == 3
    revised.remote.heal()
    for item in revised.remote.call("GET", f"{RECORDS}?prefix=flowdeploy/revisions/")["items"]:
        path = f"{revised.remote.url}{RECORDS}/{quote(item['name'], safe='')}"
        assert requests.delete(path, timeout=10).ok
    assert revised.report("resume", report["run"])["exit_code"] == 0
    assert live(revised) == all_to(_1=FIRST, _2=SECOND)


def test_status_finds_a_version_where_a_revision_of_it_is(revised: Project) -> None:
    revised.report("promote", RELEASE, "all")
    assert revised.run("status", RELEASE, "--drift").code == 0, "what is live is compared"
    revised.report("rollback", "akvoflow-2")
    ended = revised.run("status", RELEASE, "--format", "json")
    rows = {row["instance"]: row for row in ended.json}
    assert (rows["akvoflow-1"]["state"], rows["akvoflow-1"]["live"]) == ("live", {FIRST: 1})
    assert rows["akvoflow-2"]["state"] == "dark"
    exact = {r["instance"]: r for r in revised.run("status", SECOND, "--format", "json").json}
    assert (exact["akvoflow-1"]["state"], exact["akvoflow-2"]["state"]) == ("missing", "dark")


def test_a_version_can_be_deployed_beside_its_revisions(revised: Project) -> None:
    path = f"{revised.remote.url}/v1/apps/akvoflow-2/services/default/versions/{RELEASE}"
    assert requests.delete(path, timeout=10).ok
    report = revised.report("deploy", RELEASE, "akvoflow-2")
    assert revised.outline(report) == ["production akvoflow-2: done, dark"]


def test_a_revision_that_has_not_passed_the_gate_is_used_again(released: Project) -> None:
    give(released, "akvoflow-1", "instance_class: F2")
    give(released, "akvoflow-3", "instance_class: F2")
    released.edit(CONFIG, "rollout:", "health: {path: /, attempts: 1}\nrollout:")
    released.remote.fault("unhealthy", project="akvoflow-1")
    ended = released.run("reconfigure", "all")
    assert ended.code == 3
    assert "Note: instance_class: unset instead of F2, from instances.yaml on" in ended.err
    assert f"a revision of {RELEASE} is dark on akvoflow-1 and akvoflow-3" in ended.out
    assert live(released) == all_to()
    ended = released.run("status", "--format", "json")
    assert {r["instance"]: r["dark"] for r in ended.json}["akvoflow-1"] == [FIRST]
    released.remote.heal()
    report = released.report("reconfigure", "all")
    assert report["exit_code"] == 0
    assert released.outline(report)[:2] == [
        "production akvoflow-1: unchanged, dark",
        "production akvoflow-3: unchanged, dark",
    ]
    assert live(released) == all_to(_1=FIRST, _3=FIRST)


def test_what_was_interrupted_is_gone_on_with_and_makes_no_second_revision(
    released: Project,
) -> None:
    for name in ("akvoflow-1", "akvoflow-2", "akvoflow-3"):
        give(released, name, "instance_class: F2")
    released.remote.fault("permission", project="akvoflow-2", method="PATCH")
    report = released.report("reconfigure", "all")
    assert report["exit_code"] == 3
    released.remote.heal()
    report = released.report("resume", report["run"])
    assert (report["exit_code"], report["kind"]) == (0, "reconfigure")
    assert live(released) == all_to(_1=FIRST, _2=FIRST, _3=FIRST)
    for name in ("akvoflow-1", "akvoflow-2", "akvoflow-3"):
        assert sorted(released.remote.versions(name)) == ["1", RELEASE, FIRST]
    history = released.run("history", "--format", "json").json
    assert history[0]["kind"] == "reconfigure"


def test_traffic_that_somebody_has_moved_since_is_left_alone(
    released: Project, proxy: FaultProxy
) -> None:
    """Somebody moves it while the revision is created."""
    give(released, "akvoflow-1", "instance_class: F2")

    def move(reply: Reply) -> Reply:
        released.remote.split("akvoflow-1", {"1": 1})
        return reply

    proxy.arm(answer_after(move), method="POST", path="*/akvoflow-1/*/versions", times=1)
    report = released.report("reconfigure", "akvoflow-1")
    assert report["exit_code"] == 3
    (error,) = (step["error"] for step in report["steps"] if step["error"])
    assert error["message"].startswith(f"traffic is 1, expected {RELEASE}: changed outside")
    assert released.remote.live("akvoflow-1") == {"1": 1}


def test_what_app_engine_will_not_take_is_asked_for_once(
    released: Project, proxy: FaultProxy
) -> None:
    give(released, "akvoflow-1", "inbound_services: [warmup]")

    def forget_services(reply: Reply) -> Reply:
        document = json.loads(reply.body)
        document.pop("inboundServices", None)
        return replace(reply, body=json.dumps(document).encode())

    proxy.arm(answer_after(forget_services), method="GET", path="*/versions/*")
    report = released.report("reconfigure", "akvoflow-1")
    assert report["exit_code"] == 0
    assert "App Engine has inbound_services" in str(report["steps"][0]["notes"])
    report = released.report("reconfigure", "akvoflow-1")
    assert (report["exit_code"], report["steps"]) == (0, [])
    assert report["skipped"][-1]["reason"].startswith(f"{FIRST} was made with today's settings")
    give_more = "settings: {instance_class: F2, "
    released.edit(CONFIG, "settings: {", give_more)
    assert released.report("reconfigure", "akvoflow-1")["exit_code"] == 0
    assert released.remote.live("akvoflow-1") == {SECOND: 1}


def test_a_revision_whose_host_name_would_be_too_long_is_not_made(released: Project) -> None:
    service = "a-service-with-a-long-name"
    released.remote.put_version("akvoflow-5", RELEASE, service)
    released.edit(CONFIG, "id: akvoflow-5,", f"id: akvoflow-5, service: {service},")
    give(released, "akvoflow-5", "instance_class: F2")
    give(released, "akvoflow-4", "instance_class: F2")
    report = released.report("reconfigure", "akvoflow-4", "akvoflow-5")
    assert report["exit_code"] == 4
    (detail,) = report["error"]["details"]
    assert detail.startswith(f"akvoflow-5: version {FIRST} would have no valid host")
    assert released.report("reconfigure", "all")["exit_code"] == 0
    assert released.remote.live("akvoflow-4") == {FIRST: 1}


def test_a_gradual_promotion_takes_the_revision_too(revised: Project) -> None:
    share = ("--split", "10,100", "--split-by", "ip")
    assert revised.report("promote", RELEASE, "akvoflow-1", *share)["exit_code"] == 0
    shares = [each["allocations"] for each in revised.remote.moves("akvoflow-1")[-2:]]
    assert shares == [{FIRST: 0.1, "1": 0.9}, {FIRST: 1}]


@pytest.mark.parametrize("how", ["zip", "local"])
def test_archives_and_local_records_serve_as_well(project: Project, how: str) -> None:
    added = {"zip": "upload: {mode: zip}\n", "local": "records: local\n"}[how]
    config = (project.root / CONFIG).read_text()
    project.write(CONFIG, config + added + "descriptors: flows\n")
    for name in ("flow-uat1", "flow-uat2", *PRODUCTION):
        text = f"<appengine-web-app><!-- {name} --></appengine-web-app>\n"
        project.write(f"flows/{name}/appengine-web.xml", text)
    project.commit()
    project.git("tag", "-f", RELEASE)
    project.report("run", RELEASE)
    project.report("promote", RELEASE, "all")
    project.edit("flows/akvoflow-4/appengine-web.xml", "<!--", "<!-- changed")
    assert project.report("reconfigure", "all")["exit_code"] == 0
    assert live(project) == all_to(_4=FIRST)
    report = project.report("reconfigure", "all")
    assert (report["exit_code"], report["steps"]) == (0, [])
    project.report("promote", "1", "all")
    project.report("promote", RELEASE, "all")
    assert live(project) == all_to(_4=FIRST)


def test_a_trunk_build_that_is_live_as_a_revision_is_not_put_back(project: Project) -> None:
    report = project.report("run", "master")
    trunk = report["version"]
    give(project, "flow-uat2", "instance_class: F2")
    assert project.report("reconfigure", "flow-uat2")["exit_code"] == 0
    assert project.remote.live("flow-uat2") == {f"{trunk}-r1": 1}
    project.edit(CONFIG, ", settings: {instance_class: F2}", "")
    report = project.report("run", "master")
    assert report["exit_code"] == 4
    assert f"{trunk}-r1 is live and newer than {trunk}" in report["error"]["details"][0]
    assert project.remote.live("flow-uat2") == {f"{trunk}-r1": 1}


def test_what_cannot_be_read_keeps_all_from_being_changed(released: Project) -> None:
    give(released, "akvoflow-1", "instance_class: F2")
    released.remote.fault("permission", project="akvoflow-2")
    released.remote.forget()
    report = released.report("reconfigure", "all")
    assert (report["exit_code"], report["steps"]) == (4, [])
    assert report["error"]["details"][0].startswith("akvoflow-2: ")
    assert released.remote.changes() == []
    nobody = {"FLOWDEPLOY_SANDBOX": "http://127.0.0.1:9"}
    assert released.report("reconfigure", "akvoflow-1", **nobody)["exit_code"] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "INSTANCE"),
        (("akvoflow-37",), "skips"),
        (("akvoflow-6",), "no such instance: akvoflow-6"),
        (("all", "akvoflow-1"), "`all` cannot be combined"),
    ],
)
def test_arguments_that_are_refused(project: Project, arguments: tuple[str, ...], why: str) -> None:
    report = project.report("reconfigure", *arguments)
    assert (report["exit_code"], report["kind"], report["steps"]) == (2, "reconfigure", [])
    assert why in report["error"]["message"]
    assert project.remote.requests() == []


def _forget_revisions(project: Project) -> None:
    """The lifecycle rule of a staging bucket deletes old records."""
    prefix = "flowdeploy/revisions/"
    for item in project.remote.call("GET", f"{RECORDS}?prefix={prefix}")["items"]:
        path = f"{project.remote.url}{RECORDS}/{quote(item['name'], safe='')}"
        assert requests.delete(path, timeout=10).ok


def test_a_live_revision_is_the_version_also_where_its_record_is_gone(revised: Project) -> None:
    assert revised.report("promote", RELEASE, "all")["exit_code"] == 0
    _forget_revisions(revised)
    report = revised.report("promote", RELEASE, "all")
    assert {s["outcome"] for s in report["steps"] if s["action"] == "promote"} == {"unchanged"}
    assert live(revised) == all_to(_1=FIRST, _2=SECOND)


def test_a_revision_that_was_rolled_back_does_not_come_with_the_same_promotion(
    released: Project,
) -> None:
    give(released, "akvoflow-1", "instance_class: F4")
    assert released.report("reconfigure", "akvoflow-1")["exit_code"] == 0
    assert released.report("rollback", "akvoflow-1")["exit_code"] == 0
    assert released.report("promote", RELEASE, "all")["exit_code"] == 0
    assert live(released) == all_to()


def test_settings_that_were_taken_away_are_a_reason_for_a_revision(released: Project) -> None:
    account = "service_account: other@akvoflow-1.iam.gserviceaccount.com"
    give(released, "akvoflow-1", account)
    assert released.report("reconfigure", "akvoflow-1")["exit_code"] == 0
    released.edit(CONFIG, f"akvoflow-1, settings: {{{account}}}", "akvoflow-1")
    report = released.report("reconfigure", "all")
    assert report["exit_code"] == 0
    assert live(released) == all_to(_1=SECOND)
    path = f"/v1/apps/akvoflow-1/services/default/versions/{SECOND}"
    assert "serviceAccount" not in released.remote.call("GET", f"{path}?view=FULL")
    assert released.report("reconfigure", "all")["exit_code"] == 0
    assert live(released) == all_to(_1=SECOND)


def test_a_number_that_was_used_is_not_used_again(released: Project) -> None:
    give(released, "akvoflow-1", "instance_class: F4")
    assert released.report("reconfigure", "akvoflow-1")["exit_code"] == 0
    assert released.report("rollback", "akvoflow-1")["exit_code"] == 0
    path = f"{released.remote.url}/v1/apps/akvoflow-1/services/default/versions/{FIRST}"
    assert requests.delete(path, timeout=10).ok
    released.edit(CONFIG, "instance_class: F4", "instance_class: F2")
    assert released.report("reconfigure", "akvoflow-1")["exit_code"] == 0
    assert live(released) == all_to(_1=SECOND)


def test_other_code_is_no_reason_for_a_revision(released: Project) -> None:
    """Somebody has deployed other files under the name of the release."""
    path = "/v1/apps/akvoflow-1/services/default/versions"
    version = released.remote.call("GET", f"{path}/{RELEASE}?view=FULL")
    files = dict(version["deployment"]["files"])
    files["hotfix.html"] = files.pop("index.html")
    body = {"id": RELEASE, "runtime": version["runtime"], "deployment": {"files": files}}
    released.remote.call("POST", path, body)
    report = released.report("reconfigure", "akvoflow-1")
    assert report["exit_code"] == 4
    assert "other files than its release record" in str(report["error"])
