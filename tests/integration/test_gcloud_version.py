"""What we send is what ``gcloud app deploy`` sends: whole Versions, over many an app.yaml.

``appyaml_cases/`` holds app.yaml files and folders; ``recorded.json`` beside
them what the real gcloud sent for each. Where gcloud is installed, a slow test
asks it again. After a change of the cases,

    python tests/integration/test_gcloud_version.py

records anew. A file named ``refused-…`` is one that gcloud refuses; one named
``stricter-…`` is one that it takes and we do not, on purpose.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.appengine_admin_v1 import Version
from google.protobuf.json_format import ParseDict

from flowdeploy.appengine.app_yaml import version_body
from flowdeploy.errors import Refused
from flowdeploy.steps import staging

CASES = Path(__file__).with_name("appyaml_cases")
RECORDED_FILE = CASES / "recorded.json"
RECORDED: dict[str, Any] = json.loads(RECORDED_FILE.read_text()) if RECORDED_FILE.exists() else {}
FILES = {path.stem: path.read_bytes() for path in sorted(CASES.glob("*.yaml"))}
FOLDERS: dict[str, dict[str, Any]] = yaml.safe_load(FILES.pop("folders"))

GCLOUD = shutil.which("gcloud")
BUCKET = "staging.p.appspot.com"
REFUSED = [name for name in FILES if name.startswith("refused-")]
STRICTER = [name for name in FILES if name.startswith("stricter-")]
SENT = [*(name for name in FILES if name not in REFUSED + STRICTER), *FOLDERS]


def make_folder(parent: Path, name: str) -> Path:
    """The case as a folder; its service is its own name, unless it says or tests otherwise."""
    folder = parent / name
    folder.mkdir(parents=True)
    if name in FILES:
        (folder / "app.yaml").write_bytes(FILES[name])
    for path, content in FOLDERS.get(name, {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            (folder / path).symlink_to(content["link"])
        else:
            (folder / path).write_text(str(content))
    app = (folder / "app.yaml").read_text()
    if not re.search("^(service|module):|^{", app, re.MULTILINE) and name != "minimal":
        (folder / "app.yaml").write_text(f"{app.rstrip()}\nservice: {name}\n")
    return folder


def ours(folder: Path) -> tuple[str, dict[str, Any]]:
    """The service and the body that we would send."""
    staged = staging.read(folder)
    return staged.app.service, version_body(staged.app, "v1", staged.manifest, BUCKET)


def message(body: dict[str, Any]) -> Any:
    """The body as the message that it is for the server; what it has no field for is left out."""
    return ParseDict(body, Version.pb(Version()), ignore_unknown_fields=True)


def strangers(body: dict[str, Any], descriptor: Any = None, path: str = "") -> list[str]:
    """The fields of a body that the message has not."""
    fields = {f.json_name: f for f in (descriptor or Version.pb(Version()).DESCRIPTOR).fields}
    found = []
    for name, value in body.items():
        inside = fields[name].message_type if name in fields else None
        if name not in fields:
            found.append(f"{path}{name}")
        elif inside and isinstance(value, dict) and not inside.GetOptions().map_entry:
            found += strangers(value, inside, f"{path}{name}.")
    return found


@pytest.mark.parametrize("name", SENT)
def test_the_version_is_the_one_that_gcloud_sent(name: str, tmp_path: Path) -> None:
    service, body = ours(make_folder(tmp_path, name))
    recorded = RECORDED[name]
    assert service == recorded["service"]
    assert sorted(body["deployment"]["files"]) == sorted(recorded["body"]["deployment"]["files"])
    assert message(body) == message(recorded["body"])
    assert strangers(recorded["body"]) == []


@pytest.mark.parametrize("name", SENT)
def test_the_client_library_can_carry_it(name: str, tmp_path: Path) -> None:
    _, body = ours(make_folder(tmp_path, name))
    assert Version.pb(Version.from_json(json.dumps(body))) == message(body)


@pytest.mark.parametrize("name", REFUSED + STRICTER)
def test_what_cannot_be_sent_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        ours(make_folder(tmp_path, name))


def test_the_cases_are_the_recorded_ones() -> None:
    assert sorted(RECORDED) == sorted([*FILES, *FOLDERS])
    assert [name for name in REFUSED if "refused" not in RECORDED[name]] == []
    assert {name: strangers(RECORDED[name]["body"]) for name in STRICTER} == {
        "stricter-builtins": [],
        "stricter-custom-metrics": [],
        "stricter-flexible-blocks": [],
        "stricter-flexible-endpoints": [],
        "stricter-flexible-scaling": [],
        "stricter-float-instances": [],
        "stricter-inbound-service-rest": [],
        "stricter-instance-ip-mode": ["network.instanceIpMode"],
        "stricter-quoted-false": [],
        "stricter-runtime-config": ["flexibleRuntimeSettings"],
        "stricter-standard-websocket": ["enableStandardWebsocket"],
    }


@pytest.mark.slow
@pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: the recorded answers stand")
def test_gcloud_still_sends_what_was_recorded(tmp_path: Path) -> None:
    assert without_words(record(tmp_path)) == without_words(RECORDED)


def without_words(recorded: dict[str, Any]) -> dict[str, Any]:
    """Only that gcloud refuses counts, not how it says so."""
    return {name: answer.get("body", "refused") for name, answer in recorded.items()}


# The real gcloud, against a server that knows just enough to be deployed to.


class _AppEngine(ThreadingHTTPServer):
    """One app without versions, whose bucket holds all that is going to be deployed.

    Every operation is done at once.
    """

    def __init__(self, objects: set[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.created: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any]] = {
            "/v1/apps/p": {
                "id": "p",
                "codeBucket": BUCKET,
                "defaultHostname": "p.appspot.com",
                "servingStatus": "SERVING",
            },
            "/v1/apps/p/services": {},
            f"/storage/v1/b/{BUCKET}": {},
            f"/storage/v1/b/{BUCKET}/o": {"items": [{"name": name} for name in sorted(objects)]},
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _AppEngine

    def do_GET(self) -> None:
        self._answer(self.server.answers.get(self.path.partition("?")[0]))

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        create = re.match("/v1/apps/p/services/([^/]+)/versions", self.path)
        if create:
            self.server.created[create[1]] = json.loads(sent)
        self._answer({"name": "apps/p/operations/1", "done": True} if create else None)

    def _answer(self, answer: dict[str, Any] | None) -> None:
        content = json.dumps(answer or {}).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(folders: Path) -> Iterator[_AppEngine]:
    files = (path for path in folders.rglob("*") if path.is_file())
    hashes = {hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() for path in files}
    with _AppEngine(hashes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def gcloud(url: str, home: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    """One run of ``gcloud app deploy``; the folders are deployed as they are, not staged."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CLOUDSDK_CONFIG": str(home),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_APPENGINE": f"{url}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}/storage/v1/",
    }
    options = ("--project=p", "--version=v1", "--no-promote", "--skip-staging")
    return subprocess.run(
        ["gcloud", "app", "deploy", *options, *map(str, files)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def record(parent: Path) -> dict[str, Any]:
    """What gcloud makes of every case: all good ones in one run, the others one by one."""
    home, cases = parent / "home", parent / "cases"
    home.mkdir()
    files = {name: make_folder(cases, name) / "app.yaml" for name in (*SENT, *STRICTER, *REFUSED)}
    with serving(cases) as server, ThreadPoolExecutor(2) as pool:
        run = gcloud(server.url, home, *(files[name] for name in SENT + STRICTER))
        assert run.returncode == 0, run.stderr[-2000:]
        runs = pool.map(lambda name: gcloud(server.url, home, files[name]), REFUSED)
        return {
            **{name: _created(server, files[name]) for name in SENT + STRICTER},
            **{name: _complaint(run, cases) for name, run in zip(REFUSED, runs, strict=True)},
        }


def _created(server: _AppEngine, file: Path) -> dict[str, Any]:
    app = yaml.safe_load(file.read_text())
    service = app.get("service") or app.get("module") or "default"
    return {"service": service, "body": server.created[service]}


def _complaint(run: subprocess.CompletedProcess[str], cases: Path) -> dict[str, str]:
    """gcloud's own words, without its remarks before them, and what differs each time."""
    assert run.returncode == 1, run.args
    words = " ".join(run.stderr.partition("ERROR: ")[2].split())
    return {"refused": re.sub(" at 0x[0-9a-f]+", "", words.replace(f"{cases}/", ""))}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = record(Path(scratch))
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False)
    RECORDED_FILE.write_text(text + "\n")
