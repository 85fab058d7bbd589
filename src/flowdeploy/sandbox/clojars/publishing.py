"""The release, which the PUT of maven-metadata.xml starts: checks, then publishing."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from flowdeploy.sandbox.blobs import Blobs
from flowdeploy.sandbox.clojars import pom, published_files, rules, uploads
from flowdeploy.sandbox.clojars.errors import ClojarsProblem, redeploy_problem
from flowdeploy.sandbox.clojars.paths import FilePath
from flowdeploy.sandbox.clojars.rules import Caller
from flowdeploy.sandbox.clojars.uploads import StagedFile, StagedUpload

_NAME = re.compile(r"[a-z0-9_.-]+", re.ASCII)
_VERSION = re.compile(r"[a-zA-Z0-9_.+-]+", re.ASCII)
_SIGNATURES = {".asc": "GPG", ".sig": "SSH"}


class Publisher:
    """Publishes uploads. ``now`` is in seconds since 1970."""

    def __init__(self, db: sqlite3.Connection, blobs: Blobs, now: float) -> None:
        self._db = db
        self._blobs = blobs
        self._now = now

    def publish(self, upload: StagedUpload, target: FilePath, caller: Caller) -> None:
        """Check and publish an upload. Raises ClojarsProblem for the first broken rule."""
        staged = uploads.list_files(self._db, upload)
        self._check(upload.version, target, staged)
        for file in staged.values():
            published_files.write(self._db, file.path, file.blob, self._now)
        # Clients send these checksums after the metadata, too late to be published.
        for suffix, digest in _digests(staged[target.path]):
            blob = self._blobs.store([digest.encode()])
            published_files.write(self._db, f"{target.path}.{suffix}", blob.key, self._now)
        self._db.execute(
            "INSERT OR IGNORE INTO clojars_versions (project, version, user) VALUES (?, ?, ?)",
            [target.project, upload.version, caller.token.user],
        )
        rules.spend(self._db, caller)
        uploads.finish(self._db, upload)

    def _check(
        self, version: str | None, target: FilePath, staged: Mapping[str, StagedFile]
    ) -> None:
        found = next((f for f in staged.values() if f.name.endswith(".pom")), None)
        if found is None or version is None:
            raise ClojarsProblem("Missing POM file", "No POM file was uploaded")
        summary = pom.parse_pom(self._read(found))
        if not pom.is_metadata(self._read(staged[target.path])):
            raise ClojarsProblem(
                "Invalid maven-metadata.xml file", "failed to parse maven-metadata.xml"
            )
        _check_names(target.artifact, version)
        for problem in pom.find_problems(summary, target.group, target.artifact, version):
            raise problem
        self._check_new(target.project, version)
        rules.check_central(self._db, target.project)
        self._check_files(target, staged)

    def _check_new(self, project: str, version: str) -> None:
        known = self._db.execute(
            "SELECT 1 FROM clojars_versions WHERE project = ? AND version = ?", [project, version]
        ).fetchone()
        if known and not version.endswith("-SNAPSHOT"):
            raise redeploy_problem()

    def _check_files(self, target: FilePath, staged: Mapping[str, StagedFile]) -> None:
        artifacts = [
            file
            for file in staged.values()
            if file.path != target.path and not file.name.endswith((".sha1", ".md5"))
        ]
        for file in artifacts:
            self._check_checksums(file, staged)
        for problem in _find_signature_problems(artifacts, staged):
            raise problem

    def _check_checksums(self, file: StagedFile, staged: Mapping[str, StagedFile]) -> None:
        given = [
            (suffix, digest, staged[f"{file.path}.{suffix}"])
            for suffix, digest in _digests(file)
            if f"{file.path}.{suffix}" in staged
        ]
        if not given and not file.name.endswith(tuple(_SIGNATURES)):
            raise ClojarsProblem("File missing checksum", f"no checksums provided for {file.name}")
        for suffix, digest, checksum in given:
            if self._read(checksum) != digest.encode():
                raise ClojarsProblem(
                    "Invalid checksum", f"invalid {suffix} checksum for {file.name}"
                )

    def _read(self, file: StagedFile) -> bytes:
        with self._blobs.open(file.blob) as content:
            return content.read()


def _check_names(artifact: str, version: str) -> None:
    if not _NAME.fullmatch(artifact):
        raise ClojarsProblem(
            "Invalid project name",
            "a project name is made of lower-case letters, digits, dots, hyphens and underscores",
        )
    if not _VERSION.fullmatch(version):
        raise ClojarsProblem(
            "Invalid version",
            "a version is made of letters, digits, dots, pluses, hyphens and underscores",
        )


def _find_signature_problems(
    artifacts: Iterable[StagedFile], staged: Mapping[str, StagedFile]
) -> Iterator[ClojarsProblem]:
    """If one file is signed, all must have the same kind of signature."""
    plain = [file for file in artifacts if not file.name.endswith(tuple(_SIGNATURES))]
    for suffix, kind in _SIGNATURES.items():
        if not any(path.endswith(suffix) for path in staged):
            continue
        for file in plain:
            if file.path + suffix not in staged:
                yield ClojarsProblem(
                    "File missing signature", f"file {file.name} has no {kind} signature"
                )


def _digests(file: StagedFile) -> tuple[tuple[str, str], ...]:
    return (("md5", file.md5), ("sha1", file.sha1))
