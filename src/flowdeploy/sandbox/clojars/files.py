"""The published files, as the cache in front of them shows them."""

from __future__ import annotations

import sqlite3

from flowdeploy.sandbox.clojars.rules import Cache, load

MISSING_SECONDS = 86400.0


def write(db: sqlite3.Connection, path: str, blob: str, now: float) -> None:
    db.execute("INSERT OR REPLACE INTO clojars_files VALUES (?, ?, ?)", [path, blob, now])


def look_up(db: sqlite3.Connection, path: str, now: float) -> str | None:
    """The blob of a file, or None where none is to be seen."""
    cache = load(db, Cache, "front") or Cache()
    row = db.execute("SELECT blob, written FROM clojars_files WHERE path = ?", [path]).fetchone()
    visible = row is not None and row["written"] + cache.delay <= now
    if cache.keeps_missing and (not visible or _was_missed(db, path, now)):
        db.execute(
            "INSERT OR IGNORE INTO clojars_missed VALUES (?, ?)", [path, now + MISSING_SECONDS]
        )
        return None
    return row["blob"] if visible else None


def _was_missed(db: sqlite3.Connection, path: str, now: float) -> bool:
    found = db.execute("SELECT 1 FROM clojars_missed WHERE path = ? AND until > ?", [path, now])
    return found.fetchone() is not None
