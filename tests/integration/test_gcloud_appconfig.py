"""Configuration beside app.yaml: what we would send is what ``gcloud app deploy`` sends.

``appconfig_cases/`` holds index, queue, cron and dispatch files, ``there.yaml`` what is
there before in some of the cases, and ``recorded.json`` what the real gcloud sent for
each. Where gcloud is installed, a slow test asks it again. After a change of the cases,

    python tests/integration/test_gcloud_appconfig.py

records anew. A case named ``refused-…`` is one that gcloud refuses; one named
``stricter-…`` is one that it takes and we do not, on purpose.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from google.cloud.appengine_admin_v1 import Application
from google.cloud.datastore_admin_v1 import Index
from google.cloud.scheduler_v1beta1 import Job
from google.cloud.tasks_v2beta3 import Queue
from google.protobuf.json_format import MessageToDict, ParseDict

from flowdeploy.appengine import config_files
from flowdeploy.appengine.config_files import Snapshot
from flowdeploy.appengine.config_files.changes import (
    Change,
    CreateCronJob,
    CreateIndex,
    CreateQueue,
    CronJobChange,
    DeleteCronJob,
    LeaveQueue,
    PauseCronJob,
    PauseQueue,
    QueueChange,
    ReplaceCronJob,
    ResumeCronJob,
    ResumeQueue,
    SetDispatch,
    UpdateQueue,
)
from flowdeploy.errors import Refused

CASES = Path(__file__).with_name("appconfig_cases")
RECORDED_FILE = CASES / "recorded.json"
RECORDED: dict[str, Any] = json.loads(RECORDED_FILE.read_text()) if RECORDED_FILE.exists() else {}
FILES = {path.stem: path.read_text() for path in sorted(CASES.glob("*.yaml"))}
THERE: dict[str, list[dict[str, Any]]] = yaml.safe_load(FILES.pop("there"))

GCLOUD = shutil.which("gcloud")
KINDS = ("index", "queue", "cron", "dispatch")
REFUSED = [name for name in FILES if name.startswith("refused-")]
STRICTER = [name for name in FILES if name.startswith("stricter-")]
SENT = [name for name in FILES if name not in REFUSED + STRICTER]
# Where we do better than gcloud: what we send instead.
BETTER = {
    "queue-rate-zero-unsaid": "pauses a new queue at once, which gcloud does a deploy later",
    "cron-age-fraction": "compares ages as they are sent, in whole seconds",
    "cron-retry-zero": "takes no retries for no retries",
    "cron-retries-filled-in": "takes the API's defaults for nothing said",
    "dispatch-same": "leaves rules alone that are as they should be",
    "dispatch-none": "leaves rules alone that are as they should be",
    "dispatch-none-listed": "leaves rules alone that are as they should be",
}

Request = dict[str, Any]
_INDEX_FIELDS = ("kind", "ancestor", "properties")
_LOCATION = "projects/{project}/locations/europe-west1"


def kind_of(name: str) -> str:
    return next(kind for kind in KINDS if f"{kind}-" in f"{name}-")


def there(name: str, project: str) -> list[dict[str, Any]]:
    """The resources of a case, under their whole names."""
    text = json.dumps(THERE.get(name, [])).replace("PROJECT", project)
    resources: list[dict[str, Any]] = json.loads(text)
    folder = {"queue": "queues", "cron": "jobs"}.get(kind_of(name))
    for resource in resources if folder else ():
        resource["name"] = f"{_LOCATION.format(project=project)}/{folder}/{resource['name']}"
    return resources


# What we would send, in the same form as what gcloud was seen to send.


def ours(name: str) -> list[Request]:
    kind = kind_of(name)
    config = config_files.read({f"WEB-INF/{kind}.yaml": FILES[name]})
    field = {"index": "indexes", "queue": "queues", "cron": "jobs"}.get(kind, kind)
    snapshot = Snapshot(**{field: tuple(there(name, "p"))})
    changes = config_files.changes(config, snapshot, prune_queues=True)
    return ordered(request for change in changes.all for request in requests_of(change))


def requests_of(change: Change) -> Iterator[Request]:
    match change:
        case CreateIndex(body):
            yield {"POST": "indexes", "body": plain(Index, body)}
        case SetDispatch(rules):
            body = {"dispatchRules": list(rules)}
            yield {"PATCH": "p", "mask": ["dispatchRules"], "body": plain(Application, body)}
        case (
            CreateCronJob() | ReplaceCronJob() | DeleteCronJob() | PauseCronJob() | ResumeCronJob()
        ):
            yield from requests_of_job(change)
        case _:
            yield from requests_of_queue(change)


def requests_of_queue(change: QueueChange) -> Iterator[Request]:
    match change:
        case CreateQueue(name, body, mask) | UpdateQueue(name, body, mask):
            yield {"PATCH": name, "mask": list(mask), "body": plain(Queue, body)}
            if isinstance(change, CreateQueue) and change.paused:
                yield {"POST": f"{name}:pause"}
        case PauseQueue(name):
            yield {"POST": f"{name}:pause"}
        case ResumeQueue(name):
            yield {"POST": f"{name}:resume"}
        case LeaveQueue():
            pytest.fail(f"gcloud leaves no queue alone: {change}")


def requests_of_job(change: CronJobChange) -> Iterator[Request]:
    match change:
        case CreateCronJob(body):
            yield {"POST": "jobs", "body": plain(Job, body)}
        case ReplaceCronJob(name, body):
            yield {"POST": "jobs", "body": plain(Job, body)}
            yield {"DELETE": name.rpartition("/")[2]}
        case DeleteCronJob(name):
            yield {"DELETE": name.rpartition("/")[2]}
        case PauseCronJob() | ResumeCronJob():
            pytest.fail(f"gcloud lets jobs rest or run as they do: {change}")


def plain(kind: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """A body in protobuf's own form, without messages that say nothing."""
    message = ParseDict(dict(body), kind.pb(kind()))
    return {key: value for key, value in full(MessageToDict(message)).items() if value != {}}


