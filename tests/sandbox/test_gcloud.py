"""The real gcloud, if it is installed, against the sandbox."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from flowdeploy.sandbox.exports import gcloud_environment
from flowdeploy.sandbox.server import Sandbox

pytestmark = pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")

Gcloud = Callable[..., str]

QUEUE = """
queue:
- {name: default, rate: 5/s}
- {name: mail, rate: 2000/d, bucket_size: 10, retry_parameters: {min_backoff_seconds: 10.0}}
"""
CRON = """
cron:
- {description: purge, url: /cron/purge, schedule: every 24 hours}
- {url: /cron/remind, schedule: "every monday 00:05", timezone: Europe/Amsterdam}
"""
INDEX = """
indexes:
- {kind: Message, properties: [{name: about}, {name: updated, direction: desc}]}
- {kind: Region, ancestor: yes, properties: [{name: order}]}
"""
APPENGINE_WEB = """<?xml version="1.0" encoding="utf-8"?>
<appengine-web-app xmlns="http://appengine.google.com/ns/1.0">
  <runtime>java17</runtime>
  <instance-class>F2</instance-class>
  <static-files><include path="/css/**"/></static-files>
</appengine-web-app>
"""
WEB = """<?xml version="1.0" encoding="utf-8"?>
<web-app xmlns="http://java.sun.com/xml/ns/javaee" version="2.5"/>
"""
DISPATCH = """
dispatch:
- {url: "*/mobile/*", service: default}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gcloud")


