"""What is due of a configuration in each phase, and what is put on record of it."""

from __future__ import annotations

from typing import Any

import pytest

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import Snapshot
from flowdeploy.appengine.config_files.changes import LeaveQueue, PauseQueue
from flowdeploy.planning.plan import Phase
from flowdeploy.steps.configuration.kinds import (
    config_due,
    kinds_due,
    kinds_in,
    snapshot_from_json,
    snapshot_to_json,
)
from flowdeploy.steps.configuration.update import changes_to_send

FILES = {
    "index.yaml": "indexes:\n- {kind: Message, properties: [{name: a}, {name: b}]}\n",
    "queue.yaml": "queue:\n- {name: mail, rate: 5/s}\n",
    "cron.yaml": "cron:\n- {url: /a, schedule: every 24 hours}\n",
    "dispatch.yaml": 'dispatch:\n- {url: "*/a/*", service: default}\n',
}


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_its_kinds_of_the_configuration(phase: Phase) -> None:
    assert kinds_in(config_due(config_files.read(FILES), phase)) == kinds_due(phase)


@pytest.mark.parametrize("name", FILES)
def test_what_no_file_speaks_of_is_not_read(name: str) -> None:
    config = config_files.read({name: FILES[name]})
    due = {kind for phase in Phase for kind in kinds_in(config_due(config, phase))}
    assert due == set(kinds_in(config))
    assert len(due) == 1


def test_a_file_that_lists_nothing_speaks_of_its_part() -> None:
    kinds = kinds_in(config_files.read({"cron.yaml": "cron: []\n"}))
    assert [kind.key for kind in kinds] == ["jobs"]


@pytest.mark.parametrize(
    "snapshot",
    [
        Snapshot(),
        Snapshot(queues=()),
        Snapshot(queues=({"name": "mail"},), jobs=(), dispatch=({"path": "/a"},)),
    ],
)
def test_what_was_read_comes_back_from_the_record(snapshot: Snapshot) -> None:
    assert snapshot_from_json(snapshot_to_json(snapshot)) == snapshot


def test_what_is_only_named_is_not_sent() -> None:
    changes: Any = (LeaveQueue("old", "no longer listed"), PauseQueue("mail"))
    assert changes_to_send(changes) == [PauseQueue("mail")]
