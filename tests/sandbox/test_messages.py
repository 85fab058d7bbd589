"""Message definitions compared with Google's discovery documents and enums; parsing."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Any

import googleapiclient.discovery_cache
import pytest
from google.cloud import appengine_admin_v1, datastore_admin_v1, scheduler_v1beta1, tasks_v2beta3
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.sandbox import cloud_scheduler, cloud_tasks, datastore
from flowdeploy.sandbox.appengine import enums, resources
from flowdeploy.sandbox.google_api import messages
from flowdeploy.sandbox.google_api.errors import ApiError
from flowdeploy.sandbox.google_api.messages import (
    EnumType,
    FieldType,
    ListOf,
    MapOf,
    MessageType,
    ScalarType,
    to_camel,
    to_snake,
)
from flowdeploy.sandbox.google_api.partial_response import select_fields

DOCUMENTS = Path(googleapiclient.discovery_cache.__file__).parent / "documents"
PLAIN = {
    "BOOL": ("boolean", None),
    "BYTES": ("string", "byte"),
    "DOUBLE": ("number", "double"),
    "DURATION": ("string", "google-duration"),
    "INT32": ("integer", "int32"),
    "INT64": ("string", "int64"),
    "STRING": ("string", None),
    "TIMESTAMP": ("string", "google-datetime"),
    "UINT32": ("integer", "uint32"),
}
# Fields that the sandbox does not have: they belong to other kinds of tasks and jobs.
LEFT_OUT = {
    *("Queue.httpTarget", "Job.pubsubTarget", "Job.satisfiesPzs", "Job.status"),
    *("HttpTarget.oauthToken", "HttpTarget.oidcToken"),
}


def schemas(document: str) -> Any:
    return json.loads((DOCUMENTS / f"{document}.json").read_text())["schemas"]


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (resources.APPLICATION, "appengine.v1"),
        (resources.SERVICE, "appengine.v1"),
        (resources.VERSION, "appengine.v1"),
        (cloud_tasks.QUEUE, "cloudtasks.v2beta3"),
        (cloud_scheduler.JOB, "cloudscheduler.v1beta1"),
        (datastore.INDEX, "datastore.v1"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_messages_have_the_fields_of_the_discovery_document(
    kind: MessageType, document: str
) -> None:
    assert list(differences(kind, schemas(document)[kind.name], schemas(document))) == []


def differences(kind: FieldType, schema: Any, known: Any) -> Any:
    schema = known[schema["$ref"]] if "$ref" in schema else schema
    match kind:
        case MessageType():
            yield from _field_differences(kind, schema, known)
        case ListOf():
            yield from differences(kind.of, schema["items"], known)
        case MapOf():
            yield from _map_differences(kind, schema, known)
        case EnumType() if list(kind.numbers) != schema["enum"]:
            yield f"{kind.name}: {schema['enum']}"
        case ScalarType() if PLAIN[kind.name] != (schema["type"], schema.get("format")):
            yield f"{schema} is not {kind.name}"


def _map_differences(kind: MapOf, schema: Any, known: Any) -> Any:
    # Skip the values of maps that only the service writes.
    if schema.get("additionalProperties", {}).get("type") != "any" and "id" not in schema:
        yield from differences(kind.of, schema["additionalProperties"], known)


def _field_differences(kind: MessageType, schema: Any, known: Any) -> Any:
    theirs = {name for name in schema["properties"] if f"{kind.name}.{name}" not in LEFT_OUT}
    yield from (f"{kind.name}.{name}" for name in theirs ^ kind.fields.keys())
    for name in theirs & kind.fields.keys():
        yield from differences(kind.fields[name], schema["properties"][name], known)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (enums.APP_STATUS, appengine_admin_v1.Application.ServingStatus),
        (enums.AUTH_FAIL_ACTION, appengine_admin_v1.AuthFailAction),
        (enums.DATABASE, appengine_admin_v1.Application.DatabaseType),
        (enums.EGRESS, appengine_admin_v1.VpcAccessConnector.EgressSetting),
        (enums.ERROR_CODE, appengine_admin_v1.ErrorHandler.ErrorCode),
        (enums.INBOUND_SERVICE, appengine_admin_v1.InboundServiceType),
        (enums.INGRESS, appengine_admin_v1.NetworkSettings.IngressTrafficAllowed),
        (enums.LOGIN, appengine_admin_v1.LoginRequirement),
        (enums.REDIRECT_CODE, appengine_admin_v1.UrlMap.RedirectHttpResponseCode),
        (enums.ROLLOUT, appengine_admin_v1.EndpointsApiService.RolloutStrategy),
        (enums.SECURITY_LEVEL, appengine_admin_v1.SecurityLevel),
        (enums.SHARD_BY, appengine_admin_v1.TrafficSplit.ShardBy),
        (enums.VERSION_STATUS, appengine_admin_v1.ServingStatus),
        (cloud_tasks.STATE, tasks_v2beta3.Queue.State),
        (cloud_tasks.TYPE, tasks_v2beta3.Queue.Type),
        (cloud_scheduler.STATE, scheduler_v1beta1.Job.State),
        (cloud_scheduler.HTTP_METHOD, scheduler_v1beta1.HttpMethod),
        (datastore.STATE, datastore_admin_v1.Index.State),
        (datastore.ANCESTOR, datastore_admin_v1.Index.AncestorMode),
        (datastore.DIRECTION, datastore_admin_v1.Index.Direction),
    ],
    ids=lambda value: value.name if isinstance(value, EnumType) else "",
)
def test_enums_have_the_numbers_of_googles_libraries(
    ours: EnumType, theirs: type[enum.IntEnum]
) -> None:
    assert ours.numbers == {name: item.value for name, item in theirs.__members__.items()}


@pytest.mark.parametrize(
    ("given_version", "words"),
    [
        ({"colour": 1}, "Unknown name \"colour\" at 'version': Cannot find field."),
        ({"deployment": {"files": {"a": {"b": 1}}}}, "'version.deployment.files[a]'"),
        ({"vm": "true"}, "Invalid value at 'version.vm' (TYPE_BOOL), \"true\""),
        ({"manualScaling": {"instances": 1.5}}, "(TYPE_INT32), 1.5"),
        ({"manualScaling": {"instances": 2**31}}, "(TYPE_INT32)"),
        ({"servingStatus": "ON"}, "type.googleapis.com/google.appengine.v1.ServingStatus"),
        ({"inboundServices": "X"}, "'version.inbound_services'"),
        ({"defaultExpiration": "3 s"}, "(TYPE_DURATION)"),
    ],
)
def test_an_invalid_version_is_refused_with_googles_error(given_version: Any, words: str) -> None:
    with pytest.raises(ApiError) as refusal:
        messages.parse_message(resources.VERSION, given_version, "version")
    assert words in refusal.value.message


def test_parsing_normalizes_the_spellings_of_a_message() -> None:
    message = {
        "app_engine_apis": True,
        "threadsafe": False,
        "manual_scaling": {"instances": "3"},
        "serving_status": 1,
        "inboundServices": ["INBOUND_SERVICE_WARMUP", 1],
        "default_expiration": "10.50s",
        "env": None,
        "entrypoint": {"shell": ""},
    }
    assert messages.parse_message(resources.VERSION, message, "version") == {
        "appEngineApis": True,
        "manualScaling": {"instances": 3},
        "servingStatus": "SERVING",
        "inboundServices": ["INBOUND_SERVICE_WARMUP", "INBOUND_SERVICE_MAIL"],
        "defaultExpiration": "10.500s",
        "entrypoint": {},
    }


@given(st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z][a-z0-9]{0,5}){0,3}", fullmatch=True))
def test_snake_case_survives_a_round_trip(name: str) -> None:
    assert to_snake(to_camel(name)) == name


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (None, {"a": {"b": 1, "c": 2}, "d": [{"b": 3, "c": 4}], "e": 5}),
        ("a/b", {"a": {"b": 1}}),
        ("a(b,c),e", {"a": {"b": 1, "c": 2}, "e": 5}),
        ("d(c)", {"d": [{"c": 4}]}),
        ("*/b", {"a": {"b": 1}, "d": [{"b": 3}], "e": 5}),
        ("nothing", {}),
    ],
)
def test_a_field_mask_selects_fields(mask: str | None, expected: Any) -> None:
    body = {"a": {"b": 1, "c": 2}, "d": [{"b": 3, "c": 4}], "e": 5}
    assert select_fields(body, mask) == expected


@pytest.mark.parametrize("mask", ["a(", "a)", "a,,b", "a//b", "a(b))", "ä", ",", "a b"])
def test_a_malformed_field_mask_is_refused(mask: str) -> None:
    with pytest.raises(ApiError, match="Invalid field selection"):
        select_fields({}, mask)
