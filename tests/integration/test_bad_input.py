"""What users get wrong: one sentence, what to do, the right exit code, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Ended, Project

RELEASE = "20200403-073034"


@pytest.fixture(autouse=True)
def no_bugs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracebacks of ours would be kept among the temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def _told(ended: Ended, code: int, *words: str) -> None:
    assert ended.code == code
    assert "Traceback" not in ended.out + ended.err
    for word in words:
        assert word in ended.out + ended.err


@pytest.fixture
def config(project: Project) -> Path:
    return project.root / "config/instances.yaml"


@pytest.mark.parametrize("command", [["run", "master"], ["plan", "master"], ["config", "check"]])
def test_no_configuration(project: Project, config: Path, command: list[str]) -> None:
    config.unlink()
    _told(project.run(*command), 2, "no config/instances.yaml in", "--config FILE")


@pytest.mark.parametrize("command", [["run", "master"], ["plan", "master"], ["config", "check"]])
def test_a_folder_for_a_configuration(project: Project, config: Path, command: list[str]) -> None:
    config.unlink()
    config.mkdir()
    _told(project.run(*command), 2, "config/instances.yaml")
    _told(project.run(*command, "--config", "."), 2)


@pytest.mark.parametrize("command", [["run", "master"], ["plan", "master"], ["config", "check"]])
def test_a_pipe_for_a_configuration_is_not_waited_at(
    project: Project, config: Path, command: list[str]
) -> None:
    config.unlink()
    os.mkfifo(config)
    _told(project.run(*command), 2, "config/instances.yaml: it is a pipe")


def test_a_configuration_may_come_from_a_shells_pipe(project: Project, config: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, config.read_bytes())
    os.close(writer)
    config.unlink()
    ended = project.run("promote", "1", "all", "--dry-run", "--config", f"/dev/fd/{reader}")
    _told(ended, 0, "akvoflow-5")
    os.close(reader)


@pytest.mark.parametrize("command", [["run", "master"], ["plan", "master"], ["config", "check"]])
def test_a_working_folder_that_is_gone(
    project: Project, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "gone").mkdir()
    project.monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ended = project.run(*command)
    project.monkeypatch.chdir(project.root)
    _told(ended, 2, "the working folder cannot be used: No such file or directory")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe" * 1000,
        b"\x7fELF\x02\x01\x01\x00",
        b"[1, 2",
        b"instances: !!python/object/apply:os.system [echo]",
        b"a: &a [*a]",
        b"null",
        b"instances: []\n" * 2,
        "build: \N{BLACK SQUARE}\ud800".encode("utf-8", "surrogatepass"),
    ],
    ids=range(9),
)
def test_garbage_for_a_configuration(project: Project, config: Path, content: bytes) -> None:
    config.write_bytes(content)
    for command in (["config", "check"], ["run", "master"], ["promote", "1", "all"]):
        _told(project.run(*command), 2, "config/instances.yaml")


def test_every_problem_of_a_configuration_is_told_at_once(project: Project, config: Path) -> None:
    text = config.read_text()
    text = text.replace("build:", "biuld: {}\nbuild:").replace("role: uat2", "role: uat1")
    text = text.replace("{id: akvoflow-2,", "{id: akvoflow-1,").replace("akvoflow-3,", "Akvo_3!,")
    config.write_text(text)
    ended = project.run("config", "check", "--format", "json")
    assert ended.code == 2
    problems = ended.json["problems"]
    assert {"biuld", "uat2", "akvoflow-1", "Akvo_3!"} <= set(
        re.findall(r"[\w!-]+", json.dumps(problems))
    )
    lines = project.run("config", "check").err.splitlines()
    places = [line for line in lines if re.match(r"\s+\S*instances\.yaml:\d+:\d+: ", line)]
    assert len(places) == len(problems) >= 4
    refusal = project.run("run", "master")
    for line in places:
        assert line.strip() in refusal.err


def test_a_repository_that_reads_the_token_in_the_clear_is_told(
    project: Project, config: Path
) -> None:
    text = config.read_text()
    config.write_text(text.replace("library: {", "library: {repository: 'http://10.0.0.1/m2', "))
    assert config.read_text() != text
    for command in (["config", "check"], ["run", "master"], ["library", "check"]):
        ended = project.run(*command)
        assert ended.code == 2
        assert "config/instances.yaml:4:23: library.repository is wrong" in ended.err
        assert "in the clear: use https" in ended.err
    config.write_text(text.replace("library: {", "library: {repository: 'http://127.0.0.1/m2', "))
    assert project.run("config", "check").code == 0


def test_a_configuration_that_is_valid_is_confirmed(project: Project) -> None:
    ended = project.run("config", "check")
    assert ended.code == 0
    assert "akvoflow-37: closed in 2019" in ended.out
    assert project.run("config", "check", "--format", "json").json["problems"] == []


@pytest.mark.parametrize(
    "ref",
    [
        "",
        " ",
        "20201399-996161",
        "refs/tags/v1.2",
        "refs/tags/promote-20201399-996161",
        "promote-",
        "promote-me",
        "refs/heads/",
        "refs/pull/x/merge",
        "refs/notes/commits",
        "a..b",
        "a b",
        "-x" * 3,
        "a\x1b[31m",
        "a\n",
        "HEAD",
        "@",
        "٢٠٢٠٠٤٠٣-٠٧٣٠٣٤.lock",
        "x" * 100_000 + "~",
    ],
)
def test_odd_refs(project: Project, ref: str) -> None:
    for command in ("run", "plan"):
        _told(project.run(command, "--", ref), 2, "Accepted: ")
    assert project.remote.requests() == []


def test_a_branch_may_have_any_name_that_git_accepts(project: Project) -> None:
    for ref in ("ünïcödé", "a/b-c_d", "x" * 200, "٢٠٢٠٠٤٠٣-٠٧٣٠٣٤"):
        assert project.run("plan", ref, "--format", "json").json["kind"] == "feature"


def test_a_staged_folder_without_app_yaml(project: Project) -> None:
    project.edit("build.py", '"app.yaml"', '"other.yaml"')
    ended = project.run("run", RELEASE, "--allow-dirty")
    _told(ended, 4, "target/staging/app.yaml does not exist", "build.staging")
    assert project.remote.changes() == []


@pytest.mark.parametrize(
    ("app_yaml", "words"),
    [
        ("runtime: [", "app.yaml"),
        ("runtime: java21\\nrunntime: x", "runntime"),
        ("runtime: java21\\nservice: api", "service"),
        ("\\x00", "app.yaml"),
    ],
)
def test_an_app_yaml_that_app_engine_would_not_take(
    project: Project, app_yaml: str, words: str
) -> None:
    project.edit("build.py", "runtime: java21", app_yaml)
    ended = project.run("run", RELEASE, "--allow-dirty")
    _told(ended, 4, words)
    assert project.remote.changes() == []


def test_a_build_that_stages_nothing(project: Project) -> None:
    project.write("build.py", "")
    ended = project.run("run", RELEASE, "--allow-dirty")
    _told(ended, 4, "target/staging does not exist")


def test_prebuilt_where_nothing_is_built(project: Project) -> None:
    _told(project.run("run", RELEASE, "--prebuilt"), 4, "target/staging does not exist")


def test_a_library_that_is_not_built(project: Project) -> None:
    project.write("build.py", "")
    ended = project.run("run", "my-feature", "--allow-dirty")
    _told(ended, 4, "flow-classes.jar cannot be read", "has it been built?")
    assert project.remote.changes() == []


def test_a_build_that_fails(project: Project) -> None:
    project.write(
        "build.py", "for n in range(50): print('line', n)\nraise SystemExit('no compiler')"
    )
    report = project.report("run", RELEASE, "--allow-dirty")
    assert (report["exit_code"], report["outcome"]) == (1, "failed")
    error = report["steps"][0]["error"]
    assert error["code"] == "TOOL_FAILED"
    assert error["message"] == "`python3 build.py` ended with exit status 1"
    assert error["details"][-1] == "no compiler"
    assert "line 49" in error["details"]
    assert "build.log" in error["hint"]
    assert {step["outcome"] for step in report["steps"][1:]} == {"not-started"}
    assert project.remote.changes() == []


def test_control_sequences_of_a_build_do_not_reach_the_terminal(project: Project) -> None:
    project.write("build.py", "raise SystemExit('\\x1b[31mno\\x1b[0m \\x1b]0;title\\x07compiler')")
    ended = project.run("run", RELEASE, "--allow-dirty")
    _told(ended, 1, "no compiler")
    assert not {"\x1b", "\a"} & set(ended.out + ended.err)


def test_the_first_command_that_fails_is_the_last(project: Project) -> None:
    project.edit(
        "config/instances.yaml", "[python3 build.py]", '["false", "touch target-2", "true"]'
    )
    report = project.report("run", "my-feature", "--allow-dirty")
    assert report["exit_code"] == 1
    assert not (project.root / "target-2").exists()


def test_a_missing_program_is_named_with_the_command_that_calls_it(project: Project) -> None:
    project.edit("config/instances.yaml", "[python3 build.py]", "[python3 build.py, mvnn package]")
    ended = project.run("run", "my-feature", "--allow-dirty")
    _told(ended, 1, "mvnn package", "exit status 127", "PATH")


def test_the_build_gets_no_credentials(project: Project) -> None:
    project.edit("config/instances.yaml", "target/staging", "target/staging\n  env: [NPM_TOKEN]")
    secrets = {
        "CLOJARS_USERNAME": "me",
        "CLOJARS_PASSWORD": "CLOJARS_" + "5a" * 30,
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "GITHUB_TOKEN": "t",
        "SOME_SECRET": "s",
        "SIGNING_KEY": "k",
        "NPM_TOKEN": "allowed",
    }
    project.run("run", "my-feature", "--allow-dirty", **secrets)
    assert secrets.keys() & project.environment.keys() == {"NPM_TOKEN"}
    assert project.environment["FLOWDEPLOY_LIBRARY_VERSION"].startswith("20200403-073034.")


@pytest.fixture
def nobody() -> str:
    """A URL at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "command",
    [
        ["promote", "1", "all"],
        ["run", f"promote-{RELEASE}"],
        ["versions", "--project", "akvoflow-1"],
        ["run", RELEASE],
        ["run", "my-feature"],
    ],
)
def test_a_sandbox_url_where_nothing_listens(
    project: Project, nobody: str, command: list[str]
) -> None:
    ended = project.run(*command, FLOWDEPLOY_SANDBOX=nobody)
    _told(ended, 1, nobody, "Hint: ")


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://host", "http://[", "http://h:0"])
def test_a_sandbox_at_no_url(project: Project, url: str) -> None:
    for command in (
        ["run", "master"],
        ["promote", "1", "all"],
        ["versions", "--project", "project"],
    ):
        _told(
            project.run(*command, FLOWDEPLOY_SANDBOX=url), 2, "is not an HTTP URL", "sandbox serve"
        )


