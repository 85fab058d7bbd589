"""Preconditions: ``ifGenerationMatch`` and its kin. A generation of 0 means "is not there"."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from flowdeploy.sandbox.storage.refusals import bad_request, condition_not_met, not_modified


def check_write(query: Mapping[str, str], row: sqlite3.Row | None, prefix: str = "if") -> None:
    """Raises StorageError 412 where the object is not as the request expects it.

    ``prefix`` is ``ifSource`` for the object that is copied from.
    """
    if not all(_holding(query, row, prefix, expected=True)):
        raise condition_not_met()
    if any(_holding(query, row, prefix, expected=False)):
        raise condition_not_met()


def check_read(query: Mapping[str, str], row: sqlite3.Row) -> None:
    """As for a write, but what is still the same is 304."""
    if not all(_holding(query, row, "if", expected=True)):
        raise condition_not_met()
    if any(_holding(query, row, "if", expected=False)):
        raise not_modified()


def _holding(
    query: Mapping[str, str], row: sqlite3.Row | None, prefix: str, *, expected: bool
) -> list[bool]:
    suffix = "Match" if expected else "NotMatch"
    found = []
    for field in ("generation", "metageneration"):
        text = query.get(f"{prefix}{field.capitalize()}{suffix}")
        if text is not None:
            found.append(number(text, field) == (row[field] if row else 0))
    return found


def number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise bad_request(f"Invalid value for {name}: {text}")
    return int(text)
