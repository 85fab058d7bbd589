"""Preconditions such as ``ifGenerationMatch``. Generation 0 means that there is no object."""

import sqlite3
from collections.abc import Mapping

from flowdeploy.sandbox.storage.errors import invalid_error, not_modified_error, precondition_error


def check_write(query: Mapping[str, str], row: sqlite3.Row | None, prefix: str = "if") -> None:
    """Raises StorageError 412 if the object does not meet the request's preconditions.

    ``prefix`` is ``ifSource`` for the source of a copy.
    """
    if not all(_evaluate(query, row, prefix, expected=True)):
        raise precondition_error()
    if any(_evaluate(query, row, prefix, expected=False)):
        raise precondition_error()


def check_read(query: Mapping[str, str], row: sqlite3.Row) -> None:
    """Like ``check_write``, but raises StorageError 304 if the object has not changed."""
    if not all(_evaluate(query, row, "if", expected=True)):
        raise precondition_error()
    if any(_evaluate(query, row, "if", expected=False)):
        raise not_modified_error()


def _evaluate(
    query: Mapping[str, str], row: sqlite3.Row | None, prefix: str, *, expected: bool
) -> list[bool]:
    suffix = "Match" if expected else "NotMatch"
    found = []
    for field in ("generation", "metageneration"):
        text = query.get(f"{prefix}{field.capitalize()}{suffix}")
        if text is not None:
            found.append(parse_number(text, field) == (row[field] if row else 0))
    return found


def parse_number(text: str, name: str) -> int:
    """Parse a generation or metageneration. Raises StorageError 400."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise invalid_error(f"Invalid value for {name}: {text}")
    return int(text)
