"""The clients of Maven repositories beside flowdeploy, on one sandbox.

``scripts/install-maven-clients.sh`` installs them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from flowdeploy.clients.repository import Repository
from flowdeploy.sandbox.clojars import DEMO_TOKEN, DEMO_USER
from flowdeploy.sandbox.server import Sandbox
from flowdeploy.steps.publish.library import Library, check_library
from flowdeploy.steps.publish.publish import publish_library

DEBIAN = Path("/usr/share/maven-repo")
PLUGINS = "org.apache.maven.plugins"
DEPLOY = f"{PLUGINS}:maven-deploy-plugin:3.0.0:deploy-file"
GET = f"{PLUGINS}:maven-dependency-plugin:3.5.0:get"
IVY = Path("/usr/share/java/ivy.jar")
V1, V2, V3 = "20200403-073034.1a2b3c4d", "20200404-101500.5e6f7a8b", "20200405-120000.9c0d1e2f"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not ((DEBIAN / "org/apache/maven/plugins/maven-deploy-plugin/3.0.0").is_dir()),
        reason="Maven's plugins are not here: run scripts/install-maven-clients.sh",
    ),
    pytest.mark.skipif(
        not (shutil.which("mvn") and shutil.which("lein") and IVY.is_file()),
        reason="Maven, Leiningen and Ivy are not here: run scripts/install-maven-clients.sh",
    ),
]

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.akvo.flow</groupId><artifactId>akvo-flow</artifactId><version>1</version>
  <licenses><license><name>AGPL-3.0</name></license></licenses>
</project>
"""
SETTINGS = """<settings>
  <mirrors><mirror>
    <id>debian</id><mirrorOf>central</mirrorOf><url>{debian}</url>
  </mirror></mirrors>
  <servers><server>
    <id>clojars</id><username>{user}</username><password>{token}</password>
  </server></servers>
</settings>
"""
# Leiningen sends no password over plain http unless it is told how to.
PROJECT = """(require 'cemerick.pomegranate.aether)
(cemerick.pomegranate.aether/register-wagon-factory!
  "http" #(org.apache.maven.wagon.providers.http.HttpWagon.))
(defproject consumer "1"
  :local-repo "{folder}/m2"
  :dependencies [[org.akvo.flow/akvo-flow "{version}" :classifier "classes"]]
  :repositories ^:replace
  [["sandbox" {{:url "{url}/repo" :username "{user}" :password "{token}"
               :sign-releases false :checksum :fail}}]])
"""
IVY_SETTINGS = """<ivysettings>
  <settings defaultResolver="sandbox"/>
  <resolvers><ibiblio name="sandbox" m2compatible="true" root="{url}/repo"/></resolvers>
</ivysettings>
"""


