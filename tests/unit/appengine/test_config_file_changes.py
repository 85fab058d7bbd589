"""Changes are told in the words of the files, and are in the order that works."""

from __future__ import annotations

from typing import Any

import pytest

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import ConfigChanges, Snapshot
from flowdeploy.appengine.config_files.changes import CreateCronJob, SettingChange, UpdateQueue

PARENT = "projects/p/locations/europe-west1"


def queue(name: str, state: str = "RUNNING", **retry: Any) -> dict[str, Any]:
    return {
        "name": f"{PARENT}/queues/{name}",
        "state": state,
        "rateLimits": {
            "maxDispatchesPerSecond": 5.0,
            "maxBurstSize": 5,
            "maxConcurrentDispatches": 1000,
        },
        "retryConfig": {
            "maxAttempts": -1,
            "minBackoff": "0.100s",
            "maxBackoff": "3600s",
            "maxDoublings": 16,
            **retry,
        },
    }


def job(number: int, path: str, state: str = "ENABLED", **fields: Any) -> dict[str, Any]:
    return {
        "name": f"{PARENT}/jobs/{number}",
        "state": state,
        "schedule": "every 24 hours",
        "timeZone": "UTC",
        "appEngineHttpTarget": {
            "relativeUri": path,
            "httpMethod": "GET",
            "headers": {"User-Agent": "AppEngine-Google; (+http://code.google.com/appengine)"},
            "appEngineRouting": {"host": "p.appspot.com"},
        },
        "legacyAppEngineCron": True,
        "lastAttemptTime": "2026-01-01T00:00:00Z",
        **fields,
    }


def rule(path: str, service: str) -> dict[str, str]:
    return {"domain": "*", "path": path, "service": service}


def planned(there: Snapshot, *, prune: bool = False, **files: str) -> ConfigChanges:
    config = config_files.read({f"{name}.yaml": text for name, text in files.items()})
    return config_files.changes(config, there, prune_queues=prune)


def lines(changes: ConfigChanges) -> list[str]:
    return [str(change) for change in changes.all]


def test_queues_are_told_in_the_words_of_their_file() -> None:
    there = Snapshot(queues=(queue("mail"), queue("rests", "PAUSED"), queue("old")))
    text = """
queue:
- {name: mail, rate: 2000/d, bucket_size: 10, target: v1.mail, retry_parameters:
    {task_retry_limit: 3, min_backoff_seconds: 10, task_age_limit: 2h}}
- {name: rests, rate: 5/s}
- {name: new, rate: 0.5/s}
- {name: still, rate: 0/s}
- {name: pulled, mode: pull}
"""
    assert lines(planned(there, queue=text)) == [
        "queue mail: rate 5/s → 2000/d, bucket_size 5 → 10, task_retry_limit unlimited → 3, "
        "min_backoff_seconds 0.1 s → 10 s, task_age_limit unlimited → 7200 s, "
        "target unset → v1.mail",
        "queue rests: resume",
        "queue new: create, 30/m",
        "queue still: create, paused",
        "queue pulled: create, a pull queue",
        "queue old: leave as it is (no longer listed)",
    ]


def test_an_update_sends_what_differs_and_no_more() -> None:
    (update,) = planned(Snapshot(queues=(queue("a"),)), queue="queue: [{name: a, rate: 9/s}]").all
    assert update == UpdateQueue(
        "a",
        {"rateLimits": {"maxDispatchesPerSecond": 9.0}},
        ("rateLimits.maxDispatchesPerSecond",),
        (SettingChange("rate", "5/s", "9/s"),),
    )


def test_unlisted_queues_are_paused_on_demand_only() -> None:
    there = Snapshot(queues=(queue("default"), queue("old"), queue("rests", "PAUSED")))
    left, paused = (planned(there, prune=prune, queue="queue: []") for prune in (False, True))
    assert lines(left) == ["queue old: leave as it is (no longer listed)"]
    assert not left
    assert lines(paused) == ["queue old: pause (no longer listed)"]
    assert paused


def test_cron_jobs_with_the_same_path_are_told_as_one_that_changes() -> None:
    there = Snapshot(jobs=(job(1, "/a"), job(2, "/b", description="b"), job(3, "/c")))
    text = """
cron:
- {url: /a, schedule: every 12 hours, description: new}
- {url: /b, schedule: every 24 hours, timezone: Europe/Oslo, retry_parameters: {}}
- {url: /d, schedule: every 5 minutes, timezone: Europe/Oslo}
"""
    found = planned(there, cron=text)
    assert lines(found) == [
        "cron job /a: schedule every 24 hours → every 12 hours, description none → new",
        "cron job /b: timezone UTC → Europe/Oslo, description b → none, "
        "retry_parameters none → 0 retries, 0.1-3600 s, 16 doublings, age 0 s",
        "cron job /d: create, every 5 minutes Europe/Oslo",
        "cron job /c: delete (every 24 hours)",
    ]
    assert found.cron == found.all


