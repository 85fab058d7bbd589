"""One change of a configuration may take several requests: each asks for the locks first."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from flowdeploy.appengine.config_files.changes import Change, CreateQueue, ReplaceCronJob
from flowdeploy.errors import LockHeld
from flowdeploy.rollout.contract import LockCheck, StepFailed
from flowdeploy.steps.change import UNKNOWN
from flowdeploy.steps.configuration.send_change import send_change

QUEUE = CreateQueue("mail", {}, (), paused=True)
JOB = ReplaceCronJob("old", {"name": "new"}, (), paused=True)


def requests_between(change: Change) -> list[int]:
    """How many requests had been sent at each check of the locks, and in all."""
    cloud: Any = Mock()
    counts = []
    for asked in send_change(cloud, "p", change):
        assert isinstance(asked, LockCheck)
        counts.append(len(cloud.method_calls))
    return [*counts, len(cloud.method_calls)]


def test_the_locks_are_asked_for_between_any_two_requests() -> None:
    assert requests_between(QUEUE) == [1, 2]
    assert requests_between(JOB) == [1, 2, 3]


def test_a_lock_that_is_lost_in_between_leaves_an_unknown_state() -> None:
    sending = send_change(Mock(), "p", QUEUE)
    next(sending)
    with pytest.raises(StepFailed) as failed:
        sending.throw(LockHeld("taken over"))
    assert failed.value.left == UNKNOWN
