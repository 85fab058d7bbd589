"""The published files, behind the cache in front of the repository."""

import sqlite3

from flowdeploy.sandbox.clojars.rules import Cache, load

MISSING_SECONDS = 86400.0


def write(db: sqlite3.Connection, path: str, blob: str, now: float) -> None:
    """Publish a file, or replace it."""
    db.execute("INSERT OR REPLACE INTO clojars_files VALUES (?, ?, ?)", [path, blob, now])


def look_up(db: sqlite3.Connection, path: str, now: float) -> str | None:
    """The blob of a file, or None if the cache shows no such file."""
    cache = load(db, Cache, "front") or Cache()
    row = db.execute("SELECT blob, written FROM clojars_files WHERE path = ?", [path]).fetchone()
    visible = row is not None and row["written"] + cache.delay <= now
    if cache.keeps_missing and (not visible or _has_cached_miss(db, path, now)):
        db.execute(
            "INSERT OR IGNORE INTO clojars_missed VALUES (?, ?)", [path, now + MISSING_SECONDS]
        )
        return None
    return row["blob"] if visible else None


def _has_cached_miss(db: sqlite3.Connection, path: str, now: float) -> bool:
    found = db.execute("SELECT 1 FROM clojars_missed WHERE path = ? AND until > ?", [path, now])
    return found.fetchone() is not None
