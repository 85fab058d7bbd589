"""Dark means dark: what a deploy adds, what a promotion brings, and what a rollback takes back."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.configurations.conftest import (
    AFTER,
    BEFORE,
    NEW,
    OLD,
    PRODUCTION,
    Configured,
    created,
    outcomes,
    without,
)
from tests.integration.test_appconfig_applied import deploy_with_gcloud
from tests.unit.test_imports import PROBE

LIBRARIES = (
    "google.cloud.tasks_v2beta3",
    "google.cloud.scheduler_v1beta1",
    "google.cloud.datastore_admin_v1",
)
PROMOTED = [["run", AFTER], ["promote", AFTER, "all"]]
CHANGING = ("POST", "PATCH", "DELETE")
WHAT = {
    "indexes": r"/v1/projects/[^/]+/indexes",
    "queues": r"/v2beta3/.*/queues/[^/]+",
    "traffic": r"/v1/apps/[^/]+/services/default",
    "cron": r"/v1beta1/.*/jobs.*",
    "dispatch": r"/v1/apps/[^/]+",
}


def changed(configured: Configured, project: str) -> list[str]:
    """What was changed of a project, in its order, each kind once where it comes in a row."""
    found: list[str] = []
    for asked in configured.remote.requests():
        path = asked["path"].partition("?")[0]
        if asked["method"] in CHANGING and f"/{project}" in f"{path}":
            kind = next((k for k, p in WHAT.items() if re.fullmatch(p, path)), None)
            found += [kind] if kind and found[-1:] != [kind] else []
    return found


def test_a_dark_deploy_adds_and_touches_nothing_that_exists(configured: Configured) -> None:
    configured.live(BEFORE, OLD)
    before = configured.states()
    assert configured.release(AFTER, NEW)["exit_code"] == 0
    after = configured.states()
    for name in PRODUCTION:
        added = created(before[name], after[name])
        assert [len(each) for each in added.values()] == [1, 1]
        assert without(after[name], added) == before[name]


def test_a_promotion_brings_what_gcloud_would_have_brought(configured: Configured) -> None:
    configured.live(BEFORE, OLD)
    configured.release(AFTER, NEW)
    assert configured.project.report("promote", AFTER, "all")["exit_code"] == 0
    wanted = configured.as_with_gcloud(OLD, NEW)
    assert configured.states() == dict.fromkeys(PRODUCTION, wanted)
    # The live deploy of a release brings the same, at once.
    assert configured.state("flow-uat1") == wanted


def test_a_rollback_gives_back_what_was_there(ready: Configured) -> None:
    before = ready.states()
    assert ready.project.report("promote", AFTER, "all")["exit_code"] == 0
    assert all(state != before[name] for name, state in ready.states().items())
    assert ready.project.report("rollback", "all")["exit_code"] == 0
    assert ready.states() == before


def test_a_live_deploy_is_taken_back_as_well(ready: Configured) -> None:
    after = ready.state("flow-uat1")
    assert ready.project.report("rollback", "flow-uat1")["exit_code"] == 0
    wanted = ready.as_with_gcloud(OLD)
    found = ready.state("flow-uat1")
    assert without(found, created(wanted, found)) == wanted
    assert created(wanted, found) == created(wanted, after)


def test_what_is_repeated_changes_nothing_more(ready: Configured) -> None:
    for command in (("promote", AFTER, "all"), ("rollback", "all")):
        ready.project.report(*command)
        ready.remote.forget()
        report = ready.project.report(*command)
        assert {outcome for _, outcome in outcomes(report)} == {"unchanged"}
        assert [changed(ready, name) for name in PRODUCTION] == [[]] * 3


def test_queues_come_before_the_traffic_and_cron_and_dispatch_after_it(
    configured: Configured,
) -> None:
    configured.live(BEFORE, OLD)
    configured.remote.forget()
    configured.release(AFTER, NEW)
    assert changed(configured, "akvoflow-1")[:2] == ["indexes", "queues"]
    assert "traffic" not in changed(configured, "akvoflow-1")
    live = changed(configured, "flow-uat1")
    assert [each for each in live if each != "indexes"] == ["queues", "traffic", "cron", "dispatch"]
    for command in (("promote", AFTER), ("rollback",)):
        configured.remote.forget()
        configured.project.report(*command, "akvoflow-1")
        assert changed(configured, "akvoflow-1") == ["queues", "traffic", "cron", "dispatch"]


@pytest.mark.parametrize("prune", [False, True])
def test_queues_that_are_no_longer_listed_are_paused_on_demand_alone(
    configured: Configured, prune: bool
) -> None:
    configured.project.edit(
        "config/instances.yaml", "instances:", f"prune_queues: {prune}\ninstances:"
    )
    configured.live(BEFORE, OLD)
    configured.release(AFTER, NEW)
    report = configured.project.report("promote", AFTER, "akvoflow-1")
    said = "pause" if prune else "leave as it is"
    assert f"queue reports: {said} (no longer listed)" in str(report)
    states = {q["name"].rpartition("/")[2]: q["state"] for q in configured.queues("akvoflow-1")}
    assert states["reports"] == ("PAUSED" if prune else "RUNNING")
    before = configured.as_with_gcloud(OLD)
    configured.project.report("rollback", "akvoflow-1")
    found = configured.state("akvoflow-1")
    assert without(found, created(before, found)) == before


def test_a_release_without_files_asks_none_of_the_services(configured: Configured) -> None:
    configured.live(BEFORE, {})
    services = ("/v2/", "/v2beta3/", "/v1beta1/", "/v1/projects/")
    assert not [r for r in configured.remote.requests() if r["path"].startswith(services)]


def test_the_files_may_lie_at_the_root(configured: Configured) -> None:
    configured.release(AFTER, OLD, ".")
    assert configured.state("flow-uat1") == configured.as_with_gcloud(OLD)


def test_files_that_are_wrong_are_refused_before_anything_is_published(
    configured: Configured,
) -> None:
    wrong = {**OLD, "queue.yaml": "queue:\n- {name: mail, rate: fast}\n"}
    report = configured.release(AFTER, wrong)
    assert report["exit_code"] == 4
    said = str([report["error"], *(step["error"] for step in report["steps"])])
    assert "WEB-INF/appengine-generated/queue.yaml:2" in said
    assert configured.remote.changes() == []


def test_a_promotion_elsewhere_applies_what_is_on_record(ready: Configured) -> None:
    ready.project.leave_git()
    for path in ("target", "configs", ".flowdeploy"):
        ready.remove(path)
    assert ready.project.report("promote", AFTER, "all")["exit_code"] == 0
    assert ready.state("akvoflow-2")["dispatch"] == ready.as_with_gcloud(OLD, NEW)["dispatch"]


def test_a_version_without_a_record_leaves_the_configuration_alone(ready: Configured) -> None:
    ready.remote.put_version("akvoflow-1", "of-gcloud")
    before = ready.states()
    report = ready.project.report("promote", "of-gcloud", "akvoflow-1")
    assert (report["exit_code"], outcomes(report)) == (0, [])
    assert "the version has no release record" in str(report["steps"][0]["notes"])
    assert ready.states() == before


def test_a_record_of_old_that_lacks_the_files_is_refused_clearly(ready: Configured) -> None:
    ready.remote.forget()
    ready.rewrite_record(AFTER, configs=["queue.yaml"])
    report = ready.project.report("promote", AFTER, "all")
    assert report["exit_code"] == 4
    assert "it names queue.yaml and does not say what is in them" in report["error"]["message"]


@pytest.mark.parametrize(
    "command", [["promote", AFTER, "all"], ["rollback", "all"]], ids=lambda command: command[0]
)
def test_a_dry_run_says_what_would_become_of_each(ready: Configured, command: list[str]) -> None:
    if command[0] == "rollback":
        ready.project.report("promote", AFTER, "all")
    before = ready.states()
    ended = ready.project.run(*command, "--dry-run", "--format", "json")
    lines = ended.json["configuration"]["akvoflow-1"]
    report = ready.project.report(*command)
    of_first = (s for s in report["steps"] if s["instance"] == "akvoflow-1")
    made = [n for s in of_first if s["action"] == "configure" for n in s["notes"]]
    assert (ended.code, ready.states() != before) == (0, True)
    assert lines == made
    assert any(line.startswith("cron job /cron/purge: schedule") for line in lines)
    shown = " ".join(ready.project.run(*command, "--dry-run").out.split())
    assert "cron jobs and dispatch rules" in shown


def test_the_plan_lists_what_an_earlier_build_has_staged(ready: Configured) -> None:
    plan = ready.project.run("plan", AFTER, "--format", "json").json
    assert [path.rpartition("/")[2] for path in plan["configs"]] == list(NEW)
    of_first = [
        (step["action"], step.get("phase"))
        for stage in plan["stages"]
        for step in stage["steps"]
        if step.get("instance") in ("akvoflow-1", "flow-uat1")
    ]
    assert of_first == [
        ("configure", "add"),
        ("deploy", None),
        ("configure", "after-traffic"),
        ("configure", "add"),
        ("deploy", None),
    ]
    ready.write({**NEW, "queue.yaml": "queue:\n- {name: further, rate: 1/s}\n"})
    assert "queue further: create" not in ready.project.run("plan", AFTER, "--verbose").out


def test_what_somebody_else_changed_since_is_named_and_kept(ready: Configured) -> None:
    ready.project.report("promote", AFTER, "all")
    ready.cloud.tasks.pause("akvoflow-3", "default")
    after = ready.states()
    command = ("rollback", "all")
    assert ready.project.run(*command, "--dry-run").code == 4
    report = ready.project.report(*command)
    assert (report["exit_code"], ready.states()) == (4, after)
    assert "queue default: pause" in str(report["steps"])
    assert ready.project.run(*command, "--force", "--dry-run").code == 0
    assert ready.project.report(*command, "--force")["exit_code"] == 0
    states = {q["name"].rpartition("/")[2]: q["state"] for q in ready.queues("akvoflow-3")}
    assert states["default"] == "RUNNING"


def test_the_next_release_deployed_dark_is_no_change_of_somebody_elses(ready: Configured) -> None:
    before = ready.states()
    ready.project.report("promote", AFTER, "all")
    further = "queue:\n- {name: further, rate: 1/s}\n"
    assert ready.release("20200404-073034", {**NEW, "queue.yaml": further})["exit_code"] == 0
    assert ready.project.report("rollback", "all")["exit_code"] == 0
    for name, found in ready.states().items():
        assert without(found, created(before[name], found)) == before[name]


@pytest.mark.parametrize(
    "command",
    [["run", AFTER], ["promote", AFTER, "all"], ["rollback", "all"]],
    ids=lambda command: command[0],
)
def test_without_files_none_of_the_libraries_is_loaded(
    configured: Configured, command: list[str]
) -> None:
    configured.write({})
    configured.project.release(AFTER, "plain ")
    for earlier in {"promote": [["run", AFTER]], "rollback": PROMOTED}.get(command[0], []):
        assert configured.project.report(*earlier)["exit_code"] == 0
    done = subprocess.run(
        [sys.executable, "-c", PROBE, ",".join(LIBRARIES), *command],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
    assert configured.remote.live("flow-uat1") == {AFTER: 1}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
def test_a_promotion_brings_what_the_real_gcloud_brings_but_for_a_pause(
    ready: Configured, tmp_path: Path
) -> None:
    ready.project.report("promote", AFTER, "akvoflow-2", "akvoflow-3")
    for files in (OLD, NEW):
        deploy_with_gcloud("akvoflow-37", files, ready.remote.url, tmp_path)
    assert ready.state("akvoflow-37") != ready.state("akvoflow-2")
    ready.cloud.tasks.resume("akvoflow-37", "reports")
    assert ready.state("akvoflow-37") == ready.state("akvoflow-2")
