"""A column of a table, comma- or tab-separated, that names recordings."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ser_pcq.data.lists.entry import found, refused
from ser_pcq.data.readers.columns import Columns, choose_columns
from ser_pcq.data.readers.table import DELIMITERS
from ser_pcq.errors import DataError
from ser_pcq.inference.inputs import NamedFile


def path_column(names: list[str], column: str | None) -> str:
    """Return the column that says the path: the one that is named, or has a usual name.

    Raises:
        DataError: When there is none, or it could be several.
    """
    options = {"path": "--column"}
    return choose_columns(names, Columns(path=column), ["path"], ["path"], options)["path"]


def each_row(table: TextIO, name: str, column: str | None, folder: Path) -> Iterator[NamedFile]:
    """Yield the recording of each row; empty rows are left out.

    Args:
        table: Its text, with line ends as they are.
        name: What it is called in messages.
        column: Which column says the path; the one with a usual name when None.
        folder: Where relative paths begin.

    Raises:
        DataError: When the table cannot be read, or there is no such column.
    """
    header = table.readline()
    names = [cell.strip() for cell in next(csv.reader([header], delimiter=_delimiter(header)), [])]
    if not any(names):
        raise DataError("the table has no header in its first row", given=name)
    place = names.index(path_column(names, column))
    rows = csv.reader(table, delimiter=_delimiter(header), strict=True)
    try:
        for number, row in enumerate(rows, start=2):
            entry = row[place].strip() if len(row) > place else ""
            if entry:
                yield found(entry, folder)
            elif any(map(str.strip, row)):
                yield refused(f"row {number} of {name}", "it has no path")
    except csv.Error as error:
        raise DataError(
            f"the table cannot be read near line {rows.line_num + 1} ({error})",
            given=name,
            do="check the quotes there: a cell that begins with one must end with one",
        ) from error


def _delimiter(header: str) -> str:
    """Return the delimiter that makes most columns; a comma for a single column."""
    return max(DELIMITERS.values(), key=lambda one: len(next(csv.reader([header], delimiter=one))))