def test_no_google_credentials(project: Project, tmp_path: Path) -> None:
    project.monkeypatch.delenv("FLOWDEPLOY_SANDBOX")
    key = tmp_path / "key.json"
    key.write_text("{}")
    for command in (["promote", "1", "all"], ["versions", "--project", "akvoflow-1"]):
        ended = project.run(*command, GOOGLE_APPLICATION_CREDENTIALS=str(key))
        _told(ended, 1, "no usable Google credentials", "application-default login", "--sandbox")


def test_a_skipped_instance_is_not_asked_for_by_name(project: Project) -> None:
    for command in (["promote", "1", "akvoflow-37"], ["run", RELEASE, "--only", "akvoflow-37"]):
        _told(project.run(*command), 2, "akvoflow-37: closed in 2019")


def test_only_names_production(project: Project) -> None:
    _told(project.run("run", RELEASE, "--only", "flow-uat1"), 2, "flow-uat1")


@pytest.mark.parametrize("empty", ["", ",", " , "])
def test_no_instance_does_not_mean_all_instances(project: Project, empty: str) -> None:
    for command in (
        ["run", RELEASE, "--only", empty],
        ["plan", RELEASE, "--only", "akvoflow-1", "--only", empty],
        ["promote", "1", empty],
        ["deploy", RELEASE, "akvoflow-1", empty],
    ):
        _told(project.run(*command), 2, f"{empty!r} names no instance")
    assert project.remote.requests() == []


def test_equal_failures_of_instances_are_reported_once(project: Project) -> None:
    ended = project.run("promote", "20190101-000000", "all")
    assert ended.code == 4
    assert ended.out.count("version 20190101-000000 is not deployed") == 1
    assert ended.out.count("versions --project PROJECT") == 1


def test_clojars_that_refuses(project: Project) -> None:
    path = "/_sandbox/clojars/groups/org.akvo.flow"
    project.remote.call("PUT", path, {"members": ["somebody"]})
    report = project.report("run", RELEASE)
    assert (report["exit_code"], report["outcome"]) == (1, "failed")
    (error,) = (step["error"] for step in report["steps"] if step["error"])
    assert error["code"] == "HTTP_403"
    assert error["hint"]
    assert {step["outcome"] for step in report["steps"][2:]} == {"not-started"}
    assert project.remote.requests("POST", "/v1/*") == []


def test_an_unreadable_folder_for_the_state_of_the_sandbox(project: Project) -> None:
    project.write("file", "")
    ended = project.run("sandbox", "serve", "--state", "file/state")
    _told(ended, 2, "file/state")
