"""Whatever a service answers is a value or a ServiceError, and a value suits all who use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.config_files import (
    cron_changes,
    dispatch_yaml,
    index_yaml,
    queue_changes,
)
from flowdeploy.clients import (
    appengine,
    bucket_store,
    datastore,
    google_api,
    maven_repository,
    scheduler,
    service_usage,
    storage,
    tasks,
    transfers,
)
from flowdeploy.clients.answers import Answer, Form, parse_http_date
from flowdeploy.clients.failures import error_of_answer
from flowdeploy.errors import BadAnswer, ServiceError

TIME = "2026-08-01T07:30:34.5Z"
OPERATION = {
    "name": "apps/p/operations/1",
    "done": True,
    "error": {"code": 3, "message": "no"},
    "metadata": {"method": "google.appengine.v1.Versions.CreateVersion", "target": "apps/p"},
}
QUEUE = {
    "name": "projects/p/locations/l/queues/q",
    "state": "RUNNING",
    "type": "PUSH",
    "rateLimits": {"maxDispatchesPerSecond": 5, "maxBurstSize": 1, "maxConcurrentDispatches": 2},
    "retryConfig": {"maxAttempts": 3, "minBackoff": "0.1s", "maxBackoff": "9s", "maxDoublings": 1},
    "appEngineHttpQueue": {"appEngineRoutingOverride": {"host": "s.p.appspot.com"}},
    "stackdriverLoggingConfig": {"samplingRatio": 0.5},
    "taskTtl": "9s",
}
JOB = {
    "name": "projects/p/locations/l/jobs/j",
    "state": "PAUSED",
    "description": "d",
    "schedule": "every 1 hours",
    "timeZone": "UTC",
    "retryConfig": {"retryCount": 1, "maxRetryDuration": "0s", "minBackoffDuration": "1s"},
    "appEngineHttpTarget": {
        "relativeUri": "/a",
        "httpMethod": "GET",
        "appEngineRouting": {"host": "s.p.appspot.com"},
        "headers": {"User-Agent": "x"},
    },
}
INDEX = {
    "kind": "k",
    "ancestor": "NONE",
    "properties": [{"name": "a", "direction": "ASCENDING"}],
    "state": "READY",
}
RULE = {"domain": "*", "path": "/*", "service": "s"}
VERSION = {
    "servingStatus": "SERVING",
    "deployment": {"files": {"a": {"sha1Sum": "a" * 40, "sourceUrl": "https://x/y"}}},
}
SAMPLES: list[tuple[Form[Any], Any]] = [
    (appengine.APPLICATION, {"defaultHostname": "h", "codeBucket": "b", "servingStatus": "NEW"}),
    (appengine.SERVICE, {"split": {"allocations": {"1": 1}, "shardBy": "IP"}}),
    (appengine.SERVICES, {"services": [{"id": "s", "split": {}}], "nextPageToken": "t"}),
    (appengine.VERSION, VERSION),
    (appengine.VERSION, {"deployment": {"zip": {"sourceUrl": "https://x/y.zip"}}}),
    (appengine.VERSIONS, {"versions": [{"id": "v", "createTime": TIME, "servingStatus": "S"}]}),
    (appengine.OPERATION, OPERATION),
    (appengine.OPERATIONS, {"operations": [OPERATION], "nextPageToken": ""}),
    (
        bucket_store.LISTING,
        {"items": [{"name": "a", "generation": "1", "timeCreated": TIME}], "nextPageToken": "t"},
    ),
    (bucket_store.WRITTEN, {"updated": TIME}),
    (datastore.INDEXES, {"indexes": [INDEX]}),
    (appengine.DISPATCH, {"dispatchRules": [RULE]}),
    (google_api.LOCATIONS, {"locations": [{"locationId": "l"}]}),
    (maven_repository.ARTIFACT, {"recent_versions": [{"version": "1"}]}),
    (scheduler.JOBS, {"jobs": [JOB]}),
    (service_usage.APIS, {"services": [{"name": "projects/1/services/x", "state": "ENABLED"}]}),
    (
        storage.BUCKET,
        {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 15}}]}},
    ),
    (storage.OBJECTS, {"items": [{"name": "a", "timeCreated": TIME}]}),
    (storage.REWRITE, {"done": False, "rewriteToken": "t"}),
    (tasks.QUEUES, {"queues": [QUEUE]}),
    (transfers.OBJECT, {"name": "a", "generation": "12"}),
]
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**400, "", "x"),
    *([], [None], ["x"], {}, {"x": None}, {"x": {}}),
)
JSON = st.recursive(
    st.sampled_from([value for value in ODD if not isinstance(value, list | dict)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def answer(content: bytes) -> Answer:
    return Answer("GET https://x.googleapis.com/v1/y", 200, {}, content)


def read(form: Form[Any], value: Any) -> Any:
    """The value of an answer, or a ServiceError."""
    try:
        found = form.read(answer(json.dumps(value).encode()))
    except ServiceError as error:
        return error
    for use in USES.get(id(form), ()):
        use(found)
    return found


def require_value_or_bad_answer(found: Any) -> None:
    assert not isinstance(found, ServiceError) or isinstance(found, BadAnswer)


def compare_queues(page: Any) -> None:
    here = page.items or []
    for before, now in ((here, []), ([], here), (here, [QUEUE]), ([QUEUE], here)):
        changes = queue_changes.restoration(before, now)
        assert all(str(change) for change in changes)


def compare_jobs(page: Any) -> None:
    here = page.items or []
    for before, now in ((here, []), ([], here), (here, [JOB]), ([JOB], here)):
        assert all(str(change) for change in cron_changes.restoration(before, now))
        assert all(str(change) for change in cron_changes.for_file(before, now))


def compare_indexes(page: Any) -> None:
    index_yaml.for_file([index_yaml.Index.of(INDEX)], page.items or [])
    index_yaml.unready([index_yaml.Index.of(INDEX)], page.items or [])


def compare_rules(application: Any) -> None:
    here = application.dispatch_rules or []
    for wanted, there in ((here, []), ([RULE], here)):
        assert all(str(change) for change in dispatch_yaml.for_file(wanted, there))


USES: dict[int, list[Callable[[Any], object]]] = {
    id(tasks.QUEUES): [compare_queues],
    id(scheduler.JOBS): [compare_jobs],
    id(datastore.INDEXES): [compare_indexes],
    id(appengine.DISPATCH): [compare_rules],
    id(appengine.OPERATION): [appengine.to_operation],
    id(storage.BUCKET): [lambda bucket: storage.oldest_that_lasts(bucket.lifecycle)],
}


def mutated(value: Any) -> Iterator[Any]:
    """The value with each of its parts, and all of it, absent or something else."""
    yield from ODD
    if isinstance(value, dict):
        for name, part in value.items():
            yield {key: each for key, each in value.items() if key != name}
            yield from ({**value, name: other} for other in mutated(part))
    if isinstance(value, list):
        for at, part in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in mutated(part))


@pytest.mark.parametrize(("form", "sample"), SAMPLES)
def test_an_answer_is_read(form: Form[Any], sample: Any) -> None:
    assert not isinstance(read(form, sample), ServiceError)
    assert not isinstance(read(form, {**sample, "unheardOf": [{"of": None}]}), ServiceError)


@pytest.mark.parametrize(("form", "sample"), SAMPLES)
def test_every_mutation_of_an_answer_is_a_value_or_an_error(
    form: Form[Any], sample: dict[str, Any]
) -> None:
    for value in mutated(sample):
        require_value_or_bad_answer(read(form, value))


@given(st.sampled_from(SAMPLES), JSON)
def test_any_json_is_a_value_or_an_error(sample: tuple[Form[Any], Any], value: Any) -> None:
    require_value_or_bad_answer(read(sample[0], value))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"<html>", b'{"a": ', b"\xff", b'{"a": NaN}', b"[Infinity]", b'"\\ud800"'),
        *(b"[" * 200_000, b'{"a":' * 200_000, b"9" * 5000, b'{"a": ' + b"1" * 5000 + b"}"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_json_is_told_with_the_request_and_its_first_words(content: bytes) -> None:
    with pytest.raises(BadAnswer) as error:
        appengine.APPLICATION.read(answer(content))
    assert error.value.code == "UNKNOWN"
    assert "GET https://x.googleapis.com/v1/y" in error.value.message
    assert len(error.value.message) < 400


def test_a_page_has_the_list_that_was_asked_for() -> None:
    content = json.dumps({"items": [], "locations": [], "queues": [QUEUE]}).encode()
    assert tasks.QUEUES.read(answer(content)).items == [QUEUE]


def test_a_share_is_the_number_that_came() -> None:
    split = {"allocations": {"1": 1, "2": 0.5}}
    read = appengine.SERVICE.read(answer(json.dumps({"split": split}).encode()))
    assert read.split is not None
    assert read.split.allocations is not None
    assert [*map(type, read.split.allocations.values())] == [int, float]


def test_a_resource_is_kept_as_it_was_read_but_for_nulls() -> None:
    queue = {**QUEUE, "unheardOf": {"number": 1, "none": None}, "taskTtl": None}
    kept = tasks.QUEUES.read(answer(json.dumps({"queues": [queue]}).encode())).items
    assert kept == [
        {**{k: v for k, v in QUEUE.items() if k != "taskTtl"}, "unheardOf": {"number": 1}}
    ]
    with pytest.raises(BadAnswer, match="not finite"):
        tasks.QUEUES.read(answer(b'{"queues": [{"name": "x", "unheardOf": 1e999}]}'))


@given(st.integers(300, 599), st.dictionaries(st.just("error"), JSON) | JSON)
def test_any_error_has_words(status: int, body: Any) -> None:
    error = error_of_answer(Answer("GET https://x/y", status, {}, json.dumps(body).encode()))
    assert error.code
    assert error.message


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"message": "no", "status": "ABORTED"}, "ABORTED", "no"),
        ({"message": "no", "status": 10}, "PERMISSION_DENIED", "no"),
        ({"message": "no", "status": ["ABORTED"]}, "PERMISSION_DENIED", "no"),
        ({"message": None, "status": "ABORTED"}, "PERMISSION_DENIED", "GET https://x/y: {"),
        ({"message": {}}, "PERMISSION_DENIED", "GET https://x/y: {"),
    ],
)
def test_odd_errors(body: dict[str, Any], code: str, message: str) -> None:
    content = json.dumps({"error": body}).encode()
    error = error_of_answer(Answer("GET https://x/y", 403, {}, content))
    assert error.code == code
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "\ufeff\n<!DOCTYPE html>\n<html lang=en><head><style>p {}</style>"
            "<title>Error 502\n (Server Error)!!1</title></head><body><p>502</body></html>",
            "Error 502 (Server Error)!!1",
        ),
        ("<title> </title><script>a<b {}</script><b>Log</b>\n in &amp; go", "Log in & go"),
        ("<?xml version='1.0'?><Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket"),
        ("<html><body>" + "<p>many words</p>\n" * 50_000, ("many words " * 50)[:200]),
        ("<p" * 5_000, "no reason is given"),
        ("upstream connect error\nreset", "upstream connect error\nreset"),
        ("", "no reason is given"),
        ("x" * 20_000_000, "x" * 10_000),
    ],
)
@pytest.mark.parametrize("status", [403, 404, 502])
def test_a_page_in_place_of_an_error_is_one_short_line(status: int, body: str, words: str) -> None:
    error = error_of_answer(Answer("GET https://x/y", status, {}, body.encode()))
    assert error.message == f"GET https://x/y: {words}"


@given(st.text(st.sampled_from("<>/&;\n !-abctitlescript"), max_size=200))
def test_any_page_is_one_line(text: str) -> None:
    words = Answer("GET https://x/y", 500, {}, f"<{text}".encode()).words
    assert len(words) <= 200
    assert words.splitlines() in ([], [words])


@given(st.none() | st.text(max_size=40) | st.just("Sat, 01 Aug 2026 07:30:34 -0000"))
def test_any_date_is_a_time_with_a_zone_or_none(text: str | None) -> None:
    time = parse_http_date(text)
    assert time is None or time.tzinfo
