"""Ctrl-C in the first moments of a command, while it is still being imported."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = "import sys; from flowdeploy.__main__ import main; sys.exit(main())"
STARTS = {"module": ["-m", "flowdeploy"], "script": ["-c", SCRIPT]}


@pytest.mark.parametrize("moment", ["shlex", "click.core", "flowdeploy.errors", "pydantic", "yaml"])
@pytest.mark.parametrize("start", STARTS)
def test_an_early_interruption_is_no_traceback(tmp_path: Path, start: str, moment: str) -> None:
    command = [sys.executable, "-X", "importtime", *STARTS[start], "config", "check"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = []
        for line in process.stderr:  # each import that has ended
            said.append(line)
            if line.rpartition("|")[2].strip() == moment:
                process.send_signal(signal.SIGINT)
        assert process.wait() == 130, "".join(said[-30:])
    assert "Traceback" not in "".join(said)
