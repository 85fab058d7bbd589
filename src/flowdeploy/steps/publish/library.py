"""The library's files, and the checks before the first byte is sent."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.clients.repository import CHUNK, Checksums, Repository, RepositoryFile
from flowdeploy.config.regular_files import open_regular, read_regular
from flowdeploy.errors import Refused
from flowdeploy.maven import clojars_rules, repository_rules
from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.maven.pom import coordinates, parse, with_version


@dataclass(frozen=True, slots=True)
class Library:
    """The library's files as the build made them. The pom's own version is not used."""

    jar: Path
    pom: Path
    classifier: str | None = None


@dataclass(frozen=True, slots=True)
class LibraryRelease:
    """A version of a library, checked; ``files`` are in the order in which they are sent."""

    coordinates: Coordinates
    version: str
    files: tuple[RepositoryFile, ...]

    def __str__(self) -> str:
        return f"{self.coordinates}:{self.version}"


def check_library(library: Library, version: str, repository: Repository) -> LibraryRelease:
    """Check the library; its release as ``version``. Works offline and changes no file.

    Raises Refused with every problem, each with what to change.
    """
    pom, pom_problems = _read_pom(library.pom, repository)
    problems = [*repository_rules.address_problems(repository.url)]
    if repository.api is not None:
        problems += clojars_rules.credential_problems(*repository.credentials)
    problems += [
        *repository_rules.version_problems(version),
        *repository_rules.classifier_problems(library.classifier),
        *_jar_problems(library.jar, repository),
        *pom_problems,
    ]
    if problems:
        where = repository_rules.without_user(repository.url)
        raise Refused(f"the library cannot be published to {where}", details=problems)
    name = coordinates(pom, str(library.pom))
    jar = name.path(version, "jar", library.classifier)
    return LibraryRelease(
        name,
        version,
        (
            RepositoryFile(jar, library.jar, Checksums.of(_chunks(library.jar))),
            RepositoryFile.of(name.path(version, "pom"), with_version(pom, version)),
        ),
    )


def _read_pom(path: Path, repository: Repository) -> tuple[bytes, list[str]]:
    """The pom's bytes, and its problems."""
    try:
        pom = read_regular(path)
        parsed = parse(pom, str(path))
    except OSError as error:
        return b"", [f"the pom {path} cannot be read ({error.strerror}): has it been built?"]
    except Refused as error:
        return b"", [f"{error.message}. {error.hint}"]
    problems = [*repository_rules.pom_problems(parsed)]
    if repository.api is not None:
        problems += [
            *clojars_rules.pom_problems(parsed),
            *clojars_rules.size_problems(str(path), len(pom)),
        ]
    return pom, problems


def _jar_problems(jar: Path, repository: Repository) -> Iterator[str]:
    try:
        with open_regular(jar) as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            empty = not archive.namelist()
    except OSError as error:
        yield f"the jar {jar} cannot be read ({error.strerror}): has it been built?"
        return
    except zipfile.BadZipFile:
        yield f"the jar {jar} is not a zip archive: was its build interrupted?"
        return
    if empty:
        yield f"the jar {jar} has no entries"
    if repository.api is not None:
        yield from clojars_rules.size_problems(str(jar), size)


def _chunks(path: Path) -> Iterator[bytes]:
    with open_regular(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk
