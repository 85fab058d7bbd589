"""All that must hold of a library before the first byte is sent."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from subprocess import run

import pytest

from flowdeploy.clients.repository import Repository, RepositoryFile
from flowdeploy.errors import Refused
from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.steps.publish.library import Library, check_library

POM = b"""<project>
  <groupId>org.akvo.flow</groupId><artifactId>akvo-flow</artifactId><version>1</version>
  <licenses><license><name>AGPL-3.0</name></license></licenses>
</project>
"""
TOKEN = "CLOJARS_" + "0f" * 30
CLOJARS = Repository("https://clojars.org/repo", "https://clojars.org/api/artifacts", "me", TOKEN)
NEXUS = Repository("https://nexus.example.com/repo")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path / "flow.jar", tmp_path / "pom.xml", "classes")
    made.pom.write_bytes(POM)
    with zipfile.ZipFile(made.jar, "w") as jar:
        jar.writestr("Flow.class", "")
    return made


def _problems(library: Library, version: str, repository: Repository) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        check_library(library, version, repository)
    return refused.value.details


def _read(file: RepositoryFile) -> bytes:
    with file.open() as content:
        return content.read()


def test_a_good_library_is_ready_to_be_sent(library: Library) -> None:
    release = check_library(library, "1.0", CLOJARS)
    assert release.coordinates == Coordinates("org.akvo.flow", "akvo-flow")
    assert [file.name for file in release.files] == [
        "akvo-flow-1.0-classes.jar",
        "akvo-flow-1.0.pom",
    ]
    jar, pom = (_read(file) for file in release.files)
    assert jar == library.jar.read_bytes()
    assert pom == POM.replace(b"<version>1<", b"<version>1.0<")
    assert library.pom.read_bytes() == POM


def test_every_problem_is_said_at_once(library: Library) -> None:
    library.jar.write_bytes(b"")
    library.pom.write_bytes(b"<project><artifactId>Flow</artifactId></project>")
    details = _problems(library, "1/0", Repository("http://example.com", "api", "", "hunter2"))
    expected = (
        *("in the clear", "CLOJARS_USERNAME", "CLOJARS_PASSWORD"),
        *("the version '1/0'", "is not a zip archive"),
        *("no <groupId>", "lower-case", "no license"),
    )
    for words, line in zip(expected, details, strict=True):
        assert words in line


@pytest.mark.parametrize("missing", ["jar", "pom"])
def test_what_was_not_built_is_named(library: Library, missing: str) -> None:
    path: Path = getattr(library, missing)
    path.unlink()
    (problem,) = _problems(library, "1.0", CLOJARS)
    assert str(path) in problem
    assert "has it been built?" in problem


def test_what_is_no_pom_is_one_problem_among_others(library: Library) -> None:
    library.pom.write_bytes(b"<!DOCTYPE project><project/>")
    with zipfile.ZipFile(library.jar, "w"):
        pass
    jar, pom = _problems(library, "1.0", CLOJARS)
    assert "no entries" in jar
    assert "it has a DTD" in pom


def test_a_large_jar_is_for_others_than_clojars(library: Library) -> None:
    with zipfile.ZipFile(library.jar, "w") as jar:
        jar.writestr("Large.class", b"\0" * (31 << 20))
    (problem,) = _problems(library, "1.0", CLOJARS)
    assert "Clojars takes up to" in problem
    assert check_library(library, "1.0", NEXUS).files[0].checksums.size > 31 << 20


def test_other_repositories_want_neither_license_nor_token(library: Library) -> None:
    library.pom.write_bytes(b"<project><groupId>G</groupId><artifactId>A</artifactId></project>")
    assert check_library(library, "1.0", NEXUS).files[1].path == "G/A/1.0/A-1.0.pom"


def test_a_password_in_the_address_is_not_repeated(library: Library) -> None:
    with pytest.raises(Refused) as refused:
        check_library(library, "1.0", Repository("https://me:secret@nexus.example.com/repo"))
    assert "secret" not in f"{refused.value} {refused.value.hint}"


def test_a_check_needs_no_network_library() -> None:
    module = "flowdeploy.steps.publish.library"
    code = f"import sys, {module} as _; sys.exit('requests' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