class Clients:
    """The three of them, each in an empty folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._local = folder / "m2"
        self._settings = folder / "settings.xml"
        self._settings.write_text(
            SETTINGS.format(debian=DEBIAN.as_uri(), user=DEMO_USER, token=DEMO_TOKEN)
        )

    def maven_deploys(self, jar: Path, pom: Path) -> None:
        self._maven(
            DEPLOY,
            f"-Durl={self._url}/repo",
            "-DrepositoryId=clojars",
            f"-Dfile={jar}",
            f"-DpomFile={pom}",
            "-Dpackaging=jar",
            "-Dclassifier=classes",
        )

    def maven_gets(self, version: str) -> bytes:
        """Strict on checksums. Debian's own repository has none, so plugins are got before."""
        wanted = (
            GET,
            f"-Dartifact=org.akvo.flow:akvo-flow:{version}:jar:classes",
            f"-DremoteRepositories=clojars::default::{self._url}/repo",
        )
        self._maven(*wanted)
        shutil.rmtree(self._local / "org/akvo")
        self._maven("--strict-checksums", *wanted)
        return _only(self._local / "org/akvo", "*-classes.jar")

    def leiningen_deploys(self, version: str, jar: Path, pom: Path) -> None:
        self._leiningen(version, "deploy", "sandbox", "org.akvo.flow/akvo-flow", version, jar, pom)

    def leiningen_gets(self, version: str) -> bytes:
        self._leiningen(version, "with-profile", "production", "deps")
        return _only(self._folder / "lein", "akvo-flow-*-classes.jar")

    def ivy_gets(self, version: str) -> bytes:
        settings = self._folder / "ivysettings.xml"
        settings.write_text(IVY_SETTINGS.format(url=self._url))
        module = self._folder / "ivy.xml"
        module.write_text(
            '<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">'
            '<info organisation="org.akvo" module="consumer"/><dependencies>'
            f'<dependency org="org.akvo.flow" name="akvo-flow" rev="{version}">'
            '<artifact name="akvo-flow" type="jar" m:classifier="classes"/>'
            "</dependency></dependencies></ivy-module>"
        )
        cache = self._folder / "ivy"
        self._run("java", "-jar", IVY, "-settings", settings, "-ivy", module, "-cache", cache)
        return _only(cache, "*.jar")

    def _maven(self, *arguments: str) -> None:
        empty = self._folder / "empty"
        empty.mkdir(exist_ok=True)
        local = f"-Dmaven.repo.local={self._local}"
        self._run("mvn", "-B", "-s", self._settings, local, *arguments, folder=empty)

    def _leiningen(self, version: str, *arguments: str | Path) -> None:
        folder = self._folder / "lein"
        folder.mkdir(exist_ok=True)
        (folder / "project.clj").write_text(
            PROJECT.format(
                folder=folder, version=version, url=self._url, user=DEMO_USER, token=DEMO_TOKEN
            )
        )
        self._run("lein", *arguments, folder=folder)

    def _run(self, *command: str | Path, folder: Path | None = None) -> None:
        environment = os.environ | {"LEIN_HOME": str(self._folder / "lein-home")}
        done = subprocess.run(
            command,
            cwd=folder or self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _only(folder: Path, pattern: str) -> bytes:
    (found,) = folder.rglob(pattern)
    return found.read_bytes()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def clients(tmp_path: Path, sandbox: Sandbox) -> Clients:
    folder = tmp_path / "clients"
    folder.mkdir()
    return Clients(folder, sandbox.url)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path / "akvo-flow-classes.jar", tmp_path / "akvo-flow.pom", "classes")
    made.pom.write_text(POM)
    with zipfile.ZipFile(made.jar, "w") as jar:
        jar.writestr("Flow.class", "compiled")
    return made


def _publish(library: Library, version: str, url: str) -> None:
    repository = Repository(f"{url}/repo", f"{url}/api/artifacts", DEMO_USER, DEMO_TOKEN)
    release = check_library(library, version, repository)
    publish_library(release, repository, lambda _: None)


def _listed(url: str) -> tuple[str | None, list[str]]:
    """The release, and all versions."""
    answer = requests.get(f"{url}/repo/org/akvo/flow/akvo-flow/maven-metadata.xml", timeout=30)
    release = re.search("<release>(.*)</release>", answer.text)
    return release and release[1], re.findall("<version>(.*)</version>", answer.text)


def test_they_resolve_what_flowdeploy_published(
    clients: Clients, library: Library, sandbox: Sandbox
) -> None:
    _publish(library, V1, sandbox.url)
    jar = library.jar.read_bytes()
    assert clients.maven_gets(V1) == jar
    assert clients.maven_gets("RELEASE") == jar
    assert clients.leiningen_gets(V1) == jar
    assert clients.ivy_gets(V1) == jar


def test_they_publish_and_flowdeploy_publishes_the_next_version_beside_theirs(
    clients: Clients, library: Library, sandbox: Sandbox
) -> None:
    library.pom.write_text(POM.replace("<version>1<", f"<version>{V1}<"))
    clients.maven_deploys(library.jar, library.pom)
    library.pom.write_text(POM.replace("<version>1<", f"<version>{V2}<"))
    clients.leiningen_deploys(V2, library.jar, library.pom)
    _publish(library, V3, sandbox.url)
    assert _listed(sandbox.url) == (V3, [V1, V2, V3])
    assert clients.maven_gets("LATEST") == library.jar.read_bytes()
    assert clients.leiningen_gets(V1) == library.jar.read_bytes()
