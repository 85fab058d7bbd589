"""The emulated Clojars: the rules and the pitfalls of the real one."""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from flowdeploy.sandbox.clojars import DEMO_TOKEN, DEMO_USER
from flowdeploy.sandbox.server import Sandbox

FOLDER = "org/akvo/flow/akvo-flow"
METADATA = f"{FOLDER}/maven-metadata.xml"
JAR = b"PK of a kind"
OTHER_TOKEN = "CLOJARS_" + "0f" * 30


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path) as running:
        yield running


@pytest.fixture
def clojars(sandbox: Sandbox) -> Deployer:
    return Deployer(sandbox.url)


class Deployer:
    """Deploys like Maven, one request at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.auth: tuple[str, str] | None = (DEMO_USER, DEMO_TOKEN)

    def put(self, path: str, body: bytes) -> requests.Response:
        return requests.put(f"{self.url}/repo/{path}", body, auth=self.auth, timeout=30)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}/repo/{path}", timeout=30)

    def set_rule(self, rule: str, **fields: object) -> None:
        answer = requests.put(f"{self.url}/_sandbox/clojars/{rule}", json=fields, timeout=30)
        assert answer.ok, answer.text

    def wait(self, seconds: float) -> None:
        answer = requests.post(f"{self.url}/_sandbox/clock", json={"advance": seconds}, timeout=30)
        assert answer.ok

    def versions(self) -> list[str]:
        answer = requests.get(f"{self.url}/api/artifacts/org.akvo.flow/akvo-flow", timeout=30)
        return [v["version"] for v in answer.json()["recent_versions"]] if answer.ok else []

    def send(self, path: str, body: bytes) -> list[requests.Response]:
        """Send a file and its checksums."""
        sums = {"": body, ".sha1": _hex("sha1", body), ".md5": _hex("md5", body)}
        return [self.put(path + suffix, data) for suffix, data in sums.items()]

    def stage(self, version: str = "1.0", pom: bytes | None = None, jar: bytes = JAR) -> None:
        stem = f"{FOLDER}/{version}/akvo-flow-{version}"
        self.send(f"{stem}.jar", jar)
        self.send(f"{stem}.pom", pom if pom is not None else _pom(version=version))

    def release(self, updated: int = 1) -> requests.Response:
        return self.put(METADATA, _metadata(updated))


def _hex(algorithm: str, body: bytes) -> bytes:
    return hashlib.new(algorithm, body).hexdigest().encode()


def _metadata(updated: int) -> bytes:
    text = f"<lastUpdated>{updated}</lastUpdated>"
    return f"<metadata><versioning>{text}</versioning></metadata>".encode()


def _pom(**changes: Any) -> bytes:
    parts = {
        "group": "org.akvo.flow",
        "artifact": "akvo-flow",
        "version": "1.0",
        "licenses": "<license><name>AGPL-3.0</name></license>",
        "dependency": "1.2",
    } | changes
    return (
        (
            '<project xmlns="http://maven.apache.org/POM/4.0.0">'
            "<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
            "<licenses>{licenses}</licenses><dependencies><dependency><groupId>jstl</groupId>"
            "<artifactId>jstl</artifactId><version>{dependency}</version><scope>test</scope>"
            "</dependency></dependencies></project>"
        )
        .format(**parts)
        .encode()
    )


def _assert_refused(answer: requests.Response, title: str, status: int = 403) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["title"]) == (status, status, title)
    assert problem["detail"]


def test_the_metadata_publish_a_deploy(clojars: Deployer) -> None:
    clojars.stage()
    jar = f"{FOLDER}/1.0/akvo-flow-1.0.jar"
    assert clojars.get(jar).status_code == 404
    answer = clojars.release()
    assert (answer.status_code, answer.content) == (201, b"")
    assert clojars.get(jar).content == JAR
    assert clojars.get(f"{jar}.sha1").content == _hex("sha1", JAR)
    assert clojars.get(METADATA).content == _metadata(1)
    assert clojars.versions() == ["1.0"]


def test_the_server_computes_the_checksums_of_the_metadata(
    clojars: Deployer,
) -> None:
    clojars.stage()
    clojars.release()
    assert clojars.put(f"{METADATA}.sha1", b"nonsense").status_code == 201
    assert clojars.get(f"{METADATA}.sha1").content == _hex("sha1", _metadata(1))
    assert clojars.get(f"{METADATA}.md5").content == _hex("md5", _metadata(1))


def test_head_returns_the_headers_of_a_file(clojars: Deployer) -> None:
    clojars.stage()
    clojars.release()
    there = requests.head(f"{clojars.url}/repo/{FOLDER}/1.0/akvo-flow-1.0.jar", timeout=30)
    missing = requests.head(f"{clojars.url}/repo/{FOLDER}/2.0/akvo-flow-2.0.jar", timeout=30)
    assert (there.status_code, there.headers["Content-Length"]) == (200, str(len(JAR)))
    assert missing.status_code == 404


def test_the_api_lists_the_newest_version_first(clojars: Deployer) -> None:
    for n, version in enumerate(["1.0", "1.1"]):
        clojars.stage(version)
        clojars.release(n)
    assert clojars.versions() == ["1.1", "1.0"]
    answer = requests.get(f"{clojars.url}/api/artifacts/nobody", timeout=30)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("auth", "title"),
    [
        ((DEMO_USER, "hunter2"), "No deploy token provided"),
        ((DEMO_USER, DEMO_TOKEN + "0"), "No deploy token provided"),
        ((DEMO_USER, DEMO_TOKEN.upper()), "No deploy token provided"),
    ],
)
def test_a_password_instead_of_a_token_is_refused(
    clojars: Deployer, auth: tuple[str, str], title: str
) -> None:
    clojars.auth = auth
    _assert_refused(clojars.release(), title, status=401)


@pytest.mark.parametrize(
    ("auth", "token"),
    [
        (None, {}),
        ((DEMO_USER, OTHER_TOKEN), {"user": "someone else"}),
        (("me", OTHER_TOKEN), {"user": "me", "disabled": True}),
        (("me", OTHER_TOKEN), {"user": "me", "expires": 1.0}),
        (("me", DEMO_TOKEN), {}),
    ],
)
def test_missing_or_invalid_tokens_get_an_empty_401(
    clojars: Deployer, auth: tuple[str, str] | None, token: dict[str, object]
) -> None:
    if token:
        clojars.set_rule(f"tokens/{OTHER_TOKEN}", **token)
    clojars.auth = auth
    answer = clojars.release()
    assert (answer.status_code, answer.content) == (401, b"")
    assert "Basic" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("suffix", [".sha256", ".sha512", ".zip", ".war", ""])
def test_files_with_other_suffixes_are_refused(clojars: Deployer, suffix: str) -> None:
    assert clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0{suffix}", b"x").status_code == 400


@pytest.mark.parametrize(
    "suffix", ["jar", "pom", "jar.sha1", "jar.md5", "jar.asc", "module", "sig"]
)
def test_files_with_known_suffixes_are_accepted(clojars: Deployer, suffix: str) -> None:
    assert clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.{suffix}", b"x").status_code == 201


def test_a_path_with_two_dots_is_refused(clojars: Deployer) -> None:
    with closing(clojars.connection()) as connection:
        connection.request("PUT", f"/repo/{FOLDER}/../x/1.0/x-1.0.jar", b"x")
        assert connection.getresponse().status == 400
    assert clojars.put("org/akvo/a..b/1.0/a..b-1.0.jar", b"x").status_code == 400


def test_a_put_outside_of_repo_is_refused(clojars: Deployer) -> None:
    answer = requests.put(f"{clojars.url}/{METADATA}", b"x", auth=clojars.auth, timeout=30)
    assert (answer.status_code, answer.text) == (405, "Did you mean to use /repo?")


@pytest.mark.parametrize(
    "path", ["v1/apps/a/b/c.jar", "v2beta3/projects/p.xml", "storage/v1/a/b/c.jar", "x/y"]
)
def test_clojars_does_not_handle_paths_of_other_services(clojars: Deployer, path: str) -> None:
    answer = requests.put(f"{clojars.url}/{path}", b"x", auth=clojars.auth, timeout=30)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"


def test_files_over_30_mebibytes_are_refused(clojars: Deployer) -> None:
    path = f"{clojars.url}/repo/{FOLDER}/1.0/akvo-flow-1.0.jar"
    chunks = (b"x" * (1 << 20) for _ in range(31))
    assert requests.put(path, chunks, auth=clojars.auth, timeout=30).status_code == 413
    assert requests.put(path, b"x" * (30 << 20), auth=clojars.auth, timeout=30).status_code == 201


def test_only_members_of_a_group_may_deploy(clojars: Deployer) -> None:
    clojars.set_rule("groups/org.akvo.flow", members=["me"])
    _assert_refused(clojars.release(), "Deploy group not accessible")


def test_a_group_without_members_does_not_exist(clojars: Deployer) -> None:
    clojars.set_rule("groups/org.akvo.flow", members=[])
    _assert_refused(clojars.release(), "Deploy group does not exist")


def test_an_unverified_group_cannot_have_new_projects(clojars: Deployer) -> None:
    clojars.stage()
    clojars.release()
    clojars.set_rule("groups/org.akvo.flow", members=[DEMO_USER], verified=False)
    assert clojars.put(f"{FOLDER}/1.1/akvo-flow-1.1.jar", JAR).status_code == 201
    answer = clojars.put("org/akvo/flow/another/1.0/another-1.0.jar", JAR)
    _assert_refused(answer, "Deploy group isn't verified")


def test_a_group_may_require_mfa(clojars: Deployer) -> None:
    clojars.set_rule("groups/org.akvo.flow", members=[DEMO_USER], requires_mfa=True)
    jar = f"{FOLDER}/1.0/akvo-flow-1.0.jar"
    _assert_refused(clojars.put(jar, JAR), "Deploy group requires MFA")
    clojars.set_rule(f"users/{DEMO_USER}", mfa=True)
    assert clojars.put(jar, JAR).status_code == 201


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ({}, True),
        ({"group": "org.akvo.flow"}, True),
        ({"group": "org.akvo.flow", "artifact": "akvo-flow"}, True),
        ({"group": "org.akvo.flow", "artifact": "other"}, False),
        ({"group": "org.akvo"}, False),
    ],
)
def test_a_token_may_deploy_in_its_scope_only(
    clojars: Deployer, scope: dict[str, str], allowed: bool
) -> None:
    clojars.set_rule(f"tokens/{OTHER_TOKEN}", user=DEMO_USER, **scope)
    clojars.auth = (DEMO_USER, OTHER_TOKEN)
    answer = clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar", JAR)
    if allowed:
        assert answer.status_code == 201
    else:
        _assert_refused(answer, "Deploy token scope mismatch")


def test_a_single_use_token_allows_one_release(clojars: Deployer) -> None:
    clojars.set_rule(f"tokens/{OTHER_TOKEN}", user=DEMO_USER, single_use=True)
    clojars.auth = (DEMO_USER, OTHER_TOKEN)
    clojars.stage()
    clojars.release()
    late = clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar.asc", b"signature")
    assert late.status_code == 201
    _assert_refused(clojars.put(f"{FOLDER}/1.1/akvo-flow-1.1.jar", JAR), "Deploy token used")


@pytest.mark.parametrize(
    ("pom", "title"),
    [
        (b"<project>", "Invalid POM file"),
        (_pom(group="org.akvo"), "Invalid POM file"),
        (_pom(artifact="flow"), "Invalid POM file"),
        (_pom(version="${v}"), "Invalid POM file"),
        (_pom(licenses=""), "Invalid POM file"),
        (_pom(dependency="LATEST"), "Invalid POM file"),
        (_pom(dependency="RELEASE"), "Invalid POM file"),
        (_pom(dependency="[1,2)"), "Invalid POM file"),
        (_pom(dependency="1-SNAPSHOT"), "Invalid POM file"),
    ],
)
def test_an_invalid_pom_is_refused_at_release(clojars: Deployer, pom: bytes, title: str) -> None:
    clojars.stage(pom=pom)
    _assert_refused(clojars.release(), title)
    assert clojars.versions() == []
    assert clojars.get(METADATA).status_code == 404


def test_a_release_needs_a_pom(clojars: Deployer) -> None:
    clojars.send(f"{FOLDER}/1.0/akvo-flow-1.0.jar", JAR)
    _assert_refused(clojars.release(), "Missing POM file")


def test_metadata_must_be_xml(clojars: Deployer) -> None:
    clojars.stage()
    _assert_refused(clojars.put(METADATA, b"<metadata"), "Invalid maven-metadata.xml file")


def test_an_artifact_name_must_be_lower_case(clojars: Deployer) -> None:
    stem = "org/akvo/flow/Flow/1.0/Flow-1.0"
    clojars.send(f"{stem}.pom", _pom(artifact="Flow"))
    answer = clojars.put("org/akvo/flow/Flow/maven-metadata.xml", _metadata(1))
    _assert_refused(answer, "Invalid project name")


def test_a_version_with_special_characters_is_refused(clojars: Deployer) -> None:
    clojars.stage("1~0")
    _assert_refused(clojars.release(), "Invalid version")


def test_a_release_needs_correct_checksums(clojars: Deployer) -> None:
    clojars.send(f"{FOLDER}/1.0/akvo-flow-1.0.pom", _pom())
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar", JAR)
    _assert_refused(clojars.release(), "File missing checksum")
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar.md5", _hex("md5", JAR))
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar.sha1", _hex("sha1", JAR) + b"\n")
    _assert_refused(clojars.release(2), "Invalid checksum")


def test_one_checksum_is_enough(clojars: Deployer) -> None:
    clojars.send(f"{FOLDER}/1.0/akvo-flow-1.0.pom", _pom())
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar", JAR)
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar.md5", _hex("md5", JAR))
    assert clojars.release().status_code == 201


@pytest.mark.parametrize("suffix", ["asc", "sig"])
def test_if_one_file_is_signed_all_must_be(clojars: Deployer, suffix: str) -> None:
    clojars.stage()
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.jar.{suffix}", b"signature")
    _assert_refused(clojars.release(1), "File missing signature")
    clojars.put(f"{FOLDER}/1.0/akvo-flow-1.0.pom.{suffix}", b"signature")
    assert clojars.release(2).status_code == 201
    assert clojars.versions() == ["1.0"]


def test_names_on_maven_central_cannot_be_published(clojars: Deployer) -> None:
    clojars.set_rule("central/org.akvo.flow:akvo-flow", taken=True)
    clojars.stage()
    _assert_refused(clojars.release(1), "Cannot shadow Maven Central")
    clojars.set_rule("central/org.akvo.flow:akvo-flow", reachable=False)
    _assert_refused(clojars.release(2), "Maven Central shadow check failed", status=503)
    clojars.set_rule("central/org.akvo.flow:akvo-flow")
    assert clojars.release(3).status_code == 201
    assert clojars.versions() == ["1.0"]


def test_a_staged_file_cannot_be_replaced_for_three_days(clojars: Deployer) -> None:
    clojars.stage(pom=_pom(licenses=""))
    clojars.release()
    pom = f"{FOLDER}/1.0/akvo-flow-1.0.pom"
    _assert_refused(clojars.put(pom, _pom()), "Non-SNAPSHOT redeploy")
    clojars.wait(3 * 86400)
    assert clojars.put(pom, _pom()).status_code == 201


def test_each_token_has_its_own_upload(clojars: Deployer) -> None:
    clojars.stage(pom=_pom(licenses=""))
    clojars.set_rule(f"tokens/{OTHER_TOKEN}", user=DEMO_USER)
    clojars.auth = (DEMO_USER, OTHER_TOKEN)
    clojars.stage()
    assert clojars.release().status_code == 201
    assert clojars.versions() == ["1.0"]


def test_a_published_version_cannot_be_published_again(clojars: Deployer) -> None:
    clojars.stage()
    clojars.release()
    clojars.set_rule(f"tokens/{OTHER_TOKEN}", user=DEMO_USER)
    clojars.auth = (DEMO_USER, OTHER_TOKEN)
    clojars.stage(jar=b"other")
    _assert_refused(clojars.release(), "Non-SNAPSHOT redeploy")
    assert clojars.get(f"{FOLDER}/1.0/akvo-flow-1.0.jar").content == JAR


def test_sending_the_same_metadata_again_publishes_nothing(clojars: Deployer) -> None:
    clojars.set_rule("central/org.akvo.flow:akvo-flow", reachable=False)
    clojars.stage()
    assert clojars.release(1).status_code == 503
    clojars.set_rule("central/org.akvo.flow:akvo-flow")
    assert clojars.release(1).status_code == 201
    assert clojars.versions() == []
    assert clojars.release(2).status_code == 201
    assert clojars.versions() == ["1.0"]


def test_of_two_interleaved_versions_only_the_later_is_published(clojars: Deployer) -> None:
    clojars.stage("1.0")
    clojars.stage("1.1")
    assert [clojars.release(1).status_code, clojars.release(2).status_code] == [201, 201]
    assert clojars.versions() == ["1.1"]


def test_a_snapshot_may_be_deployed_again(clojars: Deployer) -> None:
    for stamp in ("20200403.073034-1", "20200403.080000-2"):
        stem = f"{FOLDER}/1-SNAPSHOT/akvo-flow-1-{stamp}"
        clojars.send(f"{stem}.pom", _pom(version="1-SNAPSHOT", dependency="2-SNAPSHOT"))
        assert clojars.put(f"{FOLDER}/1-SNAPSHOT/maven-metadata.xml", b"<x/>").status_code == 201
        clojars.put(f"{FOLDER}/1-SNAPSHOT/maven-metadata.xml.sha1", _hex("sha1", b"<x/>"))
        assert clojars.release(int(stamp[-1])).status_code == 201
        assert clojars.get(f"{stem}.pom").ok
    assert clojars.versions() == ["1-SNAPSHOT"]


def test_the_cache_may_remember_a_missing_file_for_a_day(clojars: Deployer) -> None:
    clojars.set_rule("caches/front", keeps_missing=True)
    pom = f"{FOLDER}/1.0/akvo-flow-1.0.pom"
    assert clojars.get(pom).status_code == 404
    clojars.stage()
    clojars.release()
    assert clojars.get(pom).status_code == 404
    assert clojars.get(METADATA).status_code == 200
    clojars.wait(86400)
    assert clojars.get(pom).status_code == 200


def test_the_cache_may_show_new_files_late(clojars: Deployer) -> None:
    clojars.set_rule("caches/front", delay=60)
    clojars.stage()
    clojars.release()
    assert clojars.get(METADATA).status_code == 404
    assert clojars.versions() == ["1.0"]
    clojars.wait(60)
    assert clojars.get(METADATA).status_code == 200


def test_an_interrupted_upload_leaves_nothing_behind(clojars: Deployer) -> None:
    path = f"{FOLDER}/1.0/akvo-flow-1.0.jar"
    token = base64.b64encode(f"{DEMO_USER}:{DEMO_TOKEN}".encode()).decode()
    with closing(clojars.connection()) as connection:
        connection.putrequest("PUT", f"/repo/{path}")
        connection.putheader("Authorization", f"Basic {token}")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"half")
    assert clojars.put(path, JAR).status_code == 201


@pytest.mark.parametrize(
    ("rule", "status"), [("nothing/x", 404), ("tokens/x", 400), ("users/x?", 400)]
)
def test_an_unknown_rule_is_refused(clojars: Deployer, rule: str, status: int) -> None:
    answer = requests.put(f"{clojars.url}/_sandbox/clojars/{rule}", json={"x": 1}, timeout=30)
    assert answer.status_code == status


def test_published_versions_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as first:
        deployer = Deployer(first.url)
        deployer.stage()
        deployer.release()
    with Sandbox(tmp_path) as second:
        assert Deployer(second.url).versions() == ["1.0"]
