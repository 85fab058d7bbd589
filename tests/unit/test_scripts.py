"""The scripts: old Pythons can parse them; the lock file has hashes and names no URL."""

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
    """The module of scripts/ that the parameter names."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module(request.param)


def lock_entries() -> dict[str, str]:
    """The packages of the lock file, each with its entry."""
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\w)", text)[1:]
    return {pin.split("==")[0]: pin for pin in pins}


def required_packages() -> set[str]:
    """The names of all packages that pyproject.toml requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["sandbox"],
        *project["dependency-groups"]["dev"],
    ]
    return {re.split(r"[^\w.-]", each)[0].lower() for each in wanted}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_python_3_6_can_parse_the_script(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("name", ["check", "rehearse"])
def test_an_old_python_gets_the_version_error_first(name: str) -> None:
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


def test_every_required_package_is_locked() -> None:
    assert required_packages() <= set(lock_entries())
    assert {"uv", "hatchling", "editables"} <= set(lock_entries())


def test_every_pin_has_hashes() -> None:
    assert [name for name, pin in lock_entries().items() if "--hash=sha256:" not in pin] == []


def test_the_lock_file_names_no_url_or_path() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|^\s+--(?!hash=)|\s@\s|^[./]", text, re.MULTILINE)


@pytest.mark.parametrize("script", ["_environment"], indirect=True)
def test_uv_uses_the_indexes_of_pip(script: Any) -> None:
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


def start_in_copy(folder: Path, statement: str) -> subprocess.Popen[str]:
    """Start the statement in a copy of the project that has only _environment.py."""
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


def test_a_script_waits_while_another_creates_the_environment(tmp_path: Path) -> None:
    wanted, _ = start_in_copy(tmp_path, "print(fingerprint())").communicate()
    with (tmp_path / "requirements/dev.txt").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = start_in_copy(tmp_path, "print('started', flush=True); ensure_environment()")
        assert waiting.stdout
        assert waiting.stdout.readline() == "started\n"
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv/made-from").write_text(wanted.strip())
    assert waiting.communicate()[0] == "", "it must not create the environment again"
    assert waiting.returncode == 0


@pytest.mark.parametrize("script", ["_environment"], indirect=True)
def test_a_missing_venv_module_names_the_debian_package(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=r"lacks the module ensurepip[^$]*python3-venv"):
        script.create_venv()


@pytest.mark.parametrize("script", ["check"], indirect=True)
@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--fast"], "pytest tests/unit"),
        (["--fast", "-x"], "pytest tests/unit -x"),
        (["-k", "plan and not promote"], "pytest -k 'plan and not promote'"),
    ],
)
def test_other_arguments_are_passed_to_pytest(script: Any, words: list[str], command: str) -> None:
    options, for_pytest = script.parse(words)
    assert script.test_command(options.fast, for_pytest) == command


@pytest.mark.parametrize("script", ["check"], indirect=True)
def test_a_run_of_all_tests_has_a_coverage_threshold(script: Any) -> None:
    options, for_pytest = script.parse([])
    command = shlex.split(script.test_command(options.fast, for_pytest))
    assert {"--cov", "--cov-fail-under=90"} <= set(command)


@pytest.mark.parametrize("script", ["rehearse"], indirect=True)
def test_a_rehearsal_ignores_the_variables_of_ci(script: Any) -> None:
    variables = script.rehearsal_variables(
        {"PATH": "/bin", "GITHUB_EVENT_NAME": "pull_request", "CLOJARS_PASSWORD": "x"}
    )
    assert variables == {"PATH": "/bin", **script.GIT_VARIABLES}


@pytest.mark.parametrize("script", ["rehearse"], indirect=True)
def test_a_rehearsal_uses_the_sandbox_only(script: Any) -> None:
    commands = [shlex.split(step.command) for step in script.STEPS]
    assert {words[0] for words in commands} == {"git", "flowdeploy"}
    assert all(words[1] == "--sandbox" for words in commands if words[0] == "flowdeploy")
