"""The bench, once for all tests that a process runs, and waits that are over in a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.integration.answers.bench import Bench, open_bench
from tests.integration.conftest import clean_environment

from flowdeploy.clients import failures
from flowdeploy.rollout.pool import Pool
from flowdeploy.rollout.tasks import InstanceTask


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with open_bench(tmp_path_factory.mktemp("answers")) as bench:
        yield bench


@pytest.fixture(scope="session")
def elsewhere(bench: Bench) -> Iterator[FaultProxy]:
    """A server that answers may lead to."""
    with fault_proxy(bench.remote.url) as proxy:
        yield proxy


@pytest.fixture
def struck(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The proxy that the commands of a test go through."""
    with (
        fault_proxy(bench.remote.url) as proxy,
        pytest.MonkeyPatch.context() as patch,
        clean_environment(patch),
    ):
        patch.chdir(bench.root)
        patch.setenv("FLOWDEPLOY_SANDBOX", proxy.url)
        yield proxy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All waits are over in a moment: no option of a command says how long they are."""
    sleep, pause, longest = time.sleep, Pool._pause, 0.002

    def pause_shortly(pool: Pool, task: InstanceTask, seconds: float) -> None:
        pause(pool, task, min(seconds, longest))

    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, longest)))
    monkeypatch.setattr(failures, "_scattered", lambda *_: longest)
    monkeypatch.setattr(Pool, "_pause", pause_shortly)
