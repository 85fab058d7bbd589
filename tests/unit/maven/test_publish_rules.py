"""What stands in the way of a publish."""

from __future__ import annotations

import pytest

from flowdeploy.clients.repository import Checksums, checksum_files
from flowdeploy.maven import clojars_rules, repository_rules
from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.maven.pom import Dependency, Pom

GOOD = Pom("org.akvo.flow", "akvo-flow", True, (Dependency("jstl:jstl", "1.2"),))
TOKEN = "CLOJARS_" + "0f" * 30


def test_a_good_pom_has_no_problems() -> None:
    assert [*repository_rules.pom_problems(GOOD), *clojars_rules.pom_problems(GOOD)] == []


@pytest.mark.parametrize(
    ("group", "artifact", "words"),
    [
        ("", "a", "no <groupId>"),
        ("g", "", "no <artifactId>"),
        ("${g}", "a", "<groupId> is ${g}: write the value itself"),
        ("g", "${project.name}", "<artifactId> is ${project.name}: write the value itself"),
        ("g/h", "a", "<groupId> is g/h: use letters"),
        ("g..h", "a", "<groupId> is g..h: use letters"),
        ("g", "flöw", "<artifactId> is flöw: use letters"),
    ],
)
def test_names_are_legal(group: str, artifact: str, words: str) -> None:
    (problem,) = repository_rules.pom_problems(Pom(group, artifact, True, ()))
    assert words in problem


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("LATEST", "asks for LATEST"),
        ("RELEASE", "asks for RELEASE"),
        ("1-SNAPSHOT", "is the snapshot 1-SNAPSHOT"),
        ("[1,2)", "has the range [1,2)"),
    ],
)
def test_a_dependency_names_one_released_version(version: str, words: str) -> None:
    (problem,) = repository_rules.pom_problems(Pom("g", "a", True, (Dependency("x:y", version),)))
    assert words in problem
    assert "x:y" in problem


@pytest.mark.parametrize("version", ["", "1.2", "[1.2]", "${jts}", "3.1.3.RELEASE"])
def test_other_versions_are_let_pass(version: str) -> None:
    assert not list(
        repository_rules.pom_problems(Pom("g", "a", True, (Dependency("x:y", version),)))
    )


@pytest.mark.parametrize("version", ["1/2", "", "1 2", "1..2", "1-SNAPSHOT", "é"])
def test_a_version_is_legal_and_no_snapshot(version: str) -> None:
    assert len(list(repository_rules.version_problems(version))) == 1


def test_what_flowdeploy_calls_its_versions_is_legal() -> None:
    assert not list(repository_rules.version_problems("20200403-073034.1a2b3c4d"))


@pytest.mark.parametrize("classifier", ["", "a/b", "..", "a b"])
def test_a_classifier_is_legal(classifier: str) -> None:
    assert len(list(repository_rules.classifier_problems(classifier))) == 1


@pytest.mark.parametrize(
    "url",
    ["https://clojars.org/repo", "http://127.0.0.1:1/repo", "http://[::1]:1/", "http://localhost"],
)
def test_a_token_is_sent_under_tls_or_to_this_machine(url: str) -> None:
    assert not list(repository_rules.address_problems(url))


@pytest.mark.parametrize(
    "url", ["http://clojars.org/repo", "http://127.0.0.1.nip.io/", "ftp://x/", "clojars.org", ""]
)
def test_a_token_is_sent_nowhere_else(url: str) -> None:
    assert len(list(repository_rules.address_problems(url))) == 1


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    (problem,) = repository_rules.address_problems("https://me:secret@clojars.org/repo")
    assert "CLOJARS_PASSWORD" in problem
    assert "secret" not in problem


def test_clojars_wants_lower_case_and_a_license() -> None:
    problems = list(clojars_rules.pom_problems(Pom("org.Akvo", "akvo-flow", False, ())))
    assert ["lower-case" in problems[0], "<licenses>" in problems[1]] == [True, True]


@pytest.mark.parametrize(
    ("user", "token", "words"),
    [
        ("", TOKEN, "CLOJARS_USERNAME"),
        ("me", "", "CLOJARS_PASSWORD"),
        ("me", "hunter2", "holds no deploy token"),
        ("me", TOKEN + "0", "holds no deploy token"),
        ("me", TOKEN.upper(), "holds no deploy token"),
    ],
)
def test_clojars_wants_a_user_and_a_token(user: str, token: str, words: str) -> None:
    (problem,) = clojars_rules.credential_problems(user, token)
    assert words in problem
    assert "hunter2" not in problem


def test_clojars_takes_thirty_mebibytes() -> None:
    assert not list(clojars_rules.size_problems("a.jar", 30 << 20))
    assert len(list(clojars_rules.size_problems("a.jar", (30 << 20) + 1))) == 1


@pytest.mark.parametrize(
    ("url", "is_clojars"),
    [
        ("https://clojars.org/repo", True),
        ("https://repo.clojars.org", True),
        ("https://clojars.org.example.com/repo", False),
        ("https://nexus.example.com/clojars.org", False),
    ],
)
def test_clojars_is_known_by_its_host(url: str, is_clojars: bool) -> None:
    assert (clojars_rules.api_of(url) is not None) is is_clojars


@pytest.mark.parametrize(
    ("status", "title", "words"),
    [
        (401, "No deploy token provided", "not a password"),
        (401, "", "does not know this user"),
        (403, "Deploy token scope mismatch", "scope"),
        (403, "Deploy group isn't verified", "verify"),
        (403, "Invalid POM file", "another token"),
        (403, "Non-SNAPSHOT redeploy", "published"),
        (413, "", "30 MiB"),
    ],
)
def test_a_refusal_comes_with_what_to_do(status: int, title: str, words: str) -> None:
    assert words in (clojars_rules.hint(status, title) or "")


def test_an_artifact_has_its_place() -> None:
    flow = Coordinates("org.akvo.flow", "akvo-flow")
    assert flow.path("1", "jar", "classes") == "org/akvo/flow/akvo-flow/1/akvo-flow-1-classes.jar"
    assert flow.path("1", "pom") == "org/akvo/flow/akvo-flow/1/akvo-flow-1.pom"
    assert flow.metadata == "org/akvo/flow/akvo-flow/maven-metadata.xml"


def test_checksums_do_not_depend_on_the_chunks() -> None:
    whole = Checksums.of([b"abc"])
    assert Checksums.of([b"a", b"", b"bc"]) == whole
    assert {file.path: file.content for file in checksum_files("a.jar", whole)} == {
        "a.jar.sha1": b"a9993e364706816aba3e25717850c26c9cd0d89d",
        "a.jar.md5": b"900150983cd24fb0d6963f7d28e17f72",
    }
