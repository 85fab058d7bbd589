"""A machine that gives few threads, or none: a clear error, or a run that takes longer."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

# Threads with stacks of 512 MiB, in an address space that has room for some of them.
LIMITED = """\
import resource, sys, threading
threads, *sys.argv[1:] = sys.argv[1:]
threading.stack_size(512 << 20)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
from flowdeploy.__main__ import main
limit = size + (400 << 20) + int(threads) * (512 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main()
"""


def _run(threads: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    # One arena of malloc: each thread would take 64 MiB for its own.
    environ = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-c", LIMITED, str(threads), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_a_thread_the_error_names_jobs(fleet: Project) -> None:
    ended = _run(0, "promote", "v2", "all")
    assert (ended.returncode, fleet.remote.changes()) == (1, []), ended.stderr
    assert "no more threads" in ended.stdout + ended.stderr
    assert "--jobs" in ended.stdout + ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_few_threads_do_the_work_of_many(fleet: Project) -> None:
    """Or the run is told that there are none, where those that end still take their room."""
    ended = _run(3, "promote", "v2", "all", "--jobs", "32")
    if ended.returncode == 1:
        assert "no more threads" in ended.stdout + ended.stderr
        return
    assert ended.returncode == 0, ended.stderr
    assert fleet.remote.live("akvoflow-5") == {"v2": 1.0}
