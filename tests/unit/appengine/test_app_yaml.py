"""app.yaml is read as gcloud reads it, and what is wrong is said all at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.app_yaml import AppYaml, parse, version_body
from flowdeploy.appengine.manifest import File, Manifest
from flowdeploy.errors import Refused


def app(*lines: str, runtime: str = "java21") -> AppYaml:
    return parse("\n".join((f"runtime: {runtime}", *lines)), "app.yaml")


def problems(*lines: str, runtime: str = "java21") -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        app(*lines, runtime=runtime)
    return refused.value.details


def handler(**keys: str) -> Any:
    text = json.dumps({"url": "/x", "script": "auto"} | keys)
    return app(f"handlers: [{text}]").fields["handlers"][0]


def test_the_smallest_file_makes_the_smallest_version() -> None:
    assert app().fields == {"runtime": "java21", "entrypoint": {"shell": ""}}
    assert app().service == "default"


def test_a_body_names_every_file_by_the_object_that_holds_it() -> None:
    files = Manifest((File("WEB-INF/web.xml", 3, "aa11"),))
    body = version_body(app("service: ui"), "20200403-073034", files, "staging.p.appspot.com")
    assert body["id"] == "20200403-073034"
    assert "service" not in body
    assert body["deployment"]["files"] == {
        "WEB-INF/web.xml": {
            "sourceUrl": "https://storage.googleapis.com/staging.p.appspot.com/aa11",
            "sha1Sum": "aa11",
        }
    }


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("true", "True"),
        ('"true"', "true"),
        ("1.50", "1.5"),
        ("0x1F", "31"),
        ("2020-01-02", "2020-01-02"),
        ("", "None"),
        ('""', ""),
        ("Ünïcode ✓", "Ünïcode ✓"),
    ],
)
def test_environment_variables_are_texts_as_python_writes_them(written: str, sent: str) -> None:
    found = app("env_variables:", f"  A: {written}")
    assert found.fields["envVariables"] == {"A": sent}


def test_a_variable_without_a_value_is_remarked_upon() -> None:
    (warning,) = app("env_variables:", "  A:").warnings
    assert warning.startswith("app.yaml:3: env_variables.A has no value")


@pytest.mark.parametrize(
    ("key", "written", "sent"),
    [
        ("min_pending_latency", "30ms", {"minPendingLatency": "0.03s"}),
        ("max_pending_latency", "1.5s", {"maxPendingLatency": "1.5s"}),
        ("max_pending_latency", "automatic", {}),
        ("min_idle_instances", "automatic", {"minIdleInstances": 0}),
        ("max_idle_instances", "007", {"maxIdleInstances": 7}),
        ("max_instances", "5", {"standardSchedulerSettings": {"maxInstances": 5}}),
        ("max_instances", '"5"', {"standardSchedulerSettings": {"maxInstances": 5}}),
        (
            "target_cpu_utilization",
            "0.6",
            {"standardSchedulerSettings": {"targetCpuUtilization": 0.6}},
        ),
    ],
)
def test_scaling_values(key: str, written: str, sent: dict[str, Any]) -> None:
    assert app(f"automatic_scaling: {{{key}: {written}}}").fields["automaticScaling"] == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [("4d 5h", "363600s"), ("10", "10s"), ("7d 7D 1m 30", "1209690s"), ('" 5m "', "300s")],
)
def test_expirations_are_seconds(written: str, sent: str) -> None:
    assert app(f"default_expiration: {written}").fields["defaultExpiration"] == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [("exec gunicorn", "gunicorn"), ("execute", "execute"), ("exec exec x", "exec x")],
)
def test_an_entry_point_loses_one_exec(given: str, sent: str) -> None:
    assert app(f"entrypoint: {given}").fields["entrypoint"] == {"shell": sent}


def test_beta_settings_come_from_three_keys_and_the_later_wins() -> None:
    found = app(
        "vm_settings: {c: 3, b: 2}", "beta_settings: {a: 1, b: 1}", "auto_id_policy: default"
    )
    assert found.fields["betaSettings"] == {
        "auto_id_policy": "default",
        "a": "1",
        "b": "2",
        "c": "3",
    }


def test_static_folders_are_spelled_out() -> None:
    found = app("handlers: [{url: /img/, static_dir: pictures/, secure: default}]")
    assert found.fields["handlers"] == [
        {
            "urlRegex": "/img/(.*)",
            "securityLevel": "SECURE_OPTIONAL",
            "staticFiles": {"path": r"pictures/\1", "uploadPathRegex": "pictures/.*"},
        }
    ]


def test_character_classes_of_posix_are_no_cause_for_warnings() -> None:
    found = app("handlers: [{url: '/[[:alpha:]]', static_dir: s}]", "nobuild_files: '[[:digit:]]'")
    assert found.fields["nobuildFilesRegex"] == "[[:digit:]]"


def test_what_is_the_default_of_a_handler_is_not_sent() -> None:
    plain = {
        "urlRegex": "/x",
        "securityLevel": "SECURE_OPTIONAL",
        "script": {"scriptPath": "auto"},
    }
    assert handler(login="optional", auth_fail_action="redirect") == plain
    assert handler(login="admin")["login"] == "LOGIN_ADMIN"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("threadsafe: true",), "app.yaml:2: threadsafe has no meaning with java21; remove it"),
        (("version: v1",), "app.yaml:2: version is not read from the file"),
        (("project: p",), "app.yaml:2: project is not read from the file"),
        (("env: flex",), "app.yaml:2: env is flex: the flexible environment is not supported"),
        (("vm: true",), "app.yaml:2: vm is True: the flexible environment is not supported"),
        (("skip_files: x",), "app.yaml:2: skip_files cannot be used with java21"),
        (("sessions_enabled: true",), "app.yaml:2: sessions_enabled is no key of app.yaml"),
        (("instance_clas: F1",), "app.yaml:2: instance_clas is no key of app.yaml; write instance"),
        (("standard_websocket: true",), "app.yaml:2: standard_websocket cannot be sent"),
        (("includes: [a.yaml]",), "app.yaml:2: includes is not supported"),
        (("service: a", "module: a"), "app.yaml:3: module stands beside service"),
        (("libraries: [{name: six, version: latest}]",), "app.yaml:2: libraries is for python27"),
        (("basic_scaling: {}",), "app.yaml:2: basic_scaling has no max_instances; add it"),
        (("basic_scaling: 5",), "app.yaml:2: basic_scaling cannot be 5; write a block"),
        (("env_variables: {1A: x}",), "app.yaml:2: env_variables.1A is no name"),
        (("inbound_services: [rest]",), "app.yaml:2: inbound_services[0] cannot be 'rest'"),
        (("default_expiration: 1d2h",), "app.yaml:2: default_expiration cannot be '1d2h'"),
        (("nobuild_files: '('",), "app.yaml:2: nobuild_files cannot be '('"),
        (("runtime: java17",), "app.yaml:2: runtime is there twice, first in line 1; remove one"),
        (("env_variables: &a {A: x}",), "app.yaml:2: anchors and references cannot be used"),
        (("env_variables: {A: !!timestamp x}",), "app.yaml:2: this is no timestamp that fits"),
        (("env_variables: {A: 9999-12-31T23:00:00-23:00}",), "app.yaml:2: this is no timestamp"),
        (("env_variables: {A: 1" + ":59" * 99_999 + "}",), "app.yaml:2: this is no int that fits"),
        (("a: [" + "a," * 50_000 + "]",), "the file has more than 50,000 values"),
        (("#" * (1 << 20),), "app.yaml:1: the file has more than 1024 KiB"),
        (("network: {}",), "app.yaml:2: network is a key of the flexible environment"),
        (
            ("automatic_scaling: {cpu_utilization: 1}",),
            "app.yaml:2: automatic_scaling.cpu_utilization is a key of the flexible environment",
        ),
        (
            ("automatic_scaling: {custom_metrics: []}",),
            "automatic_scaling.custom_metrics cannot be",
        ),
    ],
)
def test_a_problem_names_file_line_and_remedy(lines: tuple[str, ...], found: str) -> None:
    (problem,) = problems(*lines)
    assert found in problem


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("url: x, script: auto", "handlers[0].url cannot be 'x'"),
        ("script: auto", "handlers[0] has no url"),
        ("url: /x", "handlers[0] has nothing that answers"),
        ("url: /x, static_files: a", "handlers[0] has no upload"),
        ("url: /(x), static_dir: a", "handlers[0].url has groups"),
        ("url: /x, script: a, mime_type: b", "handlers[0].mime_type is no key of a script handler"),
        ("url: /x, script: a, login: null", "handlers[0].login is empty"),
        ("url: /x, script: a, position: head", "handlers[0].position belongs into files"),
        ("url: /x, api_endpoint: on", "handlers has an api_endpoint, which needs api_config"),
        (
            "url: /x, static_dir: a, mime_type: b, http_headers: {Content-Type: c}",
            "handlers[0] has both mime_type and a Content-Type header",
        ),
        (
            "url: /x, static_dir: a, application_readable: true",
            "handlers[0].application_readable has no meaning with java21",
        ),
        ("url: /x, static_dir: a, http_headers: {Host: a}", "is a header of requests"),
        ("url: /x, static_dir: a, http_headers: {X-AppEngine-A: a}", "App Engine keeps for itself"),
        ("url: /x, static_dir: a, http_headers: {X-A: ü}", "has a value that no header can have"),
        ("url: /x, static_dir: a, http_headers: {Connection: a}", "is set by the server itself"),
    ],
)
def test_problems_of_handlers(keys: str, found: str) -> None:
    (problem,) = problems(f"handlers: [{{{keys}}}]")
    assert problem.startswith("app.yaml:2: ")
    assert found in problem


def test_a_hundred_handlers_are_enough() -> None:
    hundred = ["- {url: /x, script: auto}"] * 100
    assert len(app("handlers:", *hundred).fields["handlers"]) == 100
    (problem,) = problems("handlers:", *hundred, "- {url: /y, script: auto}")
    assert problem == "app.yaml:2: handlers has 101 items; at most 100 are allowed"


def test_every_problem_is_told_at_once_in_the_order_of_lines() -> None:
    found = problems("manual_scaling: {instances: no}", "bogus: 1", "basic_scaling: {}")
    assert [problem.split(":")[1] for problem in found] == ["2", "2", "3", "4"]


def test_credentials_never_get_into_a_message() -> None:
    found = problems("env_variables:", "  KEY: [hunter2]", "  1KEY: hunter2", "  DAY: 2020-13-45")
    assert len(found) == 3
    assert not [problem for problem in found if "hunter2" in problem or "2020-13" in problem]


def test_first_generation_keys() -> None:
    found = app(
        "threadsafe: true",
        "skip_files: [a, b]",
        "libraries: [{name: ssl, version: latest}]",
        "handlers: [{url: /x, static_dir: s, application_readable: true}]",
        runtime="python27",
    )
    assert found.skip_files == "a|b"
    assert found.fields["libraries"] == [{"name": "ssl", "version": "2.7.11"}]
    assert found.fields["handlers"][0]["staticFiles"]["applicationReadable"] is True


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), "threadsafe is missing"),
        (("threadsafe: true", "handlers: [{url: /x, script: a.py}]"), "is a.py, a CGI script"),
        (
            ("threadsafe: true", "libraries: [{name: nope, version: '1'}]"),
            "nope is no library",
        ),
        (("threadsafe: true", "libraries: [5]"), "libraries[0] cannot be 5; write a block"),
        (
            ("threadsafe: true", "libraries: [{name: six, version: '1'}]"),
            "six has no version 1; use latest or 1.12.0, 1.9.0",
        ),
    ],
)
def test_rules_of_python27(lines: tuple[str, ...], found: str) -> None:
    (problem,) = problems(*lines, runtime="python27")
    assert found in problem


def test_keys_without_effect_are_told() -> None:
    assert app("zones: [a]").warnings == (
        "app.yaml:2: zones has no effect in App Engine any more and is not sent",
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "- a", "a: [", "runtime", b"\xff\xfe\x00", "\x00", "runtime: java21\n---\na: b"),
        *("{[1]: 2}", "!!python/object:os.system x", "[" * 500 + "]" * 500, "x: 0x" + "f" * 9000),
    ],
)
def test_what_is_no_app_yaml_is_refused(text: bytes | str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text, "app.yaml")
    assert refused.value.exit_code == 4
    assert refused.value.details[0].startswith("app.yaml:")


_KEYS = st.sampled_from(
    ["runtime", "handlers", "env_variables", "automatic_scaling", "url", "script", "static_dir"]
) | st.text(max_size=8)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_KEYS, inside, max_size=3),
    max_leaves=8,
)


def read_or_refused(text: bytes | str) -> AppYaml | tuple[str, ...]:
    try:
        return parse(text, "app.yaml")
    except Refused as refused:
        return refused.details


@given(st.dictionaries(_KEYS, _VALUES, max_size=5) | _VALUES)
def test_any_document_is_read_or_refused(document: Any) -> None:
    found = read_or_refused(json.dumps(document))
    assert found.fields["runtime"] if isinstance(found, AppYaml) else found


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused(text: bytes | str) -> None:
    found = read_or_refused(text)
    assert found.fields["runtime"] if isinstance(found, AppYaml) else found
