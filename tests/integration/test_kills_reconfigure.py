"""A reconfiguration that is killed: whoever goes on with it makes no revision twice."""

from __future__ import annotations

import hashlib
import itertools
import random
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.integration.test_kills import (
    OPERATION,
    PRODUCTION,
    SEED,
    Killer,
    Operator,
    release,
    start_sandbox,
    write_project,
)

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 20
VERSION, COMMIT, AT = release(0)
DEPLOYED_AS = "WEB-INF/appengine-web.xml"


@dataclass
class Customers:
    """What each instance should have: its credential, and how many revisions it needs."""

    operator: Operator
    credentials: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRODUCTION, 0))

    def give(self, name: str, credential: str) -> None:
        path = self.operator.folder / f"descriptors/{name}/appengine-web.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "<appengine-web-app><system-properties>"
            f'<property name="credential" value="{credential}"/></system-properties>'
            f"<env-variables><env-var name='ROUND' value='{credential}'/></env-variables>"
            "</appengine-web-app>"
        )
        self.credentials[name] = hashlib.sha1(path.read_bytes()).hexdigest()  # noqa: S324

    def check(self) -> None:
        """Each serves its newest revision, which has its descriptor; none has one too many."""
        remote = self.operator.remote
        for name, number in self.revisions.items():
            newest = f"{VERSION}-r{number}" if number else VERSION
            assert remote.live(name) == {newest: 1}, name
            ids = [each for each in remote.versions(name) if each.startswith(VERSION)]
            assert len(ids) == number + 1, (name, ids)
            path = f"/v1/apps/{name}/services/default/versions/{newest}?view=FULL"
            files = remote.call("GET", path)["deployment"]["files"]
            assert files[DEPLOYED_AS]["sha1Sum"] == self.credentials[name], name


def change_and_reconfigure(
    customers: Customers, chance: random.Random, number: int, undisturbed: Operator
) -> None:
    """And once more after a rollback, which needs no further revision."""
    changed = chance.sample(PRODUCTION, 6)
    for name in changed:
        customers.give(name, f"round {number}")
        customers.revisions[name] += 1
    customers.operator.get_done("reconfigure", "all")
    customers.check()
    undisturbed.get_done("rollback", *changed[:2])
    customers.operator.get_done("reconfigure", "all")
    customers.check()


@pytest.mark.slow
def test_killed_at_any_moment_a_reconfiguration_is_gone_on_with(tmp_path: Path) -> None:
    seed = f"{SEED}, reconfigure"
    chance = random.Random(seed)
    (tmp_path / "sandbox").mkdir()
    folder = tmp_path / "flow"
    write_project(folder)
    config = folder / "config/instances.yaml"
    config.write_text("descriptors: descriptors\n" + config.read_text())
    killer = Killer(random.Random(seed), KILLS)
    sys.stdout.write(f"seed {seed}\n")
    with start_sandbox(tmp_path / "sandbox") as remote:
        remote.settings(operation_seconds=OPERATION)
        customers = Customers(Operator(folder, remote, killer))
        undisturbed = Operator(folder, remote, Killer(killer.chance, 0))
        for name in ("flow-uat1", "flow-uat2", *PRODUCTION):
            customers.give(name, name)
        source = ("--prebuilt", "--commit", COMMIT, "--commit-time", AT)
        undisturbed.get_done("run", VERSION, *source)
        undisturbed.get_done("promote", VERSION, "all")
        for number in itertools.takewhile(lambda _: not killer.is_done, itertools.count()):
            change_and_reconfigure(customers, chance, number, undisturbed)