def test_indexes_are_created_and_never_deleted() -> None:
    known = {"kind": "A", "ancestor": "NONE", "state": "READY"}
    there = Snapshot(indexes=({**known, "properties": [{"name": "a", "direction": "ASCENDING"}]},))
    text = """
indexes:
- {kind: B, ancestor: yes, properties: [{name: a}, {name: b, direction: desc}]}
"""
    found = planned(there, index=text)
    assert lines(found) == ["index B (ancestor, a, b desc): create"]
    assert found.unfelt == found.all


def test_an_index_is_waited_for_until_it_serves() -> None:
    text = "indexes:\n" + "".join(
        f"- {{kind: {kind}, properties: [{{name: a}}]}}\n" for kind in "ABC"
    )
    indexes = config_files.read({"index.yaml": text}).indexes
    assert indexes is not None
    there = [
        {"kind": kind, "ancestor": "NONE", "state": state}
        | {"properties": [{"name": "a", "direction": "ASCENDING"}]}
        for kind, state in (("A", "READY"), ("B", "CREATING"))
    ]
    found = config_files.unready(indexes, there)
    assert [(str(index), state) for index, state in found] == [
        ("index B (a)", "CREATING"),
        ("index C (a)", ""),
    ]


def test_dispatch_rules_are_replaced_as_a_whole() -> None:
    there = Snapshot(dispatch=(rule("/a/*", "a"), rule("/b/*", "b")))
    text = "dispatch:\n- {url: '*/b/*', service: b}\n- {url: '*/c/*', service: c}\n"
    (change,) = planned(there, dispatch=text).dispatch
    assert str(change) == "dispatch rules: add */c/* → c, remove */a/* → a"
    assert change.rules == (rule("/b/*", "b"), rule("/c/*", "c"))
    text = "dispatch:\n- {url: '*/b/*', service: b}\n- {url: '*/a/*', service: a}\n"
    assert lines(planned(there, dispatch=text)) == ["dispatch rules: other order"]


def test_a_dark_deploy_creates_and_touches_nothing() -> None:
    there = Snapshot((), (queue("mail"),), (job(1, "/a"),), ())
    found = planned(
        there,
        index="indexes: [{kind: A, properties: [{name: a}]}]",
        queue="queue: [{name: mail, rate: 1/s}, {name: new, rate: 1/s}]",
        cron="cron: [{url: /b, schedule: every 1 hours}]",
        dispatch="dispatch: [{url: '*/a', service: a}]",
    )
    assert [str(change) for change in found.unfelt] == [
        "index A (a): create",
        "queue new: create, 1/s",
    ]
    assert [type(change).__name__ for change in found.cron + found.dispatch] == [
        "CreateCronJob",
        "DeleteCronJob",
        "SetDispatch",
    ]
    assert found.all == found.indexes + found.queues + found.cron + found.dispatch


def test_what_was_not_read_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="has not been read"):
        planned(Snapshot(queues=()), cron="cron: []")


def test_a_rollback_brings_back_settings_and_pauses() -> None:
    before = Snapshot(queues=(queue("a"), queue("b", "PAUSED"), queue("gone", "PAUSED")))
    now = Snapshot(queues=(queue("a", "PAUSED", maxDoublings=3), queue("b"), queue("new")))
    assert lines(config_files.restore(before, now)) == [
        "queue a: max_doublings 3 → 16",
        "queue a: resume",
        "queue b: pause",
        "queue gone: create, paused",
        "queue new: leave as it is (created since)",
    ]


def test_a_rollback_takes_a_target_away_that_was_not_there() -> None:
    override = {"appEngineRoutingOverride": {"host": "v1.worker.p.ew.r.appspot.com"}}
    with_target = {**queue("a"), "appEngineHttpQueue": override}
    away = config_files.restore(Snapshot(queues=(queue("a"),)), Snapshot(queues=(with_target,)))
    back = config_files.restore(Snapshot(queues=(with_target,)), Snapshot(queues=(queue("a"),)))
    assert lines(away) == ["queue a: target v1.worker → unset"]
    assert lines(back) == ["queue a: target unset → v1.worker"]
    (change,) = back.queues
    assert isinstance(change, UpdateQueue)
    assert change.body == {
        "appEngineHttpQueue": {"appEngineRoutingOverride": {"service": "worker", "version": "v1"}}
    }
    assert change.mask == ("appEngineHttpQueue.appEngineRoutingOverride",)


