"""One change of one app, over an engine that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.errors import ServiceError
from flowdeploy.report import Aspect, Change
from flowdeploy.rollout.contract import StepFailed
from flowdeploy.steps.change import ATTEMPTS, ChangeRequest, send_and_verify

MEANT = Change(Aspect.VERSION, None, "v2")
DENIED = ServiceError("PERMISSION_DENIED", "no")
LOST = ServiceError("CONNECTION", "the connection was lost")
BEGUN = Operation("apps/p/operations/1")
WELL = Operation("apps/p/operations/1", done=True)
BADLY = Operation("apps/p/operations/1", done=True, error=ServiceError("NOT_FOUND", "no file"))

Answer = Operation | ServiceError | bool


class Engine:
    """Answers of each kind, in order; the last one goes on for ever."""

    def __init__(self, sends: list[Answer], polls: list[Answer], happened: list[Answer]) -> None:
        self.answers = {"send": sends, "poll": polls, "happened": happened}
        self.asked: list[str] = []

    def ask(self, kind: str) -> Answer:
        self.asked.append(kind)
        answers = self.answers[kind]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    def operation(self, _: str) -> Answer:
        return self.ask("poll")

    def operations_under_way(self, _: str) -> tuple[Operation, ...]:
        return ()

    def run(self) -> int:
        send = cast("Callable[[], Operation]", lambda: self.ask("send"))
        happened = cast("Callable[[], bool]", lambda: self.ask("happened"))
        running = send_and_verify(
            ChangeRequest(cast("AppEngine", self), "p", MEANT, send, happened)
        )
        while True:
            try:
                next(running)
            except StopIteration as end:
                return cast("int", end.value)


def test_a_change_that_takes_effect_is_sent_once() -> None:
    engine = Engine([BEGUN], [BEGUN, WELL], [True])
    assert engine.run() == 1
    assert engine.asked == ["send", "poll", "poll", "happened"]


@pytest.mark.parametrize(
    ("sends", "polls"),
    [([DENIED], [WELL]), ([BEGUN], [BADLY])],
    ids=["refused", "ended in error"],
)
def test_a_refusal_means_that_nothing_was_changed(sends: list[Answer], polls: list[Answer]) -> None:
    with pytest.raises(ServiceError):
        Engine(sends, polls, [False]).run()


@pytest.mark.parametrize(
    ("sends", "polls", "happened"),
    [
        ([BEGUN], [DENIED], [True]),
        ([BEGUN], [LOST], [True]),
        ([BEGUN], [WELL], [False]),
        ([BEGUN], [WELL], [DENIED]),
        ([LOST], [WELL], [DENIED]),
        ([LOST], [WELL], [False]),
    ],
    ids=["unseen", "lost", "not there", "not shown", "lost and not shown", "lost every time"],
)
def test_a_failure_after_an_accepted_request_leaves_the_outcome_unknown(
    sends: list[Answer], polls: list[Answer], happened: list[Answer]
) -> None:
    with pytest.raises(StepFailed):
        Engine(sends, polls, happened).run()


def test_a_lost_request_that_took_effect_is_not_sent_again() -> None:
    engine = Engine([LOST], [WELL], [True])
    assert engine.run() == 1
    assert engine.asked.count("send") == 1


def test_a_lost_request_that_took_no_effect_is_sent_again() -> None:
    assert Engine([LOST, BEGUN], [WELL], [False, True]).run() == 2


def test_the_number_of_attempts_is_limited() -> None:
    engine = Engine([LOST], [WELL], [False])
    with pytest.raises(StepFailed):
        engine.run()
    assert engine.asked.count("send") == ATTEMPTS
