"""Whether a process that is on record still runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Any

import pytest

from flowdeploy.records.process import Process

CHILD = """
import dataclasses, json
from flowdeploy.records.process import Process
print(json.dumps(dataclasses.asdict(Process.current())), flush=True)
input()
"""


@pytest.fixture
def ours() -> Process:
    this = Process.current()
    if this is None:
        pytest.skip("no /proc of this PID namespace")
    return this


def test_this_process_runs(ours: Process) -> None:
    assert not ours.is_gone()
    assert ours == Process.current()
    assert Process.from_json(asdict(ours)) == ours


def test_a_killed_process_is_gone_even_before_its_parent_has_noticed(ours: Process) -> None:
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        process = Process.from_json(json.loads(child.stdout.readline()))
        assert process
        assert (process.pid, process.namespace) == (child.pid, ours.namespace)
        assert not process.is_gone()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.is_gone()
    assert process.is_gone()


def test_a_pid_that_was_given_out_again_is_another_process(ours: Process) -> None:
    assert replace(ours, started=ours.started - 1).is_gone()


def test_of_another_machine_or_container_nothing_is_known(ours: Process) -> None:
    gone = replace(ours, started=ours.started - 1)
    assert not replace(gone, boot="another").is_gone()
    assert not replace(gone, namespace="pid:[1]").is_gone()


def test_a_pid_that_no_process_can_have_is_gone(ours: Process) -> None:
    assert replace(ours, pid=1 << 70).is_gone()


@pytest.mark.parametrize(
    "document",
    [None, [], "x", {}, {"boot": 1}, {"boot": "b", "namespace": "n", "pid": "1", "started": 1}],
)
def test_what_is_no_process_is_none(document: Any) -> None:
    assert Process.from_json(document) is None


def test_what_a_later_version_adds_does_no_harm() -> None:
    process = Process("b", "n", 1, 2)
    assert Process.from_json(asdict(process) | {"thread": 3}) == process
