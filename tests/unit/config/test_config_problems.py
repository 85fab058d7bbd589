"""Every mistake is found at once, where it stands, with what to write instead."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.config.loading import describe, load, problems
from flowdeploy.errors import ConfigError

VALID = """\
build: {commands: [make], staging: out}
rollout:
  waves: [{name: early}]
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
  - {id: flow-1, role: production}
"""


def found(tmp_path: Path, content: str | bytes) -> list[str]:
    """The problems as people see them, without the file's name."""
    path = tmp_path / "fleet.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [describe(path, problem).removeprefix(f"{path}:") for problem in problems(path)]


def test_a_valid_file_has_none(tmp_path: Path) -> None:
    assert found(tmp_path, VALID) == []


INSTANCE = "  - {id: flow-2, role: production, "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour: red", "8:1: unknown key colour; write one of build, descriptors, health, "),
        ("trunc: main", "8:1: unknown key trunc; write trunk:"),
        ("trunk: refs/heads/main", "8:8: refs/heads/main is a full ref name; write trunk: main"),
        ("trunk: HEAD", "8:8: 'HEAD' is not the short name of a branch; write one such as trunk: "),
        ("trunk: a..b", "8:8: 'a..b' is not the short name of a branch"),
        ("trunk: 7/head", "8:8: '7/head' is not the short name of a branch"),
        ("trunk: 20200403-073034", "8:8: '20200403-073034' is not the short name of a branch"),
        ("trunk: promote-20200403-073034", "is not the short name of a branch"),
        ("prune_queues: 'yes'", "8:15: prune_queues must be true or false, not 'yes'"),
        ("library: {jar: a.jar}", "8:10: library.pom is missing; write pom: pom.xml"),
        (
            "library: {jar: a.jar, pom: p.xml, repository: 'http://repo.example.org/m2'}",
            "8:47: library.repository is wrong: the repository http://repo.example.org/m2 would "
            "read the token in the clear: use https; write repository: https://clojars.org/repo",
        ),
        (
            "library: {jar: a.jar, pom: p.xml, repository: 'https://me:pw@example.org/m2'}",
            "8:47: library.repository cannot be 'https://example.org/m2'",
        ),
        ("library:", "8:9: library has no value; write one or remove it"),
        ("upload: {mode: tar}", "8:16: upload.mode must be 'files' or 'zip', not 'tar'"),
        ("records: s3://bucket", "8:10: records cannot be 's3://bucket'"),
        ("health: {timeout: 30}", "8:19: health.timeout is wrong: '30' is not a duration"),
        ("health: {attempts: 0}", "8:20: health.attempts must be at least 1, not 0"),
        ("health: {attempts: 101}", "8:20: health.attempts must be at most 100, not 101"),
        ("health: {timeout: 0s}", "8:19: health.timeout is wrong: an attempt takes from 1s to 10m"),
        ("health: {timeout: 1h}", "8:19: health.timeout is wrong: an attempt takes from 1s to 10m"),
        (INSTANCE + "skip: true}", "8:42: instances[3].skip must be text, not True"),
        (INSTANCE + "skip: }", "8:41: instances[3].skip has no value"),
        (INSTANCE + "url: ftp://x}", "8:41: instances[3].url cannot be 'ftp://x'"),
        (INSTANCE + "service: -x}", "8:45: instances[3].service cannot be '-x'"),
        (INSTANCE + "project: AB}", "8:45: instances[3].project cannot be 'AB'"),
        (INSTANCE + "project: flow-1}", "service default of project flow-1 is taken by instances"),
        (INSTANCE + "wave: late}", "8:42: rollout.waves has no wave late; write one of early"),
        (
            INSTANCE + "role: uat1}",
            "8:36: instances[3].role is there twice, first in line 8; remove one",
        ),
        (INSTANCE + "instance_class: F4}", "write instance_class: under settings:"),
        (INSTANCE + "settings: {service: web}}", "write service: beside settings:"),
        (INSTANCE + "settings: {scaling: 1}}", "8:47: unknown key instances[3].settings.scaling"),
        (
            INSTANCE + "settings: {env_variables: 5}}",
            "8:62: instances[3].settings.env_variables cannot be 5; write a block of `key: value`",
        ),
        (
            INSTANCE + "settings: {instance_class: [1]}}",
            "8:63: instances[3].settings.instance_class cannot be a list; write a text",
        ),
        (
            INSTANCE + "settings: {automatic_scaling: {max_instances: few}}}",
            "8:82: instances[3].settings.automatic_scaling.max_instances cannot be 'few'; write a",
        ),
        (
            INSTANCE + "settings: {automatic_scaling: {max_instance: 1}}}",
            "max_instance is no key of automatic_scaling; write max_instances",
        ),
        (INSTANCE + "<<: {}}", "8:36: unknown key instances[3].<<"),
        ("  - {id: flow-1, role: production}", "8:10: flow-1 is taken by instances[2]"),
        ("  - {id: flow-3, role: uat2}", "8:24: uat2 is taken by instances[1]"),
        ("  - {id: all, role: production}", "8:10: all means every production instance"),
        ("  - {id: 123, role: production}", "8:10: instances[3].id must be text, not 123"),
        ("  - {id: a/b, role: production}", "8:10: instances[3].id cannot be 'a/b'"),
        ("  - {id: abc, role: production}", "8:10: abc cannot be the id of the Google project"),
        ("  - {id: flow-3, role: prod}", "must be 'uat1', 'uat2' or 'production', not 'prod'"),
        ("  - {id: flow-3}", "8:5: instances[3].role is missing; write role: production"),
        ("  - flow-3", "8:5: instances[3] must be a mapping, not 'flow-3'"),
        ("  - {1: 2}", "8:6: a key must be text; write it in quotes"),
        ("  - !!python/object:os.system {}", "8:5: the tag tag:yaml.org,2002:python/object"),
        ("trunk: !!int main", "8:8: this is no int that fits; write it in quotes, as text"),
        ("trunk: 0x" + "f" * 9999, "8:8: this is no int that fits"),
        (
            "descriptors: {dir: a}",
            "8:15: unknown key descriptors.dir; write one of alias, directory",
        ),
        ("descriptors: {dir: a}", "8:14: descriptors.directory is missing"),
        ("descriptors: [a]", "8:14: descriptors must be a mapping, not ['a']"),
        ("descriptors: " + "x" * 256, "8:14: descriptors is wrong: no file system takes so long"),
        ("descriptors: " + "x/" * 1001, "8:14: descriptors is wrong: no file system takes so long"),
    ],
)
def test_a_mistake(tmp_path: Path, text: str, expected: str) -> None:
    lines = found(tmp_path, f"{VALID}{text}\n")

    assert any(expected in line for line in lines), lines


