"""Every byte once: one sends, all others copy, whatever goes wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from aiohttp import web
from google.auth.credentials import AnonymousCredentials

from flowdeploy.clients.files import BucketFolder
from flowdeploy.clients.http import GoogleSession
from flowdeploy.clients.storage import Buckets
from flowdeploy.clients.transfers import LARGE, PIECE
from flowdeploy.errors import FlowdeployError, ServiceError
from flowdeploy.rollout.contract import Pause
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App
from flowdeploy.steps.deploy.upload.staging_buckets import StagingBuckets
from flowdeploy.steps.deploy.upload.transfer_plan import NeededObjects

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Step = Generator[Pause, None, tuple[str, ...]]

PROJECTS = ("project-a", "project-b", "project-c")
A, B, C = (f"staging.{project}.appspot.com" for project in PROJECTS)
NOBODY = frozenset[str]()


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@dataclass
class Behaviour:
    """What a test makes of requests before the sandbox sees them."""

    answer: Callable[[web.Request], web.Response | None] = field(default=lambda _: None)


@dataclass(frozen=True)
class Cloud:
    url: str
    buckets: Buckets
    behaviour: Behaviour
    folder: Path

    def files(self, *contents: bytes) -> NeededObjects:
        """Files on this machine, with these contents."""
        paths = {}
        for content in contents:
            name = sha1(content)
            paths[name] = self.folder / name
            paths[name].write_bytes(content)
        return NeededObjects(tuple(paths), paths)

    def seed(self, bucket: str, files: NeededObjects) -> None:
        for name, path in files.here.items():
            self.buckets.upload(bucket, name, path, NOBODY)
        requests.delete(f"{self.url}/_sandbox/requests", timeout=10)

    def staging(self, files: NeededObjects, *looked_into: str) -> StagingBuckets:
        staging = StagingBuckets(self.buckets, files.names)
        for bucket in looked_into:
            staging.look(bucket)
        return staging

    def fault(self, kind: str, **narrowing: object) -> None:
        body = {"kind": kind, **narrowing}
        assert requests.post(f"{self.url}/_sandbox/faults", json=body, timeout=10).ok

    def slow_down(self) -> None:
        """Let whatever is begun from now on not have ended a moment later."""
        body = {"latency": 0.2}
        assert requests.patch(f"{self.url}/_sandbox/settings", json=body, timeout=10).ok

    def asked(self, method: str, path: str) -> int:
        """How many requests there were; ``path`` is a glob."""
        query = {"method": method, "path": path}
        found = requests.get(f"{self.url}/_sandbox/requests", params=query, timeout=10).json()
        return len(found["requests"])

    def has(self, bucket: str, files: NeededObjects) -> bool:
        return self.buckets.list_objects(bucket).lasting >= set(files.names)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    behaviour = Behaviour()

    @web.middleware
    async def behave(request: web.Request, handler: Handler) -> web.StreamResponse:
        return behaviour.answer(request) or await handler(request)

    apps = [App(project) for project in PROJECTS]
    with Sandbox(tmp_path / "sandbox", apps, middlewares=[behave]) as sandbox:
        buckets = Buckets(sandbox.url, GoogleSession(AnonymousCredentials(), 4))
        yield Cloud(sandbox.url, buckets, behaviour, tmp_path)


def ended(step: Step) -> tuple[str, ...]:
    while True:
        try:
            next(step)
        except StopIteration as end:
            remarks: tuple[str, ...] = end.value
            return remarks


def quiet(_: str) -> None:
    """Nobody watches."""


def test_bytes_that_one_bucket_has_are_never_sent(cloud: Cloud) -> None:
    files = cloud.files(b"one", b"two")
    cloud.seed(C, files)
    staging = cloud.staging(files, A, B, C)
    assert ended(staging.fill(A, files, quiet)) == ()
    assert cloud.has(A, files)
    assert (cloud.asked("POST", "/upload/*"), cloud.asked("POST", "/batch/*")) == (0, 1)


def test_a_bucket_is_listed_once_for_all_services_of_its_app(cloud: Cloud) -> None:
    files = cloud.files(b"one")
    staging = cloud.staging(files, A, A)
    cloud.slow_down()
    first, second = (staging.fill(A, files, quiet) for _ in range(2))
    next(first)
    assert next(second).note == "waiting for another service of the same app"
    ended(first)
    ended(second)
    assert (cloud.asked("GET", f"/storage/v1/b/{A}/o"), cloud.asked("POST", "/upload/*")) == (1, 1)


def test_a_waiting_step_takes_over_a_failed_upload(cloud: Cloud) -> None:
    files = cloud.files(*(b"%d" % number for number in range(20)))
    cloud.fault("permission", project="project-a", target="/upload/*")
    staging = cloud.staging(files, A, B)
    cloud.slow_down()
    first, second = staging.fill(A, files, quiet), staging.fill(B, files, quiet)
    next(first)
    next(second)
    with pytest.raises(ServiceError, match="permission"):
        ended(first)
    ended(second)
    assert cloud.has(B, files)


def test_an_abandoned_step_leaves_no_step_waiting(cloud: Cloud) -> None:
    files = cloud.files(*(b"%d" % number for number in range(20)))
    staging = cloud.staging(files, A, B)
    cloud.slow_down()
    first = staging.fill(A, files, quiet)
    next(first)
    first.close()
    ended(staging.fill(B, files, quiet))
    assert cloud.has(B, files)


def test_where_copies_are_refused_files_are_sent_and_that_is_told(cloud: Cloud) -> None:
    files = cloud.files(b"one", b"two")
    cloud.seed(C, files)
    cloud.fault("permission", project="project-a", target="*/rewriteTo/*")
    staging = cloud.staging(files, A, B, C)
    assert ended(staging.fill(A, files, quiet)) == (
        f"2 files were uploaded, since copies from {C} are refused",
    )
    assert ended(staging.fill(B, files, quiet)) == ()
    assert cloud.asked("POST", f"/upload/storage/v1/b/{A}/*") == 2
    assert cloud.asked("POST", f"/upload/storage/v1/b/{B}/*") == 0


def test_what_is_kept_elsewhere_is_copied_under_its_hash(cloud: Cloud) -> None:
    files = cloud.files(b"one")
    (name,) = files.names
    cloud.buckets.upload(C, f"objects/{name}", files.here[name], NOBODY)
    kept = NeededObjects(files.names, {}, (BucketFolder(B, "gone/"), BucketFolder(C, "objects/")))
    ended(cloud.staging(files, A).fill(A, kept, quiet))
    assert cloud.has(A, files)


def test_bytes_that_exist_nowhere_are_an_error(cloud: Cloud) -> None:
    files = cloud.files(b"one")
    lost = NeededObjects(files.names, {}, (BucketFolder(C),))
    with pytest.raises(ServiceError, match="1 files are neither on this machine nor in a bucket"):
        ended(cloud.staging(files, A).fill(A, lost, quiet))


def test_a_deleted_file_is_an_error(cloud: Cloud) -> None:
    files = cloud.files(b"one", bytes(LARGE + 1))
    for path in files.here.values():
        path.unlink()
    with pytest.raises(FlowdeployError, match=r"as it was when the run began: No such file"):
        ended(cloud.staging(files, A).fill(A, files, quiet))


@pytest.mark.parametrize("size", [3, LARGE + 1])
def test_a_file_that_has_changed_is_told_and_none_of_it_is_there(cloud: Cloud, size: int) -> None:
    files = cloud.files(bytes(size))
    (path,) = files.here.values()
    path.write_bytes(b"x" * size)
    with pytest.raises(FlowdeployError, match=rf"{path} cannot be deployed.* it has changed"):
        ended(cloud.staging(files, A).fill(A, files, quiet))
    assert not cloud.has(A, files)


def test_pieces_that_are_not_taken_are_sent_again(cloud: Cloud) -> None:
    files = cloud.files(bytes(LARGE + 1))
    lost = [web.Response(status=308)]
    cloud.behaviour.answer = lambda r: lost.pop() if r.method == "PUT" and lost else None
    ended(cloud.staging(files, A).fill(A, files, quiet))
    assert cloud.has(A, files)


def test_a_large_file_that_changes_on_its_way_is_told(cloud: Cloud) -> None:
    files = cloud.files(bytes(PIECE + LARGE))
    (path,) = files.here.values()

    def change(request: web.Request) -> None:
        if request.method == "PUT":
            with path.open("r+b") as stream:
                stream.seek(-1, 2)
                stream.write(b"x")

    cloud.behaviour.answer = change
    with pytest.raises(FlowdeployError, match=rf"{path} cannot be deployed.* it has changed"):
        ended(cloud.staging(files, A).fill(A, files, quiet))
    assert not cloud.has(A, files)


def test_bytes_that_are_garbled_on_their_way_back_are_told(cloud: Cloud, tmp_path: Path) -> None:
    files = cloud.files(b"one")
    cloud.seed(A, files)
    (name,) = files.names
    cloud.buckets.download(A, name, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"one"
    md5 = {"X-Goog-Hash": "crc32c=AAAAAA==,md5=+XxdKZQb+xsv2rCHSQargg=="}
    cloud.behaviour.answer = lambda _: web.Response(body=b"0ne", headers=md5)
    with pytest.raises(ServiceError, match="not those kept there"):
        cloud.buckets.download(A, name, tmp_path / "got")


def test_an_object_created_meanwhile_is_success(cloud: Cloud) -> None:
    files = cloud.files(b"one", b"two")
    staging = cloud.staging(files, A, B)
    cloud.seed(A, files)
    ended(staging.fill(A, files, quiet))
    cloud.seed(B, files)
    ended(staging.fill(B, files, quiet))
    assert cloud.asked("POST", "*/rewriteTo/*") == 2


def test_objects_about_to_expire_are_created_anew(cloud: Cloud) -> None:
    files = cloud.files(b"one")
    cloud.seed(A, files)
    rule = {"action": {"type": "Delete"}, "condition": {"age": 1}}
    bucket = f"{cloud.url}/storage/v1/b/{A}"
    requests.patch(bucket, json={"lifecycle": {"rule": [rule]}}, timeout=10)
    (name,) = files.names
    before = requests.get(f"{bucket}/o/{name}", timeout=10).json()["generation"]
    ended(cloud.staging(files, A).fill(A, files, quiet))
    assert requests.get(f"{bucket}/o/{name}", timeout=10).json()["generation"] > before


@pytest.mark.parametrize("kind", ["unavailable", "quota", "reset", "reset-after"])
@pytest.mark.parametrize("target", ["*/rewriteTo/*", "/batch/*"])
def test_copies_are_asked_for_again(cloud: Cloud, kind: str, target: str) -> None:
    files = cloud.files(b"one", b"two", b"three")
    cloud.seed(C, files)
    cloud.fault(kind, target=target, times=1)
    ended(cloud.staging(files, A, C).fill(A, files, quiet))
    assert cloud.has(A, files)


def test_a_copy_in_several_steps_goes_on_by_its_token(cloud: Cloud) -> None:
    tokens: list[str] = []

    def in_steps(request: web.Request) -> web.Response | None:
        if "rewriteTo" not in request.path or len(tokens) == 2:
            return None
        tokens.append(request.query.get("rewriteToken", ""))
        return web.json_response({"done": False, "rewriteToken": f"step {len(tokens)}"})

    files = cloud.files(b"one")
    cloud.seed(C, files)
    cloud.behaviour.answer = in_steps
    ended(cloud.staging(files, A, C).fill(A, files, quiet))
    assert tokens == ["", "step 1"]
    assert cloud.has(A, files)


def test_a_server_without_batches_is_asked_one_by_one(cloud: Cloud) -> None:
    def no_batches(request: web.Request) -> web.Response | None:
        return web.Response(status=404) if "/batch/" in request.path else None

    files = cloud.files(b"one", b"two")
    cloud.seed(C, files)
    cloud.behaviour.answer = no_batches
    ended(cloud.staging(files, A, C).fill(A, files, quiet))
    assert cloud.has(A, files)


def test_more_files_than_a_batch_takes(cloud: Cloud) -> None:
    files = cloud.files(*(b"%d" % number for number in range(230)))
    staging = cloud.staging(files, A, B)
    ended(staging.fill(A, files, quiet))
    ended(staging.fill(B, files, quiet))
    assert cloud.has(B, files)
    assert cloud.asked("POST", "/batch/*") == 3


def test_a_large_file_goes_in_pieces_and_goes_on_after_a_failure(cloud: Cloud) -> None:
    content = bytes(PIECE + LARGE)
    files = cloud.files(content)
    cloud.fault("unavailable", method="PUT", after=1, times=1)
    ended(cloud.staging(files, A).fill(A, files, quiet))
    (name,) = files.names
    found = requests.get(f"{cloud.url}/storage/v1/b/{A}/o/{name}?alt=media", timeout=10)
    assert sha1(found.content) == name
    assert cloud.asked("PUT", "*upload/storage/*") == 4, "two pieces, one failure, one question"


def test_progress_is_reported(cloud: Cloud) -> None:
    files = cloud.files(b"x" * 1_000_000, b"y" * 200_000)
    told: list[str] = []
    staging = cloud.staging(files, A, B)
    ended(staging.fill(A, files, told.append))
    assert told[-1] == "uploading 2/2 files, 1.2 MB"
    ended(staging.fill(B, files, told.append))
    # How many files the first message counts depends on timing.
    assert told[-1] in {"copying 0/2 files", "copying 0/1 files"}