@pytest.fixture
def gcloud(sandbox: Sandbox, home: Path) -> Gcloud:
    environment = {
        **os.environ,
        **gcloud_environment(sandbox.url),
        "CLOUDSDK_CONFIG": str(home),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": "akvoflow-1",
    }

    def run(*arguments: str, folder: Path = home) -> str:
        done = subprocess.run(
            ["gcloud", *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A Python application with a large file, and with two equal files."""
    folder = tmp_path / "application"
    folder.mkdir()
    (folder / "app.yaml").write_text("runtime: python312\ninbound_services: [warmup]\n")
    (folder / "main.py").write_text("app = None\n")
    (folder / "same.py").write_text("app = None\n")
    (folder / "large.bin").write_bytes(bytes(6 << 20))
    return folder


def versions(gcloud: Gcloud) -> dict[str, float]:
    """The portion of the traffic by version id."""
    text = gcloud("app", "versions", "list", "--format=csv(id,traffic_split)")
    return {row["id"]: float(row["traffic_split"]) for row in csv.DictReader(io.StringIO(text))}


def writes(sandbox: Sandbox) -> list[str]:
    found = requests.get(f"{sandbox.url}/_sandbox/requests", timeout=5).json()["requests"]
    requests.delete(f"{sandbox.url}/_sandbox/requests", timeout=5)
    return [f"{entry['method']} {entry['path']}" for entry in found if entry["method"] != "GET"]


def test_gcloud_deploys_promotes_splits_and_deletes_versions(
    gcloud: Gcloud, sandbox: Sandbox, application: Path
) -> None:
    deploy = ("app", "deploy", "app.yaml", "--version")
    gcloud(*deploy, "v2", "--no-promote", folder=application)
    assert versions(gcloud) == {"1": 1.0, "v2": 0.0}
    uploads = [line for line in writes(sandbox) if "/upload/" in line]

    gcloud(*deploy, "v3", "--promote", folder=application)
    assert versions(gcloud) == {"1": 0.0, "v2": 0.0, "v3": 1.0}
    assert uploads
    assert not [line for line in writes(sandbox) if "/upload/" in line]

    gcloud("app", "services", "set-traffic", "default", "--splits=v2=0.25,v3=0.75")
    assert versions(gcloud) == {"1": 0.0, "v2": 0.25, "v3": 0.75}
    gcloud("app", "versions", "delete", "1", "--service=default")
    assert versions(gcloud) == {"v2": 0.25, "v3": 0.75}


def test_gcloud_deploys_a_staged_java_application(gcloud: Gcloud, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    (staged / "WEB-INF").mkdir(parents=True)
    (staged / "WEB-INF" / "appengine-web.xml").write_text("<appengine-web-app/>")
    (staged / "app.yaml").write_text(
        "runtime: java21\napp_engine_apis: true\n"
        "handlers:\n- {url: /.*, script: unused, login: optional, secure: always}\n"
    )
    gcloud("app", "deploy", "app.yaml", "--version=j1", "--no-promote", folder=staged)
    described = gcloud(
        "app", "versions", "describe", "j1", "--service=default", "--format=value(runtime)"
    )
    assert described.strip() == "java21"


@pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed")
def test_gcloud_stages_and_deploys_a_java_application(gcloud: Gcloud, tmp_path: Path) -> None:
    """gcloud converts appengine-web.xml to app.yaml with its Java tools."""
    if not gcloud("version", "--format=value(app-engine-java)").strip():
        pytest.skip("gcloud's component app-engine-java is not installed")
    inside = tmp_path / "exploded" / "WEB-INF"
    (inside.parent / "css").mkdir(parents=True)
    (inside.parent / "css" / "base.css").write_text("a {}")
    inside.mkdir()
    (inside / "appengine-web.xml").write_text(APPENGINE_WEB)
    (inside / "web.xml").write_text(WEB)
    deploy = ("app", "deploy", str(inside / "appengine-web.xml"), "--version")
    gcloud(*deploy, "j1", "--no-promote")
    assert versions(gcloud) == {"1": 1.0, "j1": 0.0}
    gcloud(*deploy, "j2", "--promote")
    assert versions(gcloud) == {"1": 0.0, "j1": 0.0, "j2": 1.0}

    describe = ("app", "versions", "describe", "j2", "--service=default", "--format=json")
    described = json.loads(gcloud(*describe))
    assert (described["runtime"], described["instanceClass"]) == ("java17", "F2")
    assert {"app.yaml", "WEB-INF/web.xml", "__static__/css/base.css"} <= described["deployment"][
        "files"
    ].keys()


def test_gcloud_deploys_unchanged_configuration_only_once(
    gcloud: Gcloud, sandbox: Sandbox, tmp_path: Path
) -> None:
    files = {"queue": QUEUE, "cron": CRON, "index": INDEX, "dispatch": DISPATCH}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    deploy = ("app", "deploy", *(f"{name}.yaml" for name in files))
    gcloud(*deploy, folder=tmp_path)
    parent = "projects/akvoflow-1/locations/europe-west1"
    assert sorted(writes(sandbox)) == [
        "PATCH /v1/apps/akvoflow-1",
        f"PATCH /v2beta3/{parent}/queues/mail",
        "POST /v1/projects/akvoflow-1/indexes",
        "POST /v1/projects/akvoflow-1/indexes",
        f"POST /v1beta1/{parent}/jobs",
        f"POST /v1beta1/{parent}/jobs",
    ]
    gcloud(*deploy, folder=tmp_path)
    assert writes(sandbox) == ["PATCH /v1/apps/akvoflow-1"]

    (tmp_path / "queue.yaml").write_text("queue:\n- {name: default, rate: 5/s}\n")
    (tmp_path / "cron.yaml").write_text("cron: []\n")
    gcloud("app", "deploy", "queue.yaml", "cron.yaml", folder=tmp_path)
    changed = writes(sandbox)
    assert changed[0] == f"POST /v2beta3/{parent}/queues/mail:pause"
    assert [line.startswith(f"DELETE /v1beta1/{parent}/jobs/") for line in changed[1:]] == [
        True,
        True,
    ]


def test_gcloud_describes_services_and_applications(gcloud: Gcloud) -> None:
    text = gcloud("app", "services", "describe", "default", "--format=value(split.allocations)")
    assert text.strip() == "1=1.0"
    assert gcloud("app", "services", "list", "--format=value(id,versions)").split() == [
        "default",
        "1",
    ]
    assert gcloud("app", "describe", "--format=value(defaultHostname)").strip() == (
        "akvoflow-1.ew.r.appspot.com"
    )
    browsed = gcloud("app", "browse", "--no-launch-browser", "--version=1")
    assert browsed.strip() == "https://1-dot-akvoflow-1.ew.r.appspot.com"
    assert gcloud("app", "instances", "list", "--format=value(version)").strip() == "1"
