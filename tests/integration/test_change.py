"""One change of one app, over an engine that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from flowdeploy.appengine.resources import Operation
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.failures import Retries
from flowdeploy.errors import QuotaExceeded, ServiceError, Unauthenticated
from flowdeploy.report import Aspect, Change, Outcome, State
from flowdeploy.rollout.contract import Done, Pause, StepFailed
from flowdeploy.steps.change import (
    ATTEMPTS,
    LOOKS,
    UNKNOWN,
    UNTOUCHED,
    ChangeRequest,
    ReadBack,
    send_and_verify,
)

MEANT = Change(Aspect.VERSION, None, "v2")
LEFT = Done(Outcome.UNCHANGED, State.DARK)
DENIED = ServiceError("PERMISSION_DENIED", "no")
DENIED.is_refusal = True
BUSY = QuotaExceeded("RESOURCE_EXHAUSTED", "Quota exceeded for 'Requests per minute'")
BUSY.is_refusal = True
TODAY = QuotaExceeded("RESOURCE_EXHAUSTED", "Quota exceeded for 'Requests per day'")
TODAY.is_refusal = True
TAKEN = ServiceError("ABORTED", "another operation is already in progress")
TAKEN.is_refusal = True
GARBLED = ServiceError("PERMISSION_DENIED", "<html>a portal</html>")
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
        self.waited = 0.0
        self.told: list[str] = []
        self.retries = Retries(self.told.append)

    def ask(self, kind: str) -> Answer:
        self.asked.append(kind)
        answers = self.answers[kind]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    def prepare_changes(self) -> None: ...

    def operation(self, _: str) -> Answer:
        return self.ask("poll")

    def operations_under_way(self, _: str) -> tuple[Operation, ...]:
        return ()

    def run(self) -> int:
        """Makes the change; how often it was sent."""
        send = cast("Callable[[], Operation]", lambda: self.ask("send"))
        for request in send_and_verify(
            ChangeRequest(cast("AppEngine", self), "p", MEANT, send, self._read_back)
        ):
            self.waited += request.seconds if isinstance(request, Pause) else 0
        return self.asked.count("send")

    def _read_back(self) -> ReadBack:
        return ReadBack(bool(self.ask("happened")), LEFT)


def test_a_change_that_takes_effect_is_sent_once() -> None:
    engine = Engine([BEGUN], [BEGUN, WELL], [True])
    assert engine.run() == 1
    assert engine.asked == ["send", "poll", "poll", "happened"]


@pytest.mark.parametrize(
    ("sends", "polls", "happened", "left"),
    [
        ([DENIED], [WELL], [False], LEFT),
        ([DENIED], [WELL], [DENIED], UNTOUCHED),
        ([BUSY], [WELL], [False], LEFT),
        ([BEGUN], [BADLY], [False], LEFT),
        ([BEGUN], [BADLY], [DENIED], UNKNOWN),
        ([GARBLED], [WELL], [False], UNKNOWN),
        ([LOST, DENIED], [WELL], [False], UNKNOWN),
        ([LOST, DENIED], [WELL], [False, DENIED], UNKNOWN),
    ],
    ids=[
        "refused",
        "refused and not shown",
        "refused every time",
        "ended in error",
        "ended in error and not shown",
        "refused by somebody else",
        "lost, then refused",
        "lost, then refused and not shown",
    ],
)
def test_a_failed_change_leaves_what_was_read(
    sends: list[Answer], polls: list[Answer], happened: list[Answer], left: Done
) -> None:
    with pytest.raises(StepFailed) as failed:
        Engine(sends, polls, happened).run()
    assert failed.value.left == left


@pytest.mark.parametrize("happened", [[False, True], [False, False, False, True]])
def test_a_read_that_lags_behind_a_failed_operation_is_repeated(happened: list[Answer]) -> None:
    assert Engine([BEGUN], [BADLY], happened).run() == 1


def test_what_an_earlier_attempt_has_left_is_not_forgotten() -> None:
    internal = Operation("apps/p/operations/1", done=True, error=ServiceError("INTERNAL", "oops"))
    engine = Engine([internal, DENIED], [WELL], [*[False] * LOOKS, DENIED])
    with pytest.raises(StepFailed) as failed:
        engine.run()
    assert failed.value.left == LEFT


def test_a_refused_token_is_tried_once_more() -> None:
    expired = Unauthenticated("UNAUTHENTICATED", "the token has expired")
    expired.is_refusal = True
    assert Engine([expired, BEGUN], [WELL], [False, True]).run() == 2
    with pytest.raises(StepFailed) as failed:
        Engine([expired], [WELL], [False]).run()
    assert failed.value.left == LEFT


@pytest.mark.parametrize(
    ("sends", "polls"),
    [([BEGUN], [BADLY]), ([GARBLED], [WELL]), ([DENIED], [WELL]), ([BEGUN], [DENIED])],
    ids=["ended in error", "refused by somebody else", "refused", "not shown"],
)
def test_a_change_that_is_in_effect_succeeds_whatever_was_said(
    sends: list[Answer], polls: list[Answer]
) -> None:
    assert Engine(sends, polls, [True]).run() == 1


def test_a_change_that_cannot_be_seen_at_once_is_looked_for_again() -> None:
    assert Engine([WELL], [WELL], [False, False, True]).run() == 1


@pytest.mark.parametrize(
    ("sends", "polls", "happened"),
    [
        ([BEGUN], [DENIED], [False]),
        ([BEGUN], [LOST], [DENIED]),
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
    with pytest.raises(StepFailed) as failed:
        Engine(sends, polls, happened).run()
    assert failed.value.left == UNKNOWN


def test_a_lost_request_that_took_effect_is_not_sent_again() -> None:
    engine = Engine([LOST], [WELL], [True])
    assert engine.run() == 1
    assert engine.asked.count("send") == 1


def test_a_lost_request_that_took_no_effect_is_sent_again() -> None:
    assert Engine([LOST, BEGUN], [WELL], [False, True]).run() == 2


def test_a_used_up_quota_is_waited_for_over_minutes() -> None:
    engine = Engine([*[BUSY] * 8, BEGUN], [WELL], [*[False] * 8, True])
    assert engine.run() == 9
    assert 60 < engine.waited < 300
    assert engine.told == [f"waiting up to 4 minutes for a quota: {BUSY.message}"]


@pytest.mark.parametrize("answer", [BUSY, TAKEN])
def test_a_change_that_is_refused_every_time_is_waited_for_within_limits(
    answer: ServiceError,
) -> None:
    engine = Engine([answer], [WELL], [False])
    with pytest.raises(StepFailed) as failed:
        engine.run()
    assert failed.value.error is answer
    assert failed.value.left == LEFT
    assert engine.waited < 400


def test_the_state_is_read_after_the_wait_and_before_the_next_attempt() -> None:
    engine = Engine([BUSY, BEGUN], [WELL], [False, True])
    engine.run()
    assert engine.asked == ["send", "happened", "send", "poll", "happened"]


def test_a_quota_of_a_day_is_not_waited_for() -> None:
    engine = Engine([TODAY], [WELL], [False])
    with pytest.raises(StepFailed):
        engine.run()
    assert (engine.asked, engine.waited) == (["send", "happened"], 0)


def test_the_number_of_attempts_is_limited() -> None:
    engine = Engine([LOST], [WELL], [False])
    with pytest.raises(StepFailed):
        engine.run()
    assert engine.asked.count("send") == ATTEMPTS
