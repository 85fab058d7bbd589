"""Staged uploads: files that were sent and are not published yet."""

import sqlite3
from dataclasses import dataclass

from flowdeploy.sandbox.blobs import Blob
from flowdeploy.sandbox.clojars.errors import redeploy_problem
from flowdeploy.sandbox.clojars.paths import FilePath

KEPT_SECONDS = 3 * 86400.0


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """An upload.

    ``version`` is None as long as only metadata were sent. ``finished`` means published:
    further files go directly to the repository.
    """

    id: int
    version: str | None
    finished: bool


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of an upload: its path in the repository, its blob and its digests."""

    path: str
    blob: str
    sha1: str
    md5: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def find(db: sqlite3.Connection, token: str, target: FilePath, now: float) -> StagedUpload | None:
    """The upload that a file belongs to: the token's newest one without another version.

    The metadata have no version, so they go to the artifact's newest upload, whatever its
    version. This is a pitfall of the real Clojars.
    """
    row = db.execute(
        "SELECT id, version, finished FROM clojars_uploads"
        " WHERE project = :project AND token = :token AND created > :since"
        " AND (version IS NULL OR :version IS NULL OR version = :version)"
        " AND (stamp IS NULL OR :stamp IS NULL OR stamp = :stamp)"
        " ORDER BY id DESC LIMIT 1",
        {
            "project": target.project,
            "token": token,
            "since": now - KEPT_SECONDS,
            "version": target.version,
            "stamp": target.stamp,
        },
    ).fetchone()
    return StagedUpload(row["id"], row["version"], bool(row["finished"])) if row else None


def find_or_create(
    db: sqlite3.Connection, token: str, target: FilePath, now: float
) -> StagedUpload:
    """The upload that a file belongs to, or a new one; it takes the file's version."""
    found = find(db, token, target, now)
    if found is None:
        cursor = db.execute(
            "INSERT INTO clojars_uploads (token, project, version, stamp, created)"
            " VALUES (?, ?, ?, ?, ?)",
            [token, target.project, target.version, target.stamp, now],
        )
        return StagedUpload(cursor.lastrowid or 0, target.version, False)
    if found.version is None and target.version is not None:
        db.execute(
            "UPDATE clojars_uploads SET version = ?, stamp = ? WHERE id = ?",
            [target.version, target.stamp, found.id],
        )
    return StagedUpload(found.id, found.version or target.version, found.finished)


def add(db: sqlite3.Connection, upload: StagedUpload, target: FilePath, blob: Blob) -> None:
    """Add a versioned file. Raises ClojarsProblem if the upload already has it."""
    if not target.is_snapshot and _exists(db, upload, target.path):
        raise redeploy_problem()
    _write(db, upload, target.path, blob)


def add_metadata(
    db: sqlite3.Connection, upload: StagedUpload, target: FilePath, blob: Blob
) -> bool:
    """Add or replace the metadata; whether they are new or have changed."""
    before = db.execute(
        "SELECT blob FROM clojars_staged WHERE upload = ? AND path = ?", [upload.id, target.path]
    ).fetchone()
    _write(db, upload, target.path, blob)
    return before is None or before["blob"] != blob.key


def list_files(db: sqlite3.Connection, upload: StagedUpload) -> dict[str, StagedFile]:
    """The files of an upload, by path."""
    rows = db.execute(
        "SELECT path, blob, sha1, md5 FROM clojars_staged WHERE upload = ? ORDER BY path",
        [upload.id],
    )
    return {row["path"]: StagedFile(*row) for row in rows}


def finish(db: sqlite3.Connection, upload: StagedUpload) -> None:
    """Mark an upload as published."""
    db.execute("UPDATE clojars_uploads SET finished = 1 WHERE id = ?", [upload.id])


def _exists(db: sqlite3.Connection, upload: StagedUpload, path: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM clojars_staged WHERE upload = ? AND path = ?", [upload.id, path]
    )
    return found.fetchone() is not None


def _write(db: sqlite3.Connection, upload: StagedUpload, path: str, blob: Blob) -> None:
    db.execute(
        "INSERT OR REPLACE INTO clojars_staged VALUES (?, ?, ?, ?, ?)",
        [upload.id, path, blob.key, blob.sha1, blob.md5],
    )
