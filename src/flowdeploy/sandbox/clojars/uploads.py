"""What was sent and is not published yet: uploads, and the files in them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from flowdeploy.sandbox.blobs import Blob
from flowdeploy.sandbox.clojars.paths import Target
from flowdeploy.sandbox.clojars.problems import redeploy

KEPT_SECONDS = 3 * 86400.0


@dataclass(frozen=True, slots=True)
class Upload:
    """``version`` is None as long as nothing but metadata was sent; ``finished`` means
    published: what is sent then goes straight to the repository."""

    id: int
    version: str | None
    finished: bool


@dataclass(frozen=True, slots=True)
class Staged:
    """A file of an upload: its path in the repository, and its bytes by their digests."""

    path: str
    blob: str
    sha1: str
    md5: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def find(db: sqlite3.Connection, token: str, target: Target, now: float) -> Upload | None:
    """The upload that a file belongs to: the newest of this token that does not contradict it.

    The metadata has no version, so for them it is the newest of the artifact, whichever
    version that has. That is a trap, and Clojars' own.
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
    return Upload(row["id"], row["version"], bool(row["finished"])) if row else None


def open_for(db: sqlite3.Connection, token: str, target: Target, now: float) -> Upload:
    """The upload that a file belongs to, which from now on has the file's version."""
    found = find(db, token, target, now)
    if found is None:
        cursor = db.execute(
            "INSERT INTO clojars_uploads (token, project, version, stamp, created)"
            " VALUES (?, ?, ?, ?, ?)",
            [token, target.project, target.version, target.stamp, now],
        )
        return Upload(cursor.lastrowid or 0, target.version, False)
    if found.version is None and target.version is not None:
        db.execute(
            "UPDATE clojars_uploads SET version = ?, stamp = ? WHERE id = ?",
            [target.version, target.stamp, found.id],
        )
    return Upload(found.id, found.version or target.version, found.finished)


def add(db: sqlite3.Connection, upload: Upload, target: Target, blob: Blob) -> None:
    """Put a versioned file beside the others. Raises Problem where it is there already."""
    if not target.is_snapshot and _exists(db, upload, target.path):
        raise redeploy()
    _write(db, upload, target.path, blob)


def add_metadata(db: sqlite3.Connection, upload: Upload, target: Target, blob: Blob) -> bool:
    """Whether the bytes are others than those of before, if any were sent before."""
    before = db.execute(
        "SELECT blob FROM clojars_staged WHERE upload = ? AND path = ?", [upload.id, target.path]
    ).fetchone()
    _write(db, upload, target.path, blob)
    return before is None or before["blob"] != blob.key


def files(db: sqlite3.Connection, upload: Upload) -> dict[str, Staged]:
    """By path."""
    rows = db.execute(
        "SELECT path, blob, sha1, md5 FROM clojars_staged WHERE upload = ? ORDER BY path",
        [upload.id],
    )
    return {row["path"]: Staged(*row) for row in rows}


def finish(db: sqlite3.Connection, upload: Upload) -> None:
    db.execute("UPDATE clojars_uploads SET finished = 1 WHERE id = ?", [upload.id])


def _exists(db: sqlite3.Connection, upload: Upload, path: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM clojars_staged WHERE upload = ? AND path = ?", [upload.id, path]
    )
    return found.fetchone() is not None


def _write(db: sqlite3.Connection, upload: Upload, path: str, blob: Blob) -> None:
    db.execute(
        "INSERT OR REPLACE INTO clojars_staged VALUES (?, ?, ?, ?, ?)",
        [upload.id, path, blob.key, blob.sha1, blob.md5],
    )
