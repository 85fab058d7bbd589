"""Twenty instances, failing calls, killed processes: the configuration comes, and goes back."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.configurations.conftest import (
    NEW,
    OLD,
    Configuration,
    Files,
    created,
    without,
)
from tests.integration.test_kills import PRODUCTION, Killer, Operator, start_sandbox, write_project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.conftest import Remote

SEED = os.environ.get("KILLS_SEED", "20200403")
KILLS = 8  # of each command that moves traffic, and of the dark deploy


class Patient(Operator):
    """Who resumes whatever has not come to a good end."""

    def _ends(self, name: str, command: Sequence[str]) -> bool:
        with self._process(command) as process:
            assert process.stderr is not None
            said = process.stderr.read()
        assert process.returncode in (0, 1, 3, 4), said
        return process.returncode == 0


@dataclass(frozen=True)
class Fleet:
    """A project of twenty instances, its operator, and what is configured."""

    operator: Operator
    configuration: Configuration

    @property
    def remote(self) -> Remote:
        return self.operator.remote

    def release(self, number: int, files: Files) -> str:
        """Deploy a version with these files, and give its name back."""
        version = f"20200403-0730{number:02}"
        staging = self.operator.folder / "staging"
        for name, text in files.items():
            (staging / name).write_text(text)
        (staging / "index.html").write_text(version)
        source = ("--commit", f"{number:040x}", "--commit-time", f"2020-04-03T07:30:{number:02}Z")
        self.operator.get_done("run", version, "--prebuilt", *source)
        return version

    def states(self) -> dict[str, Any]:
        return {name: self.configuration.state(name) for name in PRODUCTION}

    def check_all(self) -> None:
        """Deploy, promote and roll back the new version, and compare every instance."""
        before = self.states()
        version = self.release(1, NEW)
        dark = self.states()
        for name in PRODUCTION:
            assert without(dark[name], created(before[name], dark[name])) == before[name]
            assert dark[name] != before[name]
        self.operator.get_done("promote", version, "all")
        live = self.states()
        assert live == dict.fromkeys(PRODUCTION, self.configuration.state("flow-uat1"))
        assert all(live[name]["jobs"] != before[name]["jobs"] for name in PRODUCTION)
        self.operator.get_done("rollback", "all")
        for name, back in self.states().items():
            assert without(back, created(before[name], back)) == before[name], name


@pytest.fixture
def fleet(tmp_path: Path) -> Any:
    (tmp_path / "sandbox").mkdir()
    write_project(tmp_path / "flow")
    with start_sandbox(tmp_path / "sandbox") as remote:
        operator = Operator(tmp_path / "flow", remote, Killer(random.Random(SEED), 0))
        made = Fleet(operator, Configuration.at(remote.url))
        operator.get_done("promote", made.release(0, OLD), "all")
        yield made


@pytest.mark.slow
def test_with_nothing_in_the_way(fleet: Fleet) -> None:
    fleet.check_all()


@pytest.mark.slow
def test_while_a_tenth_of_all_calls_fail(fleet: Fleet) -> None:
    fleet.remote.settings(fault_rate=0.1, seed=7)
    operator = Patient(fleet.operator.folder, fleet.remote, fleet.operator.killer)
    replace(fleet, operator=operator).check_all()


@pytest.mark.slow
def test_while_commands_are_killed(fleet: Fleet) -> None:
    killing: Mapping[str, float] = {"run": 1.2, "promote": 0.8, "rollback": 0.8, "resume": 0.8}
    sys.stdout.write(f"seed {SEED}\n")
    killer = fleet.operator.killer
    killer.most, killer.lasting = 3 * KILLS, dict(killing)
    fleet.check_all()
    assert len(killer.moments) > KILLS // 2  # on a quick machine some end before they are hit