def full(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: full(item) for key, item in value.items()}
    return {key: item for key, item in inner.items() if item != {}}


def ordered(requests: Any) -> list[Request]:
    return sorted(requests, key=lambda request: json.dumps(request, sort_keys=True))


@pytest.mark.parametrize("name", [name for name in SENT if name not in BETTER])
def test_what_we_send_is_what_gcloud_sent(name: str) -> None:
    assert ours(name) == RECORDED[name]["sent"]


@pytest.mark.parametrize("name", BETTER)
def test_what_we_do_better_is_still_different(name: str) -> None:
    assert ours(name) != RECORDED[name]["sent"]
    more = [request for request in ours(name) if request not in RECORDED[name]["sent"]]
    assert more in ([], [{"POST": "still:pause"}])


@pytest.mark.parametrize("name", REFUSED + STRICTER)
def test_what_cannot_be_sent_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        ours(name)
    assert all(re.match(rf"WEB-INF/{kind_of(name)}\.yaml:\d+: ", d) for d in refused.value.details)


def test_the_cases_are_the_recorded_ones() -> None:
    assert sorted(RECORDED) == sorted(FILES)
    assert [name for name in REFUSED if "refused" not in RECORDED[name]] == []
    assert [name for name in SENT + STRICTER if "sent" not in RECORDED[name]] == []
    assert len(SENT) >= 40


@pytest.mark.slow
@pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: the recorded answers stand")
def test_gcloud_still_sends_what_was_recorded(tmp_path: Path) -> None:
    assert without_words(record(tmp_path)) == without_words(RECORDED)


