"""A proxy of the environment, which serves the outside world and not this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.conftest import Project

NOBODY = "http://127.0.0.1:9"


def test_the_sandbox_is_reached_without_the_proxy(project: Project) -> None:
    ended = project.run("run", "20200403-073034", http_proxy=NOBODY, HTTP_PROXY=NOBODY)
    assert ended.code == 0, ended.err
