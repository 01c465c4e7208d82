"""A table of recordings, comma- or tab-separated, one row for each utterance."""

import codecs
import csv
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.data.prepared import Prepared
from ser_pcq.data.readers.columns import Columns, choose_columns, unread
from ser_pcq.data.readers.entry import Entry, prepared, refuse
from ser_pcq.data.readers.recordings import names_below, refuse_missing
from ser_pcq.errors import DataError

DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}
"""Names of the characters that are looked for between columns."""

_USUAL = Columns()  # every column by its usual names


@dataclass(frozen=True)
class Table:
    """The cells of a table.

    Attributes:
        names: Its columns.
        rows: For each row its number, the header being row 1 as in a spreadsheet, and its cells.
        stripped: How many cells had blanks around them, which are gone.
    """

    names: list[str]
    rows: list[tuple[int, list[str]]]
    stripped: int


def read_table(
    table: Path,
    *,
    columns: Columns = _USUAL,
    delimiter: str | None = None,
    audio_dir: Path | None = None,
) -> Prepared:
    """Read a table with a header, in UTF-8, a byte order mark and CR LF line ends allowed.

    Args:
        table: The file.
        columns: Those that the user names.
        delimiter: The character between columns, or its name in `DELIMITERS`; when None the one
            that makes most columns of the header.
        audio_dir: Where relative paths begin; the folder of the table when None.

    Raises:
        DataError: When the table or a row of it cannot be read, or its audio is not there.
    """
    content = read_cells(table, delimiter)
    chosen = choose_columns(content.names, columns)
    indices = {fact: content.names.index(name) for fact, name in chosen.items()}
    places = [f"row {number}" for number, _ in content.rows]
    cells = {fact: [row[i] for _, row in content.rows] for fact, i in indices.items()}
    paths = _audio(places, cells.pop("path"), table.parent if audio_dir is None else audio_dir)
    facts = [dict(zip(cells, values, strict=True)) for values in zip(*cells.values(), strict=True)]
    names = names_below(paths)
    entries = [Entry(*entry) for entry in zip(places, names, paths, facts, strict=True)]
    notes = [f"blanks around {content.stripped} cells were removed"] if content.stripped else []
    return prepared(entries, notes + unread(content.names, chosen))


def read_cells(table: Path, delimiter: str | None = None) -> Table:
    """Read the cells of a table; empty rows are left out.

    Raises:
        DataError: When it cannot be read, has no rows, or a row has more or fewer cells than the
            header.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"the table cannot be read ({error.strerror})", given=table) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(table, error) from error
    # Not text.splitlines(), which would also cut cells at separators that are not line ends.
    lines = text.split("\n")
    if not lines[0].strip():
        raise DataError("the table has no header in its first row", given=table)
    separator = _separator(table, lines[0]) if delimiter is None else _character(delimiter)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator, strict=True)
    try:
        found = [(n, row) for n, row in enumerate(reader, 1) if any(map(str.strip, row))]
    except csv.Error as error:
        raise DataError(
            f"the table cannot be read near line {reader.line_num} ({error})",
            given=table,
            do="check the quotes there: a cell that begins with one must end with one",
        ) from error
    return _checked(table, found)


def _not_utf8(table: Path, error: UnicodeDecodeError) -> DataError:
    """Build the error for a table in another encoding."""
    wide = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    row = error.object[: error.start].count(b"\n") + 1
    command = f"iconv -f {'UTF-16' if wide else 'CP1252'} -t UTF-8 {shlex.quote(str(table))}"
    return DataError(
        "the table is in UTF-16" if wide else f"line {row} of the table is not UTF-8",
        given=table,
        accepted="UTF-8",
        do=f"save it as CSV UTF-8, or convert it: {command} > utf8.csv",
    )


def _checked(table: Path, found: Sequence[tuple[int, list[str]]]) -> Table:
    """Check the shape of the rows, the header first, and strip their cells."""
    if len(found) < 2:
        raise DataError("the table has no rows below its header", given=table)
    stripped = sum(cell != cell.strip() for _, row in found for cell in row)
    (_, names), *rows = [(n, [cell.strip() for cell in row]) for n, row in found]
    while names and not names[-1]:
        names.pop()
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError("columns have the same name", given=f"{', '.join(twice)} in {table}")
    odd = [
        f"row {n} ({len(row)} cells)"
        for n, row in rows
        if len(row) < len(names) or any(row[len(names) :])
    ]
    if odd:
        raise refuse(
            "rows do not have the columns of the header",
            odd,
            len(rows),
            accepted=f"{len(names)} cells",
            do="put quotes around cells that hold the delimiter",
        )
    return Table(names, rows, stripped)


def _separator(table: Path, header: str) -> str:
    """Find the delimiter that makes most columns of the header."""
    counts = {
        character: len(next(csv.reader([header], delimiter=character)))
        for character in DELIMITERS.values()
    }
    most = max(counts.values())
    found = [character for character, count in counts.items() if count == most]
    if most == 1 or len(found) > 1:
        raise DataError(
            "the header does not show the delimiter of the table",
            given=f"{header!r} in {table}",
            accepted=", ".join(DELIMITERS),
            do="name it with --delimiter",
        )
    return found[0]


def _character(delimiter: str) -> str:
    """Return the delimiter that a user names."""
    character = {"\\t": "\t", **DELIMITERS}.get(delimiter, delimiter)
    if len(character) != 1 or character in '"\r\n':
        raise DataError(
            "this is not a delimiter",
            given=repr(delimiter),
            accepted=f"one character, or {', '.join(DELIMITERS)}",
        )
    return character


def _audio(places: Sequence[str], cells: Sequence[str], folder: Path) -> list[Path]:
    """Return the recordings that rows name; refuse those that are not there."""
    n = len(cells)
    empty = [place for place, cell in zip(places, cells, strict=True) if not cell]
    if empty:
        raise refuse("rows have no path", empty, n, do="fill it in, or remove them")
    paths = [folder / cell for cell in cells]
    do = f"relative paths begin in {folder}: another folder is named with --audio-dir"
    if os.sep == "/" and any("\\" in cell for cell in cells):
        do += "; these are paths of Windows: write / for \\, and where the recordings are now"
    refuse_missing(places, paths, do)
    return paths
