"""An instance's own descriptor means what Google's staging tool makes of it.

``descriptor_cases/`` holds descriptors and what the staging tool of gcloud's app-engine-java
component wrote into app.yaml for each. Where the tool is installed, a slow test asks it
again. After a change of the cases,

    python -m tests.integration.test_java_staging

records anew.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from defusedxml import ElementTree
from google.cloud.appengine_admin_v1 import Version
from google.protobuf.json_format import ParseDict

from flowdeploy.appengine.app_yaml import AppYaml, parse, with_settings
from flowdeploy.appengine.app_yaml.descriptor import (
    DEPLOYED_AS,
    Descriptor,
    read,
    read_built_values,
)
from flowdeploy.appengine.app_yaml.descriptor_elements import RULES
from flowdeploy.errors import Refused

FOLDER = Path(__file__).with_name("descriptor_cases")
CASES: dict[str, str] = yaml.safe_load((FOLDER / "cases.yaml").read_text())
RECORDED_FILE = FOLDER / "recorded.json"
RECORDED: dict[str, Any] = json.loads(RECORDED_FILE.read_text()) if RECORDED_FILE.exists() else {}
USED = [name for name in CASES if not name.startswith(("refused-", "stricter-"))]
UNUSED = [name for name in CASES if name not in USED]
WEB_XML = '<web-app xmlns="http://java.sun.com/xml/ns/javaee" version="2.5"/>'
# What the application has of its own, in the tool's app.yaml of a descriptor without settings.
BASES = {
    runtime: f"runtime: {runtime}\ninbound_services: [warmup]\nauto_id_policy: default\n{more}"
    for runtime, more in (
        ("java8", "api_version: user_defined\n"),
        ("java17", ""),
        ("java21", ""),
    )
}


def find_tools() -> Path | None:
    """The Java tools of the Cloud SDK, if they and Java are installed."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    sdk = Path(gcloud).resolve().parent.parent
    found = sdk / "platform/google_appengine/google/appengine/tools/java"
    return found if found.is_dir() else None


TOOLS = find_tools()
needs_tools = pytest.mark.skipif(
    TOOLS is None, reason="the component app-engine-java or Java is not installed"
)


def descriptor_text(name: str) -> str:
    namespace = "http://appengine.google.com/ns/1.0"
    return f'<appengine-web-app xmlns="{namespace}">{CASES[name]}</appengine-web-app>'


def described(name: str) -> tuple[AppYaml, Descriptor]:
    """The application with what the descriptor says over it."""
    content = read(descriptor_text(name).encode(), name)
    app = parse(BASES[content.settings["runtime"]], "app.yaml")
    return with_settings(app, content.settings_over(app), name), content


def message(fields: Any) -> Any:
    return ParseDict(dict(fields), Version.pb(Version()), ignore_unknown_fields=True)


@pytest.mark.parametrize("name", USED)
def test_the_version_is_that_of_the_staging_tool(name: str) -> None:
    app, content = described(name)
    theirs = parse(yaml.safe_dump(RECORDED[name]), "recorded")
    assert message(app.fields) == message(theirs.fields)
    assert (content.service or "default") == theirs.service


@pytest.mark.parametrize("name", USED)
def test_what_only_the_build_can_do_is_as_built_with_the_same_descriptor(name: str) -> None:
    xml = descriptor_text(name).encode()
    assert list(read(xml, name).unlike_build(read_built_values(xml))) == []


@pytest.mark.parametrize("name", UNUSED)
def test_what_the_tool_refuses_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        described(name)


def test_the_cases_are_the_recorded_ones() -> None:
    assert RECORDED.keys() == CASES.keys()
    refused = {name for name, app_yaml in RECORDED.items() if app_yaml is None}
    assert refused == {name for name in CASES if name.startswith("refused-")}
    assert len(USED) >= 30


@pytest.mark.slow
@needs_tools
def test_the_staging_tool_still_does_what_was_recorded(tmp_path: Path) -> None:
    assert record(tmp_path) == RECORDED


@needs_tools
def test_there_is_a_rule_for_every_element_of_the_schema() -> None:
    assert TOOLS is not None
    schema = ElementTree.parse(TOOLS / "docs/appengine-web.xsd")
    xs = "{http://www.w3.org/2001/XMLSchema}"
    (kind,) = schema.findall(f"{xs}complexType[@name='appengine-web-appType']")
    newer = {"app-engine-bundled-services"}
    assert {element.get("name") for element in kind.iter(f"{xs}element")} | newer == RULES.keys()


def record(parent: Path) -> dict[str, Any]:
    """What the staging tool makes of every case, but for the handlers, which are the build's for
    all instances; None where it refuses."""
    with ThreadPoolExecutor(2) as pool:
        staged = pool.map(lambda name: stage(parent / name, name), CASES)
        return dict(zip(CASES, staged, strict=True))


def stage(folder: Path, name: str) -> Any:
    assert TOOLS is not None
    (folder / "war/WEB-INF").mkdir(parents=True)
    (folder / "war" / DEPLOYED_AS).write_text(descriptor_text(name))
    (folder / "war/WEB-INF/web.xml").write_text(WEB_XML)
    (folder / "war/a.png").write_text("")
    jar = TOOLS / "lib/appengine-tools-api.jar"
    command = ["java", "-cp", str(jar), "com.google.appengine.tools.admin.AppCfg"]
    options = ["--enable_new_staging_defaults", "stage", str(folder / "war"), str(folder / "out")]
    run = subprocess.run([*command, *options], capture_output=True, check=False)
    if run.returncode:
        return None
    app_yaml = yaml.safe_load((folder / "out/app.yaml").read_text())
    return {key: value for key, value in app_yaml.items() if key != "handlers"}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = record(Path(scratch))
    RECORDED_FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
