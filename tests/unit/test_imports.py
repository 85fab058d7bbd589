"""What a command loads: help, plans and errors pay for no client library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REMOTE = ("google", "requests", "urllib3", "aiohttp", "flowdeploy.sandbox")
HELP = [
    ["run", "--help"],
    ["promote", "--help"],
    ["versions", "--help"],
    ["sandbox", "serve", "--help"],
]
OFFLINE = [
    ["plan", "20200403-073034"],
    ["plan", "20200403-073034", "--format", "json"],
    ["run", "20200403-073034", "--dry-run"],
    ["plan", "promote-nonsense"],
    ["run", "nonsense "],
    ["run", "20200403-073034", "--config", "nowhere.yaml"],
    ["unheard-of"],
    ["config", "check"],
    ["config", "schema"],
]
CONFIG = """\
build: {commands: [make], staging: target}
library: {jar: a.jar, pom: pom.xml}
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
  - {id: akvoflow-1, role: production}
"""
# Prints, of the modules in its first argument, those that a command has loaded by its end.
PROBE = """\
import contextlib, os, sys
from flowdeploy.cli.main import main
with contextlib.suppress(SystemExit), open(os.devnull, "w") as sink:
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        main(sys.argv[2:])
print(*(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


def loaded(modules: tuple[str, ...], arguments: list[str], folder: Path) -> list[str]:
    (folder / "config").mkdir()
    (folder / "config/instances.yaml").write_text(CONFIG)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWDEPLOY_", "GITHUB_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, ",".join(modules), *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("arguments", ["--help", "--version"])
def test_the_first_question_is_answered_at_once(arguments: str, tmp_path: Path) -> None:
    everything = (*REMOTE, "rich", "yaml", "pydantic", "flowdeploy.config")
    assert loaded(everything, [arguments], tmp_path) == []


@pytest.mark.parametrize("arguments", HELP + OFFLINE, ids=" ".join)
def test_help_plans_and_mistakes_load_no_client_library(
    arguments: list[str], tmp_path: Path
) -> None:
    assert loaded(REMOTE, arguments, tmp_path) == []
