"""A terminal that closes during a run, and signals that whoever started us wants to be ignored."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IGNORING = 'trap "" HUP INT TERM; exec "$@"'


def _started(shell: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "flowdeploy", "--verbose", "--format", "json", "run", RELEASE]
    return subprocess.Popen(
        ["sh", "-c", shell, "sh", *program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _read_to(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    assert any(text in " ".join(line.split()) for line in iter(stream.readline, ""))


def _report(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    report = json.loads(out)
    assert process.returncode == report["exit_code"]
    return report


def test_a_terminal_that_closes_interrupts_the_run_once(project: Project) -> None:
    project.remote.settings(operation_seconds=1000)
    process = _started('exec "$@"')
    _read_to(process.stderr, "flow-uat1 creating the version")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    report = _report(process)
    assert (report["exit_code"], report["outcome"]) == (130, "interrupted")
    (run,) = project.runs
    assert json.loads((run / "report.json").read_text()) == report


def test_ignored_signals_stay_ignored(project: Project) -> None:
    process = _started(IGNORING)
    for moment in ("build begins", "flow-uat1 creating the version"):
        _read_to(process.stderr, moment)
        for number in SIGNALS:
            process.send_signal(number)
    assert _report(process)["outcome"] == "succeeded"