def test_a_rollback_brings_back_jobs_with_all_that_they_said() -> None:
    aimed = job(1, "/a", attemptDeadline="60s", retryConfig={"retryCount": 2})
    aimed["appEngineHttpTarget"]["appEngineRouting"] = {"host": "worker.p.appspot.com"}
    before = Snapshot(jobs=(aimed, job(2, "/b", "PAUSED"), job(3, "/c")))
    now = Snapshot(jobs=(job(7, "/b"), job(8, "/c", schedule="every 1 hours"), job(9, "/d")))
    found = config_files.restore(before, now)
    assert lines(found) == [
        "cron job /b: pause",
        "cron job /c: schedule every 1 hours → every 24 hours",
        "cron job /a: create, every 24 hours",
        "cron job /d: delete (every 24 hours)",
    ]
    assert found.cron[2] == CreateCronJob(
        {
            "schedule": "every 24 hours",
            "timeZone": "UTC",
            "retryConfig": {"retryCount": 2},
            "attemptDeadline": "60s",
            "appEngineHttpTarget": {
                "relativeUri": "/a",
                "httpMethod": "GET",
                "appEngineRouting": {"service": "worker"},
            },
            "legacyAppEngineCron": True,
        }
    )


def test_a_rollback_lets_jobs_run_that_ran() -> None:
    before, now = job(1, "/a"), job(1, "/a", "PAUSED")
    found = config_files.restore(Snapshot(jobs=(before,)), Snapshot(jobs=(now,)))
    assert lines(found) == ["cron job /a: resume"]


def test_a_job_that_calls_another_host_is_brought_back_too() -> None:
    """No cron.yaml makes one; someone may have."""
    outside = job(1, "/a", httpTarget={"uri": "https://example.org/a", "httpMethod": "POST"})
    del outside["appEngineHttpTarget"]
    found = config_files.restore(Snapshot(jobs=(outside,)), Snapshot(jobs=()))
    assert lines(found) == ["cron job https://example.org/a: create, every 24 hours"]


def test_what_was_not_recorded_is_left_alone() -> None:
    now = Snapshot((), (queue("a"),), (job(1, "/a"),), (rule("/a", "a"),))
    assert lines(config_files.restore(Snapshot(), now)) == []
    assert config_files.find_outside_changes(Snapshot(), Snapshot(), now) == ()


def test_what_someone_else_changed_is_named_in_their_direction() -> None:
    after = Snapshot(None, (queue("a"), queue("gone")), (job(1, "/a"), job(2, "/b")), ())
    faster = queue("a")
    faster["rateLimits"]["maxDispatchesPerSecond"] = 9.0
    now = Snapshot((), (faster, queue("new")), (job(1, "/a", "PAUSED"),), (rule("/a", "a"),))
    assert config_files.find_outside_changes(after, after, now) == (
        "queue a: rate 5/s → 9/s",
        "queue gone: delete",
        "cron job /a: pause",
        "cron job /b: delete (every 24 hours)",
        "dispatch rules: add */a → a",
    )


def test_what_a_promotion_made_and_what_came_back_of_it_is_nobody_elses() -> None:
    slower, paused = queue("a", minBackoff="9s"), queue("a", "PAUSED")
    before = Snapshot(None, (slower,), (job(1, "/a"), job(2, "/b")), (rule("/a", "a"),))
    after = Snapshot(None, (paused, queue("new")), (job(3, "/c"), job(2, "/b")), ())
    halfway = Snapshot(
        None,
        (queue("a", "PAUSED", minBackoff="9s"), queue("new", "PAUSED")),
        (job(1, "/a"), job(2, "/b"), job(3, "/c")),
        (rule("/a", "a"),),
    )
    for now in (before, after, halfway):
        assert config_files.find_outside_changes(before, after, now) == ()


def test_a_job_that_both_states_have_and_somebody_deleted_is_named() -> None:
    before, after = (Snapshot(jobs=(job(1, "/a"), job(n, f"/{n}"))) for n in (2, 3))
    now = Snapshot(jobs=(job(2, "/2"), job(4, "/4")))
    assert config_files.find_outside_changes(before, after, now) == (
        "cron job /4: create, every 24 hours",
        "cron job /a: delete (every 24 hours)",
    )
