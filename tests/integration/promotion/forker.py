"""Runs flowdeploy in processes of their own, which are there at once and can be killed.

All that a command loads is loaded here, once; each command is a fork. A line of JSON on
standard input begins one (``arguments``, ``environ``, ``folder``, ``out``, ``err``), and is
answered with its process id; ``{"wait": pid}`` is answered with how it ended, as `waitpid`
and `waitstatus_to_exitcode` say it.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
import threading
from typing import Any

LOADED = (
    "cli.execute",
    "cli.history",
    "cli.planning",
    "cli.promote",
    "cli.resume",
    "cli.rollback",
    "display.live",
    "display.plain",
    "display.report",
    "clients.cloud",
    "steps.traffic.verify",
    "steps.history",
    "steps.executor",
    "planning.plan_json",
)


class Patient(random.Random):
    """Between two attempts nobody need wait here."""

    def uniform(self, _a: float, _b: float) -> float:
        return 0.0


def main() -> None:
    for name in LOADED:
        importlib.import_module(f"flowdeploy.{name}")
    assert threading.active_count() == 1, "what is forked has locks that nobody gives back"
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _ended(asked["wait"]) if "wait" in asked else _begun(asked)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _begun(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _run(asked)
    return pid


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run(asked: dict[str, Any]) -> None:
    """Never returns."""
    from flowdeploy.cli.main import main as flowdeploy
    from flowdeploy.clients import failures

    code = 70
    try:
        os.chdir(asked["folder"])
        os.environ.update(asked["environ"])
        for number, path in enumerate(("/dev/null", asked["out"], asked["err"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        failures.CHANCE = Patient()
        flowdeploy(asked["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
