"""What the PUT of an artifact's maven-metadata.xml sets off: checks, in order, and the release."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from flowdeploy.sandbox.blobs import Blobs
from flowdeploy.sandbox.clojars import files, pom, rules, uploads
from flowdeploy.sandbox.clojars.paths import Target
from flowdeploy.sandbox.clojars.problems import Problem, redeploy
from flowdeploy.sandbox.clojars.rules import Caller
from flowdeploy.sandbox.clojars.uploads import Staged, Upload

_NAME = re.compile(r"[a-z0-9_.-]+", re.ASCII)
_VERSION = re.compile(r"[a-zA-Z0-9_.+-]+", re.ASCII)
_SIGNATURES = {".asc": "GPG", ".sig": "SSH"}


class Publishing:
    """The release of an upload. ``now`` is in seconds since 1970."""

    def __init__(self, db: sqlite3.Connection, blobs: Blobs, now: float) -> None:
        self._db = db
        self._blobs = blobs
        self._now = now

    def publish(self, upload: Upload, target: Target, caller: Caller) -> None:
        """Raises Problem for the first rule that does not hold; all stays staged then."""
        staged = uploads.files(self._db, upload)
        self._check(upload.version, target, staged)
        for file in staged.values():
            files.write(self._db, file.path, file.blob, self._now)
        # Those that a client sends come after the metadata, too late to be published.
        for suffix, digest in _digests(staged[target.path]):
            made = self._blobs.put([digest.encode()])
            files.write(self._db, f"{target.path}.{suffix}", made.key, self._now)
        self._db.execute(
            "INSERT OR IGNORE INTO clojars_versions (project, version, user) VALUES (?, ?, ?)",
            [target.project, upload.version, caller.token.user],
        )
        rules.spend(self._db, caller)
        uploads.finish(self._db, upload)

    def _check(self, version: str | None, target: Target, staged: Mapping[str, Staged]) -> None:
        found = next((f for f in staged.values() if f.name.endswith(".pom")), None)
        if found is None or version is None:
            raise Problem("Missing POM file", "No POM file was uploaded")
        read = pom.read(self._read(found))
        if not pom.is_metadata(self._read(staged[target.path])):
            raise Problem("Invalid maven-metadata.xml file", "failed to parse maven-metadata.xml")
        _check_names(target.artifact, version)
        for problem in pom.problems(read, target.group, target.artifact, version):
            raise problem
        self._check_new(target.project, version)
        rules.check_central(self._db, target.project)
        self._check_files(target, staged)

    def _check_new(self, project: str, version: str) -> None:
        known = self._db.execute(
            "SELECT 1 FROM clojars_versions WHERE project = ? AND version = ?", [project, version]
        ).fetchone()
        if known and not version.endswith("-SNAPSHOT"):
            raise redeploy()

    def _check_files(self, target: Target, staged: Mapping[str, Staged]) -> None:
        artifacts = [
            file
            for file in staged.values()
            if file.path != target.path and not file.name.endswith((".sha1", ".md5"))
        ]
        for file in artifacts:
            self._check_checksums(file, staged)
        for problem in _signature_problems(artifacts, staged):
            raise problem

    def _check_checksums(self, file: Staged, staged: Mapping[str, Staged]) -> None:
        given = [
            (suffix, digest, staged[f"{file.path}.{suffix}"])
            for suffix, digest in _digests(file)
            if f"{file.path}.{suffix}" in staged
        ]
        if not given and not file.name.endswith(tuple(_SIGNATURES)):
            raise Problem("File missing checksum", f"no checksums provided for {file.name}")
        for suffix, digest, checksum in given:
            if self._read(checksum) != digest.encode():
                raise Problem("Invalid checksum", f"invalid {suffix} checksum for {file.name}")

    def _read(self, file: Staged) -> bytes:
        with self._blobs.open(file.blob) as content:
            return content.read()


def _check_names(artifact: str, version: str) -> None:
    if not _NAME.fullmatch(artifact):
        raise Problem(
            "Invalid project name",
            "a project name is made of lower-case letters, digits, dots, hyphens and underscores",
        )
    if not _VERSION.fullmatch(version):
        raise Problem(
            "Invalid version",
            "a version is made of letters, digits, dots, pluses, hyphens and underscores",
        )


def _signature_problems(
    artifacts: Iterable[Staged], staged: Mapping[str, Staged]
) -> Iterator[Problem]:
    """If one file is signed, all must be, in the same way."""
    plain = [file for file in artifacts if not file.name.endswith(tuple(_SIGNATURES))]
    for suffix, kind in _SIGNATURES.items():
        if not any(path.endswith(suffix) for path in staged):
            continue
        for file in plain:
            if file.path + suffix not in staged:
                yield Problem("File missing signature", f"file {file.name} has no {kind} signature")


def _digests(file: Staged) -> tuple[tuple[str, str], ...]:
    return (("md5", file.md5), ("sha1", file.sha1))
