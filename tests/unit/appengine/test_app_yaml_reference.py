"""The keys of app.yaml are all that the Admin API's Version can be told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import googleapiclient.discovery_cache
import pytest

from flowdeploy.appengine.app_yaml import parse
from flowdeploy.appengine.app_yaml.keys import REFUSED, SENT
from flowdeploy.appengine.forms.schema import camel
from flowdeploy.errors import Refused

DOCUMENTS = Path(googleapiclient.discovery_cache.__file__).parent / "documents"
SCHEMAS: dict[str, Any] = json.loads((DOCUMENTS / "appengine.v1.json").read_text())["schemas"]
# Given with the version, or written by the server only.
NOT_IN_APP_YAML = {"id", "deployment", "servingStatus", "generatedCustomerMetadata"}
FLEXIBLE = {
    *("endpointsApiService", "flexibleRuntimeSettings", "healthCheck", "livenessCheck"),
    *("network", "readinessCheck", "resources", "zones"),
}


def problem(text: str) -> str:
    with pytest.raises(Refused) as refused:
        parse(f"runtime: java21\n{text}", "app.yaml")
    return refused.value.details[0]


def test_every_field_of_a_version_has_a_key_or_a_reason_not_to_have_one() -> None:
    fields = SCHEMAS["Version"]["properties"]
    written = {name for name in fields if "@OutputOnly" not in fields[name]["description"]}
    sent = {(key.name or camel(name)).partition(".")[0] for name, key in SENT.items()}
    assert sent | NOT_IN_APP_YAML | FLEXIBLE == written
    assert {"network", "resources", "health_check"} <= REFUSED.keys()


def test_direct_vpc_egress_is_sent() -> None:
    app = parse(
        "runtime: java21\nvpc_access:\n"
        "  network_interface: {network: net, subnet: s, tags: [a, b]}\n"
        "  vpc_egress: private-ranges-only\n",
        "app.yaml",
    )
    interface = {"network": "net", "subnet": "s", "tags": ["a", "b"]}
    sent = app.fields["vpcAccess"]
    assert sent == {"networkInterfaces": [interface], "vpcEgress": "PRIVATE_IP_RANGES"}
    assert sent.keys() == SCHEMAS["VpcAccess"]["properties"].keys()
    assert interface.keys() == SCHEMAS["VpcNetworkInterface"]["properties"].keys()
    listed = "runtime: java21\nvpc_access: {network_interface: [{subnet: s}]}"
    assert parse(listed, "a").fields["vpcAccess"] == {"networkInterfaces": [{"subnet": "s"}]}


def test_every_bundled_service_of_the_api_can_be_named() -> None:
    items = SCHEMAS["Version"]["properties"]["appEngineBundledServices"]["items"]["enum"][1:]
    words = [item.removeprefix("BUNDLED_SERVICE_TYPE_").lower() for item in items]
    app = parse(f"runtime: java21\napp_engine_bundled_services: {words}", "app.yaml")
    assert app.fields["appEngineBundledServices"] == items
    # Google's reference has two of them in other words.
    app = parse("runtime: java21\napp_engine_bundled_services: [user, taskqueue]", "app.yaml")
    assert app.fields["appEngineBundledServices"] == [
        "BUNDLED_SERVICE_TYPE_USERS",
        "BUNDLED_SERVICE_TYPE_TASKQUEUES",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("vpc_access: {}", "app.yaml:2: vpc_access has no network_interface; add it"),
        (
            "vpc_access: {network_interface: {tags: [a]}}",
            "app.yaml:2: vpc_access.network_interface has neither network nor subnet; add one of"
            " them",
        ),
        (
            "vpc_access: {network_interface: [{subnet: a}, {subnet: b}]}",
            "app.yaml:2: vpc_access.network_interface cannot be a list; write one network"
            " interface",
        ),
        (
            "vpc_access: {network_interface: {subnet: a}, egress: x}",
            "app.yaml:2: vpc_access.egress is no key of vpc_access; write vpc_egress",
        ),
        (
            "vpc_access_connector: {name: c}\nvpc_access: {network_interface: {subnet: a}}",
            "app.yaml:3: vpc_access stands beside vpc_access_connector; keep one of them",
        ),
        (
            "app_engine_apis: true\napp_engine_bundled_services: [mail]",
            "app.yaml:3: app_engine_bundled_services stands beside app_engine_apis; keep one of"
            " them",
        ),
    ],
)
def test_what_the_api_would_refuse_is_refused(text: str, found: str) -> None:
    assert problem(text) == found
