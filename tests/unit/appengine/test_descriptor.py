"""An instance's appengine-web.xml over app.yaml: all that the platform must know, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.app_yaml import parse, with_settings
from flowdeploy.appengine.app_yaml.descriptor import Said, read
from flowdeploy.errors import Refused

WHOLE = b"""<?xml version="1.0" encoding="utf-8"?>
<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">
  <application>akvoflow-1</application>
  <runtime>java21</runtime>
  <module>ui</module>
  <instance-class> F2 </instance-class>
  <app-engine-apis>true</app-engine-apis>
  <sessions-enabled>true</sessions-enabled>
  <automatic-scaling>
    <max-instances>3</max-instances>
    <min-pending-latency>30ms</min-pending-latency>
  </automatic-scaling>
  <env-variables><env-var name="REGION" value="b&amp;c"/></env-variables>
  <inbound-services><service>warmup</service></inbound-services>
  <vpc-access-connector><name>c</name></vpc-access-connector>
  <service-account>a@b</service-account>
  <system-properties><property name="secret" value="hunter2"/></system-properties>
  <static-files><include path="/**.png" expiration="1000d"/></static-files>
</appengine-web-app>
"""


def inside(xml: str) -> bytes:
    return f"<appengine-web-app>\n{xml}\n</appengine-web-app>".encode()


def refusal(xml: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        read(xml, "web.xml")
    return refused.value


def test_the_platform_s_settings_become_keys_of_app_yaml() -> None:
    found = read(WHOLE, "web.xml")
    assert (found.service, found.application) == ("ui", Said("akvoflow-1", 3))
    assert found.properties == {"secret": Said("hunter2", 17)}
    assert found.settings == {
        "runtime": "java21",
        "instance_class": "F2",
        "app_engine_apis": True,
        "automatic_scaling": {"max_instances": 3, "min_pending_latency": "30ms"},
        "env_variables": {"REGION": "b&c"},
        "inbound_services": ["warmup"],
        "vpc_access_connector": {"name": "c"},
        "service_account": "a@b",
    }


def test_app_yaml_then_descriptor_then_the_instance_s_settings() -> None:
    app = parse(
        "runtime: java21\nbasic_scaling: {max_instances: 9}\nenv_variables: {A: a, REGION: x}",
        "app.yaml",
    )
    described = with_settings(app, read(WHOLE, "web.xml").settings, "web.xml")
    settled = with_settings(described, {"instance_class": "F4"}, "instances.yaml")
    assert settled.fields["automaticScaling"] == {
        "minPendingLatency": "0.03s",
        "standardSchedulerSettings": {"maxInstances": 3},
    }
    assert "basicScaling" not in settled.fields
    assert settled.fields["envVariables"] == {"A": "a", "REGION": "b&c"}
    assert settled.fields["instanceClass"] == "F4"
    assert settled.origins["instance_class"] == "instances.yaml"
    assert settled.origins["automatic_scaling"] == "web.xml"
    assert settled.origins["env_variables.A"] == "app.yaml"
    assert settled.origins["env_variables.REGION"] == "web.xml"


def test_every_element_that_cannot_be_carried_over_is_named() -> None:
    refused = refusal(
        inside(
            "<health-check/>\n<runtime>java21</runtime>\n<network><name>n</name></network>\n"
            "<inbound-services><mail/></inbound-services>\n<env-variables><var/></env-variables>\n"
            "<automatic-scaling><a><b/></a></automatic-scaling>"
        )
    )
    assert refused.details == (
        "web.xml:2: <health-check> is not supported; remove it",
        "web.xml:4: <network> is not supported; remove it",
        "web.xml:5: <mail> is not supported; remove it",
        'web.xml:6: <var> is not <env-var name="…" value="…"/>',
        "web.xml:7: <b> is not supported; remove it",
    )


@pytest.mark.parametrize(
    ("xml", "found"),
    [
        (b"", "web.xml:1: is no XML: no element found"),
        (b"<a>", "web.xml:1: is no XML: no element found"),
        (b"<web-app/>", "web.xml:1: is <web-app>, not <appengine-web-app>"),
        (b"runtime: java21", "web.xml:1: is no XML: syntax error"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "web.xml:1: declares a document type"),
    ],
)
def test_what_is_no_descriptor_is_refused(xml: bytes, found: str) -> None:
    assert refusal(xml).message.startswith(found)


def test_a_value_that_cannot_be_is_refused_where_it_is_merged() -> None:
    app = parse("runtime: java21", "app.yaml")
    described = read(inside("<manual-scaling><instances>x</instances></manual-scaling>"), "w")
    with pytest.raises(Refused) as refused:
        with_settings(app, described.settings, "web.xml")
    assert refused.value.details == (
        "web.xml: manual_scaling.instances cannot be 'x'; write a whole number from 1 to"
        " 2147483647",
    )


@given(st.binary(max_size=40) | st.text(alphabet="<>/a&;!= ", max_size=40).map(str.encode))
def test_any_bytes_are_refused_rather_than_misread(xml: bytes) -> None:
    assert refusal(xml).message.startswith("web.xml")


@pytest.mark.parametrize("encoding", ["utf-j", "utf-7", "idna", "hex", "punycode", "x" * 1000])
def test_an_encoding_that_cannot_be_read(encoding: str) -> None:
    xml = f'<?xml version="1.0" encoding="{encoding}"?><appengine-web-app/>'
    with pytest.raises(Refused, match="is no XML"):
        read(xml.encode(), "appengine-web.xml")


def test_bundled_services_are_carried_though_older_java_tools_do_not_know_them() -> None:
    xml = inside("<app-engine-bundled-services><api>mail</api></app-engine-bundled-services>")
    assert read(xml, "web.xml").settings == {"app_engine_bundled_services": ["mail"]}
