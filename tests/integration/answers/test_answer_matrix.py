"""Every endpoint that commands ask, times every way in which an answer may be wrong: what a command
says is what is so, and no answer is a bug.

Answers of one endpoint are wrong in one of the cheapest commands that ask it, each time or, for
every other cell, the first time. Then the first answer of each endpoint is wrong in one run.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fault_proxy import FaultProxy
from tests.integration.answers.bench import COMMANDS, Bench
from tests.integration.answers.driver import Driver, Strike
from tests.integration.answers.honesty import untruths
from tests.integration.answers.mutations import mutations

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("impatient"),
    # google-auth leaves an answer with 401 to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestWarning"),
]
BY_NAME = {command.name: command for command in COMMANDS}
# Endpoint → the command that is driven, one of the cheapest that asks it.
CELLS = {
    "DELETE job": "promote",
    "DELETE object of library": "resume",
    "DELETE object of locks": "deploy",
    "GET app": "deploy",
    "GET bucket": "deploy",
    "GET indexes": "deploy",
    "GET jobs": "plan",
    "GET library API": "resume",
    "GET library file": "resume",
    "GET library metadata": "resume",
    "GET locations of jobs": "plan",
    "GET locations of queues": "deploy",
    "GET object media of files": "deploy with an archive",
    "GET object media of index": "deploy",
    "GET object media of library": "resume",
    "GET object media of locks": "deploy",
    "GET object media of releases": "deploy",
    "GET object media of runs": "status",
    "GET objects": "deploy",
    "GET objects delimiter": "status",
    "GET objects fields=kind": "deploy",
    "GET operation": "promote slowly",
    "GET operations": "status",
    "GET page": "promote",
    "GET queues": "deploy",
    "GET service": "deploy",
    "GET services": "status",
    "GET version": "deploy",
    "GET versions": "status",
    "PATCH app": "promote",
    "PATCH queue": "promote",
    "PATCH service": "promote",
    "POST batch": "run",
    "POST compose": "run with an archive",
    "POST indexes": "run",
    "POST jobs": "promote",
    "POST queue": "promote",
    "POST rewrite": "run without batches",
    "POST upload media": "deploy",
    "POST upload multipart": "run",
    "POST upload resumable": "run with a large file",
    "POST versions": "deploy",
    "PUT library file": "run",
    "PUT library metadata": "run",
    "PUT upload resumable": "run with a large file",
}
ALL = ("run", "promote", "rollback", "resume", "deploy with an archive", "reconfigure")
NAMES = tuple(mutations(""))


@pytest.fixture
def driver(bench: Bench, struck: FaultProxy, capsys: pytest.CaptureFixture[str]) -> Driver:
    return Driver(bench, struck, capsys)


def test_every_endpoint_has_its_row(driver: Driver) -> None:
    asked = {e for command in COMMANDS for e in driver.healthy(command).replies}
    assert asked == set(CELLS)


@pytest.mark.parametrize("endpoint", CELLS)
def test_wrong_answers_of_an_endpoint_lead_to_true_words(
    driver: Driver, elsewhere: FaultProxy, endpoint: str
) -> None:
    command = BY_NAME[CELLS[endpoint]]
    healthy = driver.healthy(command)
    row = list(CELLS).index(endpoint)
    found: list[str] = []
    for number, (name, fault) in enumerate(mutations(elsewhere.url).items()):
        # The longest commands meet a third of the mutations, each of them another.
        is_left_out = command.name.startswith("run") and (number + row) % 3
        if is_left_out or not healthy.differs(endpoint, fault):
            continue
        # An operation that never ends is waited for, for an hour.
        times = 1 if number % 2 or endpoint == "GET operation" else None
        elsewhere.asked.clear()
        ending = driver.run(command, Strike({endpoint: fault}, times))
        found += (f"{name}, {times or 'each'}: {why}" for why in untruths(ending, healthy))
        found += (f"{name}: {leak}" for leak in _leaks(elsewhere))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_first_wrong_answer_of_each_endpoint_leads_to_true_words(
    driver: Driver, elsewhere: FaultProxy, name: str
) -> None:
    fault = mutations(elsewhere.url)[name]
    command = BY_NAME[ALL[NAMES.index(name) % len(ALL)]]
    ending = driver.run(command, Strike(dict.fromkeys(CELLS, fault), 1))
    assert not [*untruths(ending, driver.healthy(command)), *_leaks(elsewhere)]


def _leaks(elsewhere: FaultProxy) -> Iterator[str]:
    """Changes, and requests with credentials, to where an answer leads."""
    for asked in elsewhere.asked:
        if asked.method not in ("GET", "HEAD") or "Authorization" in asked.headers:
            yield f"{asked.method} {asked.path} was sent elsewhere"
