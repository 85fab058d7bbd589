"""Indexes, queues, cron jobs and dispatch rules are read together, all problems at once."""

from __future__ import annotations

import pytest

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import AppConfig
from flowdeploy.errors import Refused


def problems(**files: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        config_files.read({f"{name}.yaml": text for name, text in files.items()})
    return refused.value.details


def test_what_no_file_speaks_of_is_none() -> None:
    config = config_files.read({"WEB-INF/appengine-generated/index.yaml": "indexes: []"})
    assert config.indexes == ()
    assert (config.queues, config.cron, config.dispatch) == (None, None, None)


def test_files_of_other_names_are_passed_over() -> None:
    others = {"app.yaml": "runtime: [", "old-cron.yaml": "nonsense"}
    assert config_files.read(others) == AppConfig()


def test_the_problems_of_all_files_are_told_with_their_lines() -> None:
    assert problems(
        queue="queue:\n- name: mail\n  rate: 5\n- {name: mail, rate: 1/s}\n",
        cron="cron:\n- url: purge\n",
    ) == (
        "cron.yaml:2: cron[0] has no schedule; add it",
        "cron.yaml:2: cron[0].url cannot be 'purge'; write a path that begins with /",
        "queue.yaml:3: queue[0].rate cannot be 5; write a rate such as 5/s, 2000/d or 0/s",
        "queue.yaml:4: queue[1] is a second queue mail; keep one",
    )


def test_one_file_of_a_name_is_enough() -> None:
    with pytest.raises(Refused) as refused:
        config_files.read({"cron.yaml": "cron:", "WEB-INF/cron.yaml": "cron:"})
    assert refused.value.details == ("cron.yaml: is a second cron.yaml; keep one",)


@pytest.mark.parametrize("name", ["index", "queue", "cron", "dispatch"])
@pytest.mark.parametrize("text", ["", "# only remarks\n", "{}", "- a", "word", "a: [", "a: &x 1"])
def test_what_is_no_block_of_keys_is_refused(name: str, text: str) -> None:
    assert problems(**{name: text})[0].startswith(f"{name}.yaml:1: ")


@pytest.mark.parametrize("name", ["index", "queue", "cron", "dispatch"])
def test_an_application_in_a_file_is_refused(name: str) -> None:
    (problem,) = problems(**{name: "application: akvoflow-1\n"})
    assert problem.startswith(f"{name}.yaml:1: application cannot be set here")


def test_what_cloud_tasks_has_not_is_remarked_upon() -> None:
    text = "total_storage_limit: 5M\nqueue:\n- {name: a, rate: 1/s, acl: [{user_email: b}]}\n"
    assert config_files.read({"queue.yaml": text}).warnings == (
        "queue.yaml:1: total_storage_limit is not sent: Cloud Tasks has no such setting",
        "queue.yaml:3: queue[0].acl is not sent: Cloud Tasks has no such setting",
    )


def test_time_zones_are_looked_up_where_they_are_known() -> None:
    text = "cron:\n- {url: /a, schedule: every 1 hours, timezone: Mars/Phobos}\n"
    assert config_files.read({"cron.yaml": text}).cron
    with pytest.raises(Refused):
        config_files.read({"cron.yaml": text}, zones={"Europe/Amsterdam"})
    assert config_files.read({"cron.yaml": text}, zones={"Mars/Phobos"}).cron


@pytest.mark.parametrize("description", ["x" * 500, "two\\nlines"])
def test_a_job_is_described_in_a_line(description: str) -> None:
    good = f"- {{url: /a, schedule: every 1 hours, description: {'x' * 499}}}"
    bad = f'- {{url: /a, schedule: every 1 hours, description: "{description}"}}'
    (problem,) = problems(cron=f"cron:\n{good}\n{bad}")
    assert problem.startswith("cron.yaml:3: cron[1].description cannot be")
    assert problem.endswith("write one line of at most 499 characters")


def test_indexes_are_refused_where_datastore_has_none_such() -> None:
    found = problems(
        index="indexes:\n"
        "- {kind: A, properties: [{name: a, mode: geospatial}]}\n"
        "- {kind: A, properties: [{name: __key__}]}\n"
        "- {kind: A, ancestor: 1, properties: [{name: a}]}\n"
    )
    assert [line.partition(" ")[2].partition(";")[0] for line in found] == [
        "indexes[0].properties[0].mode cannot be sent: the Datastore API has no such index",
        "indexes[1].properties needs no index of its own",
        "indexes[2].ancestor cannot be 1",
    ]


def test_dispatch_rules_are_as_many_and_as_long_as_the_api_takes() -> None:
    rule = "- {url: '*/%s', service: a}\n"
    good = config_files.read({"dispatch.yaml": "dispatch:\n" + rule % ("x" * 98) * 20})
    assert good.dispatch is not None
    assert len(good.dispatch) == 20
    assert "at most 100 characters" in problems(dispatch="dispatch:\n" + rule % ("x" * 99))[0]
    assert "at most 20 are allowed" in problems(dispatch="dispatch:\n" + rule % "x" * 21)[0]
