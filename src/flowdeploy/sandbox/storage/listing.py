"""Lists of objects, grouped by prefixes if the request has a delimiter."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from flowdeploy.sandbox.google_api.paging import take_page

MAX_PAGE = 1000
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list: rows of objects, prefixes, and the token of the next page."""

    rows: tuple[sqlite3.Row, ...]
    prefixes: tuple[str, ...]
    token: str | None


def list_objects(db: sqlite3.Connection, bucket: str, query: Mapping[str, str]) -> Listing:
    """One page of objects, sorted by name. Raises ApiError for a bad page size or token."""
    entries = _group_by_prefix(_rows(db, bucket, query), query)
    names = sorted(entries)
    chosen, token = take_page(names, query, str, most=MAX_PAGE)
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


def _group_by_prefix(
    rows: list[sqlite3.Row], query: Mapping[str, str]
) -> dict[str, sqlite3.Row | None]:
    """Rows by name, or None by prefix for all objects below the prefix."""
    delimiter, skip = query.get("delimiter", ""), len(query.get("prefix", ""))
    entries: dict[str, sqlite3.Row | None] = {}
    for row in rows:
        cut = row["name"].find(delimiter, skip) if delimiter else -1
        if cut < 0:
            entries[row["name"]] = row
        else:
            entries[row["name"][: cut + len(delimiter)]] = None
    return entries