def test_a_uat_is_in_no_wave(tmp_path: Path) -> None:
    text = VALID.replace("role: uat1", "role: uat1, wave: early")

    assert found(tmp_path, text) == [
        "5:39: waves are for production instances; write nothing, remove wave:"
    ]


def test_a_fleet_needs_both_uats(tmp_path: Path) -> None:
    text = "build: {commands: [], staging: out}\ninstances: []\n"

    assert found(tmp_path, text) == [
        "2:12: no instance has the role uat1; write one with role: uat1",
        "2:12: no instance has the role uat2; write one with role: uat2",
    ]


@pytest.mark.parametrize(
    ("waves", "expected"),
    [
        ("{name: early}, {name: early}", "3:33: early is taken by rollout.waves[0]"),
        ("{name: early, max: 0}", "3:30: rollout.waves[0].max is wrong: with none at once"),
        ("{name: early, max: 101%}", "3:30: rollout.waves[0].max is wrong: '101%' is neither"),
        ("{name: early, max: true}", "3:30: rollout.waves[0].max is wrong: 'True' is neither"),
    ],
)
def test_a_mistake_in_the_waves(tmp_path: Path, waves: str, expected: str) -> None:
    (line,) = found(tmp_path, VALID.replace("{name: early}", waves))

    assert line.startswith(expected)