def without_words(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Only that gcloud refuses counts, not how it says so."""
    return {name: answer.get("sent", "refused") for name, answer in recorded.items()}


# The real gcloud, against a server that has applications with the cases' resources.


class _Apis(ThreadingHTTPServer):
    """An application for every project that is asked for; ``sent`` are the changes by project."""

    def __init__(self, resources: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.resources = resources
        self.sent: dict[str, list[Request]] = defaultdict(list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, project: str, path: str) -> dict[str, Any] | None:
        """To a GET of what is below the project."""
        location = {"name": _LOCATION.format(project=project), "locationId": "europe-west1"}
        labels = {"cloud.googleapis.com/region": "europe-west1"}
        if path == "":
            return {"id": project, "name": f"apps/{project}", "codeBucket": "b"} | {
                "defaultHostname": f"{project}.appspot.com",
                "servingStatus": "SERVING",
                "locationId": "europe-west",
            }
        if path.endswith("/locations"):
            return {"locations": [{**location, "labels": labels}]}
        if path.startswith("/services/cloud"):
            return {"state": "ENABLED"}
        folder = path.rpartition("/")[2]
        found = self.resources.get(project, {}).get(folder, [])
        return {folder: found} if folder in ("queues", "jobs", "indexes", "services") else None


class _Handler(BaseHTTPRequestHandler):
    server: _Apis

    def do_GET(self) -> None:
        project, path = self._place()
        self._answer(self.server.answer(project, path))

    def do_PATCH(self) -> None:
        project, path = self._place()
        body = self._body()
        mask = parse_qs(urlsplit(self.path).query).get("updateMask", [""])[0]
        fields = sorted(field for field in mask.split(",") if field)
        name = path.rpartition("/")[2] or "p"
        kind: Any = Queue if "/queues/" in path else Application
        request = {"PATCH": name, "mask": fields, "body": plain(kind, masked(body, fields))}
        self._note(project, request, {**body, "done": True})

    def do_POST(self) -> None:
        project, path = self._place()
        body, name = self._body(), path.rpartition("/")[2]
        if name == "jobs":
            self._note(project, {"POST": name, "body": plain(Job, body)}, body)
        elif name == "indexes":
            chosen = {key: body[key] for key in _INDEX_FIELDS if key in body}
            self._note(project, {"POST": name, "body": plain(Index, chosen)}, {"name": "o"})
        else:
            self._note(project, {"POST": name}, {})

    def do_DELETE(self) -> None:
        project, path = self._place()
        self._note(project, {"DELETE": path.rpartition("/")[2]}, {})

    def _place(self) -> tuple[str, str]:
        found = re.match(r"/[^/]+/(?:apps|projects)/([^/]+)(.*)", urlsplit(self.path).path)
        return (found[1], found[2]) if found else ("", "")

    def _body(self) -> dict[str, Any]:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body: dict[str, Any] = json.loads(sent or "{}")
        return body

    def _note(self, project: str, request: Request, answer: dict[str, Any]) -> None:
        self.server.sent[project].append(request)
        self._answer(answer)

    def _answer(self, answer: dict[str, Any] | None) -> None:
        content = json.dumps(answer or {}).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def masked(body: Mapping[str, Any], mask: list[str]) -> dict[str, Any]:
    """The part of a body that counts; gcloud sends more."""
    names = {path.partition(".")[0] for path in mask}
    chosen = {key: value for key, value in body.items() if key in names}
    for key, value in chosen.items():
        if isinstance(value, dict):
            inner = {path.partition(".")[2] for path in mask if path.startswith(f"{key}.")}
            chosen[key] = {field: item for field, item in value.items() if field in inner}
    return chosen


@contextmanager
def serving(resources: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> Iterator[_Apis]:
    with _Apis(resources) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def gcloud(
    url: str, home: Path, project: str, files: list[Path]
) -> subprocess.CompletedProcess[str]:
    apis = ("APPENGINE", "CLOUDTASKS", "CLOUDSCHEDULER", "DATASTORE", "SERVICEUSAGE")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CLOUDSDK_CONFIG": str(home),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{url}/" for api in apis},
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}/storage/v1/",
    }
    return subprocess.run(
        ["gcloud", "app", "deploy", f"--project={project}", *map(str, files)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def record(parent: Path) -> dict[str, Any]:
    """What gcloud makes of every case: of good ones four kinds in a run, of others one."""
    good = zip_longest(*([n for n in SENT + STRICTER if kind_of(n) == kind] for kind in KINDS))
    groups = [[name for name in group if name] for group in good] + [[name] for name in REFUSED]
    runs = {f"run-{number}": names for number, names in enumerate(groups)}
    resources = {project: _resources(names, project) for project, names in runs.items()}
    (parent / "home").mkdir()
    with serving(resources) as server, ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda run: _run(server, parent, *run), runs.items())
        return {name: answer for answers in done for name, answer in answers.items()}


def _resources(names: list[str], project: str) -> dict[str, list[dict[str, Any]]]:
    folders = {"index": "indexes", "queue": "queues", "cron": "jobs", "dispatch": "rules"}
    return {folders[kind_of(name)]: there(name, project) for name in names}


def _run(server: _Apis, parent: Path, project: str, names: list[str]) -> dict[str, Any]:
    files = [parent / project / f"{kind_of(name)}.yaml" for name in names]
    (parent / project).mkdir()
    for name, file in zip(names, files, strict=True):
        file.write_text(FILES[name])
    run = gcloud(server.url, parent / "home", project, files)
    if names[0] in REFUSED:
        assert run.returncode == 1, (names, run.stderr)
        words = " ".join(run.stderr.partition("ERROR: ")[2].split())
        return {names[0]: {"refused": words.replace(f"{parent}/{project}/", "")}}
    assert run.returncode == 0, (names, run.stderr[-2000:])
    return {name: {"sent": _sent_for(server.sent[project], kind_of(name))} for name in names}


def _sent_for(sent: list[Request], kind: str) -> list[Request]:
    """Those of a project's requests that are about one kind of resource."""
    return ordered(request for request in sent if _kind_sent(request) == kind)


def _kind_sent(request: Request) -> str:
    if request.get("POST") in ("indexes", "jobs"):
        return {"indexes": "index", "jobs": "cron"}[request["POST"]]
    if "DELETE" in request:
        return "cron"
    return "dispatch" if request.get("mask") == ["dispatchRules"] else "queue"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = record(Path(scratch))
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False)
    RECORDED_FILE.write_text(text + "\n")
