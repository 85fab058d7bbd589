"""The scripts: old Pythons can read them, and the lock names no place but the index."""

from __future__ import annotations

import ast
import fcntl
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """The module that the test names, from the scripts' folder."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module(request.param)


def locked() -> dict[str, str]:
    """Each package of the lock, and what is said about it."""
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\w)", text)[1:]
    return {pin.split("==")[0]: pin for pin in pins}


def required() -> set[str]:
    """The names of all packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["sandbox"],
        *project["dependency-groups"]["dev"],
    ]
    return {re.split(r"[^\w.-]", each)[0].lower() for each in wanted}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_python_3_6_can_parse_it(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("name", ["check", "rehearse"])
def test_an_old_python_is_told_so_before_anything_else(name: str) -> None:
    pretence = f"import sys; sys.version_info = (3, 8, 18); import {name}"
    done = subprocess.run(
        [sys.executable, "-c", pretence],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("This needs Python 3.11 or newer")


def test_everything_that_is_required_is_locked() -> None:
    assert required() <= set(locked())
    assert {"uv", "hatchling", "editables"} <= set(locked())


def test_every_pin_has_hashes() -> None:
    assert [name for name, pin in locked().items() if "--hash=sha256:" not in pin] == []


def test_the_lock_names_no_place() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|^\s+--(?!hash=)|\s@\s|^[./]", text, re.MULTILINE)


@pytest.mark.parametrize("script", ["_environment"], indirect=True)
def test_uv_looks_where_pip_is_told_to_look(script: Any) -> None:
    options = script.index_options(
        {
            "index-url": "https://packages.example.org/simple",
            "extra-index-url": "https://a.example.org\nhttps://b.example.org",
            "no-index": "true",
            "timeout": "60",
        }
    )
    assert options == [
        *("--index-strategy", "unsafe-best-match"),
        *("--index-url", "https://packages.example.org/simple"),
        *("--extra-index-url", "https://a.example.org"),
        *("--extra-index-url", "https://b.example.org"),
        "--no-index",
    ]


def in_copy(folder: Path, statement: str) -> subprocess.Popen[str]:
    """The statement, run beside _environment.py in a project that has nothing else."""
    for name in ("scripts/_environment.py", "requirements/dev.txt", "pyproject.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return subprocess.Popen(
        [sys.executable, "-c", f"from _environment import *; {statement}"],
        cwd=folder / "scripts",
        env={**os.environ, "PIP_NO_INDEX": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_script_waits_while_another_makes_the_environment(tmp_path: Path) -> None:
    wanted, _ = in_copy(tmp_path, "print(fingerprint())").communicate()
    with (tmp_path / "requirements/dev.txt").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = in_copy(tmp_path, "print('begun', flush=True); ensure_environment()")
        assert waiting.stdout
        assert waiting.stdout.readline() == "begun\n"
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv/made-from").write_text(wanted.strip())
    assert waiting.communicate()[0] == "", "it found it made"
    assert waiting.returncode == 0


@pytest.mark.parametrize("script", ["_environment"], indirect=True)
def test_a_debian_without_python3_venv_is_told_to_install_it(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=r"lacks the module ensurepip[^$]*python3-venv"):
        script.create_environment()


@pytest.mark.parametrize("script", ["check"], indirect=True)
@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--fast"], "pytest tests/unit"),
        (["--fast", "-x"], "pytest tests/unit -x"),
        (["-k", "plan and not promote"], "pytest -k 'plan and not promote'"),
    ],
)
def test_other_arguments_go_to_pytest(script: Any, words: list[str], command: str) -> None:
    options, for_pytest = script.parse(words)
    assert script.tests(options.fast, for_pytest) == command


@pytest.mark.parametrize("script", ["check"], indirect=True)
def test_the_whole_suite_has_a_gate_on_coverage(script: Any) -> None:
    options, for_pytest = script.parse([])
    command = shlex.split(script.tests(options.fast, for_pytest))
    assert {"--cov", "--cov-fail-under=90"} <= set(command)


@pytest.mark.parametrize("script", ["rehearse"], indirect=True)
def test_a_rehearsal_is_no_pull_request_whatever_ci_says(script: Any) -> None:
    variables = script.rehearsal_variables(
        {"PATH": "/bin", "GITHUB_EVENT_NAME": "pull_request", "CLOJARS_PASSWORD": "x"}
    )
    assert variables == {"PATH": "/bin", **script.GIT}


@pytest.mark.parametrize("script", ["rehearse"], indirect=True)
def test_a_rehearsal_touches_the_stand_in_only(script: Any) -> None:
    commands = [shlex.split(step.command) for step in script.STEPS]
    assert {words[0] for words in commands} == {"git", "flowdeploy"}
    assert all(words[1] == "--sandbox" for words in commands if words[0] == "flowdeploy")
