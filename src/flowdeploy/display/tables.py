"""Rows as a table, JSON, YAML or CSV. The table looks like gcloud's."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TextIO

from rich.cells import cell_len

from flowdeploy.display.text import clean

Row = Mapping[str, Any]


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """``header`` is in upper case; ``text`` makes the cell of a row."""

    header: str
    text: Callable[[Row], str]


def show(rows: Sequence[Row], columns: Sequence[Column], form: Format, stream: TextIO) -> None:
    """Write all rows to ``stream``.

    JSON and YAML hold the rows whole, table and CSV what the columns make of
    them. A table without rows is empty, without headers, as gcloud's is.
    """
    match form:
        case Format.TABLE:
            stream.writelines(f"{line}\n" for line in _table(rows, columns))
        case Format.CSV:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(column.header.lower() for column in columns)
            writer.writerows(_cells(rows, columns))
        case Format.JSON | Format.YAML:
            stream.write(dump(rows, form))
    stream.flush()


def dump(document: Any, form: Format) -> str:
    """Any document in one of the forms that hold it whole."""
    return _yaml(document) if form is Format.YAML else json.dumps(document, indent=2) + "\n"


def pad(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells of each column made equally wide."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        for row in rows
    ]


def _table(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    if not rows:
        return []
    headers = [column.header for column in columns]
    return ["  ".join(cells).rstrip() for cells in pad([headers, *_cells(rows, columns)])]


def _cells(rows: Sequence[Row], columns: Sequence[Column]) -> list[list[str]]:
    return [[clean(column.text(row)) for column in columns] for row in rows]


def _yaml(document: Any) -> str:
    import yaml  # only this form needs it

    # By way of JSON, because the safe dumper knows no subclass of str, as enums are.
    text: str = yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False)
    return text