@pytest.mark.parametrize("jobs", [0, 257, 10**9])
def test_no_more_jobs_than_the_command_line_takes(tmp_path: Path, jobs: int) -> None:
    (line,) = found(tmp_path, VALID.replace("rollout:\n", f"rollout:\n  jobs: {jobs}\n"))

    assert line.startswith("3:9: rollout.jobs must be at ")


@pytest.mark.parametrize("trunk", ["main", "release/2.x", "promote-to-live", "ünï", "20200403"])
def test_a_trunk_has_any_name_that_means_a_branch(tmp_path: Path, trunk: str) -> None:
    assert found(tmp_path, f"{VALID}trunk: '{trunk}'\n") == []


def test_what_the_build_decides_about_settings_is_left_to_it(tmp_path: Path) -> None:
    settings = "{runtime: java21, threadsafe: true, instance_class: , env_variables: {A: 1}}"

    assert found(tmp_path, f"{VALID}{INSTANCE}settings: {settings}}}\n") == []


def test_all_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("trunk: 1\ncolour: red\ntrunk: main\ninstances: [{id: a b}]\n")

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert caught.value.exit_code == 2
    assert caught.value.details == tuple(describe(path, problem) for problem in problems(path))
    lines = [problem.position.line for problem in problems(path)]
    assert lines == sorted(lines)
    assert set(lines) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "1:1: the file is empty"),
        (b"# nothing\n", "1:1: the file is empty"),
        (b"~", "1:1: the file has no `key: value` lines; write at least `instances:`"),
        (b"[1, 2]", "1:1: the file has no `key: value` lines"),
        (b"a: [", "1:5: this is not YAML"),
        (b"a: b: c", "1:5: this is not YAML"),
        (b"a: *b", "1:4: this is not YAML: found undefined alias 'b'"),
        (b"a: 1\n---\nb: 2\n", "2:1: this is not YAML: expected a single document"),
        (b"a: 1\nb: \xff\n", "2:4: this is not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\0", "1:1: the character U+007F is not allowed"),
        (b'a: "\\ud800"', "1:4: half of a surrogate pair"),
        (b"[" * 100_000, "nested more than 50 deep"),
        (b"a: &a [*a]", "1:4: aliases make this endless"),
    ],
)
def test_what_is_no_document(tmp_path: Path, content: bytes, expected: str) -> None:
    (line,) = found(tmp_path, content)

    assert expected in line


def test_aliases_that_multiply_are_stopped(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 20)]

    (line,) = found(tmp_path, "\n".join(levels))

    assert "aliases make this endless, or far too large" in line


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert found(tmp_path, b"\xef\xbb\xbf" + VALID.encode()) == []


def test_a_message_holds_no_control_characters(tmp_path: Path) -> None:
    lines = found(tmp_path, VALID + '"\\e[2J": 1\ntrunk: "\\e[2J"\n')

    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


_PIECES = re.findall(r"[\w.!&*]+|\s+|\S", VALID + "max ~ 1 0x 1.5 2019-13-45 ' \" &a *a !!int ")


@given(st.binary() | st.lists(st.sampled_from(_PIECES)).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_are_either_a_configuration_or_have_problems(content: bytes) -> None:
    assert_sound(content)


@given(st.integers(0, len(VALID)), st.integers(0, 20), st.text(max_size=5))
def test_any_damage_is_either_harmless_or_has_problems(
    start: int, length: int, replacement: str
) -> None:
    damaged = VALID[:start] + replacement + VALID[start + length :]
    assert_sound(damaged.encode("utf-8", "surrogatepass"))


def assert_sound(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fleet.yaml")
        path.write_bytes(content)
        seen = tuple(describe(path, problem) for problem in problems(path))
        refused = details_of_refusal(path)

    assert refused == seen or (not refused and "there is no folder" in seen[0])


def details_of_refusal(path: Path) -> tuple[str, ...]:
    try:
        load(path)
    except ConfigError as error:
        return error.details
    return ()
