"""Rows as a table, JSON, YAML or CSV. The table looks like gcloud's."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TextIO

from rich.cells import cell_len

from flowdeploy.display.text import clean, json_text

Row = Mapping[str, Any]

# What begins a formula in a spreadsheet, also in full width.
_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """``header`` is in upper case; ``text`` returns the cell of a row."""

    header: str
    text: Callable[[Row], str]


def field_column(header: str) -> Column:
    """The column of the field that has the header's name in lower case."""
    return Column(header, lambda row: or_dash(row[header.lower()]))


def or_dash(value: Any) -> str:
    """``-`` for None, as gcloud's tables have it."""
    return "-" if value is None else str(value)


def show(rows: Sequence[Row], columns: Sequence[Column], form: Format, stream: TextIO) -> None:
    """Write all rows to ``stream``.

    JSON and YAML have the whole rows; table and CSV have the cells of the columns. Like
    gcloud's, a table without rows has no headers either.
    """
    match form:
        case Format.TABLE:
            headers = [column.header for column in columns]
            lines = pad([headers, *_cells(rows, columns)]) if rows else []
            stream.writelines("  ".join(cells).rstrip() + "\n" for cells in lines)
        case Format.CSV:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(column.header.lower() for column in columns)
            writer.writerows([_no_formula(cell) for cell in row] for row in _cells(rows, columns))
        case Format.JSON | Format.YAML:
            stream.write(dump(rows, form))
    stream.flush()


def dump(document: Any, form: Format) -> str:
    """A document as JSON or YAML."""
    text = json_text(document) + "\n"
    if form is not Format.YAML:
        return text
    import yaml  # only this form needs it

    # Through JSON, because the safe dumper rejects subclasses of str, such as enums.
    return str(yaml.safe_dump(json.loads(text), sort_keys=False))


def pad(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells, padded to the width of their columns."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        for row in rows
    ]


def _no_formula(cell: str) -> str:
    """The cell, with an apostrophe where a spreadsheet would evaluate it. ``-`` stands for None."""
    return f"'{cell}" if cell != "-" and cell.lstrip().startswith(_FORMULAS) else cell


def _cells(rows: Sequence[Row], columns: Sequence[Column]) -> list[list[str]]:
    return [[clean(column.text(row)) for column in columns] for row in rows]
