"""A column of a table, comma- or tab-separated, that names recordings."""

import csv
import itertools
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
    distinct = list(dict.fromkeys(names))
    chosen = choose_columns(distinct, Columns(path=column), ["path"], ["path"], options)["path"]
    if names.count(chosen) > 1:
        raise DataError("columns have the same name", given=chosen, do="rename one of them")
    return chosen


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
    place, delimiter = _path_place(table.readline(), name, column)
    rows = csv.reader(table, delimiter=delimiter, strict=True)
    for number in itertools.count(2):
        try:
            row = next(rows, None)
        except csv.Error as error:
            if "end of data" in str(error):  # all that follows the quote is one cell
                raise DataError(
                    "a quote of the table has no end",
                    given=f"{name}, row {number}",
                    do="close it, or double it where it belongs to the text",
                ) from error
            yield refused(f"row {number} of {name}", f"it cannot be read ({error})")
            continue
        if row is None:
            return
        entry = row[place].strip() if len(row) > place else ""
        if entry:
            yield found(entry, folder)
        elif any(map(str.strip, row)):
            yield refused(f"row {number} of {name}", "it has no path")


def _path_place(header: str, name: str, column: str | None) -> tuple[int, str]:
    """Return the place of the column of paths, and the delimiter that shows it.

    Raises:
        DataError: When the header is empty, or no delimiter shows such a column.
    """
    if not header.strip():
        raise DataError("the table has no header in its first row", given=name)
    rows = {
        one: [cell.strip() for cell in next(csv.reader([header], delimiter=one))]
        for one in DELIMITERS.values()
    }
    refusal: DataError | None = None
    for delimiter in sorted(rows, key=lambda one: -len(rows[one])):
        try:
            return rows[delimiter].index(path_column(rows[delimiter], column)), delimiter
        except DataError as error:
            refusal = refusal or error  # of the delimiter that makes most columns
    assert refusal is not None
    raise refusal
