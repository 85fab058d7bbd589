"""What a bucket holds: a page of objects, and of prefixes where a delimiter is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from flowdeploy.sandbox.paging import page

MOST_LISTED = 1000
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Listing:
    rows: tuple[sqlite3.Row, ...]
    prefixes: tuple[str, ...]
    token: str | None


def list_objects(db: sqlite3.Connection, bucket: str, query: Mapping[str, str]) -> Listing:
    """Objects in the order of their names. Raises ApiError for a bad page size or token."""
    entries = _grouped(_rows(db, bucket, query), query)
    names = sorted(entries)
    chosen, token = page(names, query, str, most=MOST_LISTED)
    rows = tuple(row for name in chosen if (row := entries[name]) is not None)
    return Listing(rows, tuple(name for name in chosen if entries[name] is None), token)


def _rows(db: sqlite3.Connection, bucket: str, query: Mapping[str, str]) -> list[sqlite3.Row]:
    prefix = query.get("prefix", "")
    start = max(prefix, query.get("startOffset", ""))
    end = min(prefix + LAST, query.get("endOffset") or LAST)
    return db.execute(
        "SELECT * FROM objects WHERE bucket = ? AND name >= ? AND name < ? ORDER BY name",
        (bucket, start, end),
    ).fetchall()


def _grouped(rows: list[sqlite3.Row], query: Mapping[str, str]) -> dict[str, sqlite3.Row | None]:
    """Name → row; a prefix, which stands for all below it, has no row."""
    delimiter, skip = query.get("delimiter", ""), len(query.get("prefix", ""))
    entries: dict[str, sqlite3.Row | None] = {}
    for row in rows:
        cut = row["name"].find(delimiter, skip) if delimiter else -1
        if cut < 0:
            entries[row["name"]] = row
        else:
            entries[row["name"][: cut + len(delimiter)]] = None
    return entries
