"""The example application builds, and its tests fail when it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "flow"
VERSION = "20200403-073034"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    copy = tmp_path / "flow"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("target", ".flowdeploy"))
    return copy


def python(folder: Path, script: str, version: str = VERSION) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env={**os.environ, "FLOWDEPLOY_VERSION": version},
        capture_output=True,
        text=True,
        check=False,
    )


def staged(folder: Path) -> dict[str, bytes]:
    staging = folder / "target" / "appengine-staging"
    files = [path for path in staging.rglob("*") if path.is_file()]
    return {path.relative_to(staging).as_posix(): path.read_bytes() for path in files}


def test_it_builds_and_passes_its_own_tests(example: Path) -> None:
    built = python(example, "build.py")
    assert built.returncode == 0, built.stderr
    tested = python(example, "test.py")
    assert tested.returncode == 0, tested.stderr
    assert {"app.yaml", "WEB-INF/web.xml", "WEB-INF/appengine-generated/cron.yaml"} <= set(
        staged(example)
    )


def test_the_jar_carries_the_version(example: Path) -> None:
    python(example, "build.py")
    with zipfile.ZipFile(example / "target" / "akvo-flow-classes.jar") as jar:
        assert jar.testzip() is None
        manifest = jar.read("META-INF/MANIFEST.MF").decode()
    assert f"Implementation-Version: {VERSION}\r\n" in manifest


def test_two_versions_differ_in_two_files(example: Path) -> None:
    python(example, "build.py")
    before = staged(example)
    python(example, "build.py", version="20200406-101500")
    after = staged(example)
    assert before.keys() == after.keys()
    assert {name for name in after if after[name] != before[name]} == {
        "__static__/js/version.js",
        "WEB-INF/classes/org/akvo/flow/version.properties",
    }


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def fault(example: Path) -> None:
        path = example / "src" / "main" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return fault


def remove(file: str) -> Callable[[Path], None]:
    return lambda example: (example / "src" / "main" / file).unlink()


@pytest.mark.parametrize(
    ("fault", "failing_test"),
    [
        (replace("languages/fr.json", "{count}", "{compte}"), "test_every_language_has"),
        (replace("languages/vi.json", "Đăng xuất", " "), "test_no_message_is_empty"),
        (remove("webapp/icons/help.svg"), "test_every_file_that_a_page_names"),
        (replace("appengine/app.yaml", r"(/css/.*\.css)", "(/styles/.*)"), "test_every_static"),
        (replace("appengine/app.yaml", "max_instances: 5", "max_instances: 9"), "test_app_yaml"),
        (replace("appengine/cron.yaml", "/cron/notify", "/notify"), "test_only_administrators"),
        (replace("appengine/queue.yaml", "name: mail", "name: default"), "test_queues_have"),
    ],
)
def test_a_broken_source_fails_a_test(
    example: Path, fault: Callable[[Path], None], failing_test: str
) -> None:
    fault(example)
    built = python(example, "build.py")
    assert built.returncode == 0, built.stderr
    tested = python(example, "test.py")
    assert tested.returncode == 1
    assert f"FAIL: {failing_test}" in tested.stderr


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (replace("languages/es.json", '"help":', '"ayuda":'), "there is no message 'help'"),
        (replace("languages/es.json", "}", ""), "es.json: "),
        (replace("forms/repair.json", '"answer": "other"', '"answer": "none"'), "'none'"),
    ],
)
def test_a_source_that_cannot_be_built_is_named(
    example: Path, fault: Callable[[Path], None], message: str
) -> None:
    fault(example)
    built = python(example, "build.py")
    assert built.returncode == 1
    assert built.stderr.startswith("build.py: ")
    assert message in built.stderr
    assert "Traceback" not in built.stderr


def test_its_tests_ask_for_a_build(example: Path) -> None:
    tested = python(example, "test.py")
    assert tested.returncode == 1
    assert tested.stderr == "test.py: nothing is built yet: run python3 build.py first\n"
