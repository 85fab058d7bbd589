"""A version is what was asked for, or its instance has failed: by its own answer, read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.endpoints import sandbox
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Deploy, Traffic
from flowdeploy.report import Outcome, State
from flowdeploy.rollout.contract import Done, Notify, Running, StepFailed
from flowdeploy.steps import staging
from flowdeploy.steps.context import Permissions
from flowdeploy.steps.deploy.checks import DeployBatch, DeployChecks
from flowdeploy.steps.deploy.deploy import deploy_version

if TYPE_CHECKING:
    from tests.integration.conftest import Project, Remote

RELEASE = "20200403-073034"
SETTINGS = (
    "settings: {instance_class: F2, automatic_scaling: {max_instances: 10},"
    " env_variables: {TOKEN: s3cret}}"
)


def _give_settings(project: Project, settings: str = SETTINGS) -> None:
    project.edit(
        "config/instances.yaml",
        "{id: akvoflow-3, role: production}",
        f"{{id: akvoflow-3, role: production, {settings}}}",
    )
    project.commit()
    project.git("tag", "-f", RELEASE)


def _step(report: Any, instance: str) -> Any:
    (step,) = (s for s in report["steps"] if s["instance"] == instance)
    return step


def _patch(project: Project, **fields: object) -> None:
    """Somebody changes the version on the server, as the console lets them."""
    path = f"/v1/apps/akvoflow-3/services/default/versions/{RELEASE}"
    project.remote.call("PATCH", f"{path}?updateMask={','.join(fields)}", fields)


def test_a_version_with_other_settings_is_another_version(project: Project) -> None:
    _give_settings(project)
    only = ("--only", "akvoflow-3")
    assert project.report("run", RELEASE, *only)["exit_code"] == 0
    again = project.report("run", RELEASE, *only)
    assert _step(again, "akvoflow-3")["outcome"] == "unchanged"
    _patch(project, instanceClass="F1")
    refused = project.report("run", RELEASE, *only)
    assert refused["exit_code"] == 4
    assert refused["error"]["details"] == [
        f"akvoflow-3: version {RELEASE} exists with instance_class: F1 instead of F2;"
        " --replace replaces it"
    ]
    replaced = project.report("run", RELEASE, *only, "--replace")
    assert _step(replaced, "akvoflow-3")["outcome"] == "done"


def test_a_changed_variable_is_told_by_name_and_not_by_value(project: Project) -> None:
    _give_settings(project)
    project.report("run", RELEASE, "--only", "akvoflow-3")
    project.edit("config/instances.yaml", "s3cret", "0ther")
    ended = project.run("run", RELEASE, "--only", "akvoflow-3", "--allow-dirty")
    assert ended.code == 4
    assert "env_variables.TOKEN: *** instead of ***" in " ".join(ended.out.split())
    assert "s3cret" not in ended.out + ended.err
    assert "0ther" not in ended.out + ended.err


class _Deaf(AppEngine):
    """An App Engine that creates versions with some settings of its own."""

    def __init__(self, cloud: GoogleClients, **settings: object) -> None:
        super().__init__(cloud.endpoints.api("appengine"), cloud.session)
        self._settings = settings

    def create_version(self, project: str, service: str, body: Mapping[str, Any]) -> Operation:
        return super().create_version(project, service, {**body, **self._settings})


def _nothing_is_due(_instance: Instance, _notify: Notify) -> Running:
    yield from ()
    return Done(Outcome.UNCHANGED)


def _deploy(remote: Remote, folder: Path, traffic: Traffic, **settings: object) -> Running:
    """Deploy an application to akvoflow-1, whose App Engine creates it with ``settings``."""
    folder = folder / "application"
    folder.mkdir()
    (folder / "app.yaml").write_text(
        "runtime: java21\ninstance_class: F2\ninbound_services: [warmup]\n"
        "automatic_scaling: {max_instances: 10}\nenv_variables: {TOKEN: s3cret}\n"
    )
    cloud = GoogleClients(sandbox(remote.url, {}), connections=4)
    cloud.engine = _Deaf(cloud, **settings)
    checks = DeployChecks(cloud, None, _nothing_is_due)
    step = Deploy(Instance("akvoflow-1", Role.PRODUCTION, "akvoflow-1"), "2", traffic)
    batch = DeployBatch([step], staging.read(folder))
    checks.check([batch], Permissions(), lambda _done, _all: None)
    return deploy_version(step, checks.target(step), lambda _note: None)


def _ended(running: Running) -> Done:
    while True:
        try:
            next(running)
        except StopIteration as end:
            done: Done = end.value
            return done


@pytest.mark.parametrize(
    ("traffic", "state"),
    [(Traffic.DARK, State.DARK), (Traffic.LIVE, State.DEPLOYED_NOT_PROMOTED)],
)
def test_grave_differences_fail_the_instance_field_by_field(
    remote: Remote, tmp_path: Path, traffic: Traffic, state: State
) -> None:
    scaling = {"standardSchedulerSettings": {"maxInstances": 5}}
    running = _deploy(
        remote, tmp_path, traffic, automaticScaling=scaling, envVariables={"TOKEN": "0ther"}
    )
    with pytest.raises(StepFailed) as failed:
        _ended(running)
    assert failed.value.left.state is state
    assert set(failed.value.error.details) == {
        "automatic_scaling.max_instances: 5 instead of 10",
        "env_variables.TOKEN: *** instead of ***",
    }
    assert remote.live("akvoflow-1") == {"1": 1}, "it is given no traffic"


def test_other_differences_are_notes(remote: Remote, tmp_path: Path) -> None:
    done = _ended(_deploy(remote, tmp_path, Traffic.LIVE, inboundServices=[]))
    assert done.state is State.LIVE
    assert done.notes == (
        "App Engine has inbound_services: unset instead of ['INBOUND_SERVICE_WARMUP']",
    )


def test_what_the_server_adds_is_no_difference(remote: Remote, tmp_path: Path) -> None:
    scaling = {
        "standardSchedulerSettings": {"maxInstances": 10, "minInstances": 1},
        "maxConcurrentRequests": 10,
    }
    done = _ended(_deploy(remote, tmp_path, Traffic.DARK, automaticScaling=scaling))
    assert (done.state, done.notes) == (State.DARK, ())
