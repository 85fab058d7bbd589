"""Random and malformed requests: never a 5xx, and refused requests change no state."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App

OPERATIONS = """
POST /v1/apps
GET,PATCH,PUT /v1/apps/{app}
POST /v1/apps/{app}:repair
GET /v1/apps/{app}/operations
GET /v1/apps/{app}/operations/{object}
GET /v1/apps/{app}/locations/{location}
GET /v1/apps/{app}/services
GET,PATCH,DELETE /v1/apps/{app}/services/{service}
GET,POST /v1/apps/{app}/services/{service}/versions
GET,PATCH,DELETE /v1/apps/{app}/services/{service}/versions/{version}
GET /v1/apps/{app}/services/{service}/versions/{version}/instances
GET,POST /storage/v1/b
GET,PATCH,PUT,DELETE /storage/v1/b/{bucket}
GET /storage/v1/b/{bucket}/o
GET,PATCH,PUT,DELETE,HEAD /storage/v1/b/{bucket}/o/{object}
GET /download/storage/v1/b/{bucket}/o/{object}
POST /storage/v1/b/{bucket}/o/{object}/rewriteTo/b/{bucket}/o/{object}
POST /storage/v1/b/{bucket}/o/{object}/compose
POST,PUT /upload/storage/v1/b/{bucket}/o
POST,PUT /resumable/upload/storage/v1/b/{bucket}/o
GET /v2beta3/projects/{app}/locations
GET,POST /v2beta3/projects/{app}/locations/{location}/queues
GET,PATCH,DELETE /v2beta3/projects/{app}/locations/{location}/queues/{object}
POST /v2beta3/projects/{app}/locations/{location}/queues/{object}:pause
GET,POST /v1beta1/projects/{app}/locations/{location}/jobs
GET,PATCH,DELETE /v1beta1/projects/{app}/locations/{location}/jobs/{object}
GET,POST /v1/projects/{app}/indexes
GET,DELETE /v1/projects/{app}/indexes/{object}
POST /v1/projects/{app}/services/{object}:disable
GET,POST,PATCH,PUT /_sandbox/settings
GET,POST,DELETE /_sandbox/faults
GET,POST /_sandbox/clock
GET,DELETE /_sandbox/requests
GET /_sandbox/state
GET,POST /{object}
"""
KNOWN = {
    "app": ["akvoflow-1", "nobody"],
    "service": ["default", "api"],
    "version": ["1", "v2", "latest"],
    "bucket": ["staging.akvoflow-1.appspot.com", "nobody"],
    "object": ["x", "a/b", "cloudtasks.googleapis.com"],
    "location": ["europe-west1", "us-central"],
}
QUERIES = {
    "updateMask": ["split", "split.allocations,labels", "servingStatus", "*", ",", "schedule"],
    "view": ["FULL", "1", "X"],
    "pageSize": ["1", "-1", "x", "99999999999999999999"],
    "pageToken": ["eA==", "%%%", "x"],
    "filter": ["done:false", "("],
    "fields": ["items(name)", "a/b(c", ")", "*"],
    "uploadType": ["media", "multipart", "resumable", ""],
    "upload_id": ["x", "../x"],
    "name": ["x", "a/b", ""],
    "generation": ["0", "x"],
    "ifGenerationMatch": ["0", "1", "x"],
    "migrateTraffic": ["true", "x"],
    "project": ["akvoflow-1"],
    "$alt": ["json;enum-encoding=int"],
    "alt": ["media", "json"],
}
FIELDS = [
    *("id", "name", "runtime", "deployment", "files", "zip", "sourceUrl", "split", "locationId"),
    *("allocations", "shardBy", "handlers", "servingStatus", "manualScaling", "instances"),
    *("dispatchRules", "path", "service", "kind", "properties", "direction", "schedule"),
    *("rateLimits", "sourceObjects", "destination", "metadata", "contentType", "lifecycle"),
    *("advance", "times", "target"),
]

HALF_A_PAIR = b'{"name":"\\ud800","labels":{"a":"\\ud800"},"split":{"allocations":{"\\ud800":1}}}'
SPLIT = b'{"split":{"shardBy":"IP"}}'
OBJECTS = "/storage/v1/b/staging.akvoflow-1.appspot.com/o"

names = st.sampled_from(FIELDS) | st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from(["v2", "python312", "default", "SERVING", "3.5s"])
)
bodies = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
raw = bodies.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
plausible = st.sampled_from(
    [
        b'{"id":"v2","runtime":"python312","deployment":{"files":{"a":{"sourceUrl":"x"}}}}',
        b'{"split":{"allocations":{"1":1}}}',
        b'{"split":{"allocations":{"\\ud800":1}}}',
        b'{"name":"x","contentType":"a\\u0000b"}',
        b'{"kind":"A","properties":[{"name":"x","direction":1}]}',
        b'{"schedule":"every 2 hours","appEngineHttpTarget":{}}',
        b"[" * 5000,
    ]
)
headers = st.dictionaries(
    st.sampled_from(["Content-Range", "Range", "Content-Type", "X-Goog-Hash", "Host"]),
    st.sampled_from(
        [
            *("bytes 0-4/5", "bytes */5", "bytes=9-1", "bytes=0-", "md5=x,crc32c="),
            *("multipart/related; boundary=x", "akvoflow-1.ew.r.appspot.com", "application/json"),
            "v2-dot-akvoflow-1.appspot.com",
        ]
    ),
    max_size=2,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str]:
    """An HTTP method and a target."""
    methods, path = draw(st.sampled_from(OPERATIONS.strip().splitlines())).split(" ")
    for name, known in KNOWN.items():
        usual = st.sampled_from(known)
        value = draw(usual | usual | usual | st.text(min_size=1, max_size=6))
        path = path.replace(f"{{{name}}}", quote(value.encode("utf-8", "replace"), safe=""))
    chosen = draw(st.lists(st.sampled_from(sorted(QUERIES)), max_size=3, unique=True))
    query = {name: draw(st.sampled_from(QUERIES[name])) for name in chosen}
    return draw(st.sampled_from(methods.split(","))), f"{path}?{urlencode(query)}"


@pytest.fixture(scope="module")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("fuzz"), [App("akvoflow-1")]) as running:
        yield running


def snapshot(sandbox: Sandbox) -> dict[str, Any]:
    with sandbox.state.read() as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: [tuple(r) for r in db.execute(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests(), raw | plausible, headers)
def test_random_requests_get_no_5xx_and_refused_ones_change_nothing(
    module_sandbox: Sandbox,
    request_line: tuple[str, str],
    body: bytes,
    given_headers: dict[str, str],
) -> None:
    before = snapshot(module_sandbox)
    status = send(module_sandbox, request_line, body, given_headers)
    assert status < 500
    if status >= 400:
        assert snapshot(module_sandbox) == before


def send(
    sandbox: Sandbox, request_line: tuple[str, str], body: bytes, given_headers: dict[str, str]
) -> int:
    address = sandbox.url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request(*request_line, body, given_headers)
        return connection.getresponse().status


@pytest.mark.parametrize(
    ("request_line", "body", "given_headers"),
    [
        ("PATCH /v1/apps/akvoflow-1/services/default?updateMask=split", HALF_A_PAIR, {}),
        ("PATCH /v1/apps/akvoflow-1/services/default?updateMask=labels", HALF_A_PAIR, {}),
        ("PATCH /v1/apps/akvoflow-1/services/default?updateMask=split.shardBy.x", SPLIT, {}),
        ("PATCH /v1/apps/akvoflow-1/services/default?updateMask=split", b"[" * 100_000, {}),
        (f"POST /upload{OBJECTS}?uploadType=resumable", HALF_A_PAIR, {}),
        (f"POST /upload{OBJECTS}?uploadType=media&name=x", b"hello", {"Content-Encoding": "gzip"}),
        (f"POST /upload{OBJECTS}?uploadType=media&name=x", b"x", {"X-Goog-Hash": "md5=\xff"}),
        (f"POST /upload{OBJECTS}?uploadType=media&name=a%0Ab", b"x", {}),
        (f"GET {OBJECTS}?fields={'a/' * 3000}", b"", {}),
        ("GET /", b"", {"Host": "\xff-dot-akvoflow-1.appspot.com"}),
        ("GET /", b"", {"Host": "-dot-.appspot.com"}),
        ("POST /_sandbox/faults", b'{"kind":[]}', {}),
        ("PATCH /_sandbox/settings", b'{"latency":NaN}', {}),
        ("POST /_sandbox/clock", b'{"advance":1e400}', {}),
    ],
)
def test_malformed_requests_get_4xx_and_change_nothing(
    module_sandbox: Sandbox, request_line: str, body: bytes, given_headers: dict[str, str]
) -> None:
    before = snapshot(module_sandbox)
    method, target = request_line.split(" ")
    assert 400 <= send(module_sandbox, (method, target), body, given_headers) < 500
    assert snapshot(module_sandbox) == before
