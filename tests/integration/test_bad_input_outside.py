"""Words from outside, which a terminal would act on, and where a command says it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"


def test_no_command_prints_control_sequences_from_outside(project: Project) -> None:
    project.edit("config/instances.yaml", "closed in 2019", r'"closed \e]0;title\a\e[31min 2019"')
    project.git("mv", "pom.xml", "po\x1bm.xml")
    for command in (["config", "check"], ["plan", RELEASE], ["status"], ["run", RELEASE]):
        ended = project.run(*command)
        assert not {"\x1b", "\a"} & set(ended.out + ended.err)


@pytest.mark.parametrize("options", [[], ["--quiet"], ["--format", "json"]])
def test_the_target_is_the_first_and_the_last_thing_said(
    project: Project, options: list[str]
) -> None:
    target = f"Target: sandbox at {project.remote.url}"
    for command in (["run", "my-feature"], ["promote", "1", "all"], ["promote", "2", "all"]):
        ended = project.run(*options, *command)
        said = ended.err.splitlines()
        assert said[0] == target
        end = said if "json" in options else ended.out.splitlines()
        assert end[-1] == target
        assert end[-3].split()[0] in {"Succeeded", "Refused"}
