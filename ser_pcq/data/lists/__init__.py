"""Lists of recordings: of paths, `wav.scp`, data directories, columns of tables."""

import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from ser_pcq.data.lists import parquet
from ser_pcq.data.lists.directory import each_utterance, names_of
from ser_pcq.data.lists.recording_list import RecordingList
from ser_pcq.data.lists.table import each_row
from ser_pcq.data.lists.text import count_lines, decoded, each_path, each_scp, opened_list
from ser_pcq.errors import DataError
from ser_pcq.inference.inputs import NamedFile

ACCEPTED = "paths line by line, wav.scp, a data directory, CSV or Parquet"

TABLES = (".csv", ".tsv")
"""How the names of tables end."""

_HEAD = 512  # bytes
_WIDE, _WIDER = (b"\xff\xfe", b"\xfe\xff"), b"\xff\xfe\0\0"  # UTF-16, and UTF-32


def read_list(path: str | os.PathLike[str], column: str | None = None) -> RecordingList:
    """Return the recordings that a list names.

    Args:
        path: A data directory; a Parquet table; a table whose name ends as in `TABLES`; a file
            whose name ends in `.scp`, with an id and a path in each line; else a path per line.
        column: Of a table, the column that says the path; when None, one with a usual name, such as
            `path` or `file`. A file that is not known to be a table is one where this is given.

    Raises:
        DataError: When it cannot be read, or is no list.
    """
    path = Path(path)
    is_folder = path.is_dir()
    suffix = path.suffix.lower()
    if column is not None and (is_folder or suffix == ".scp"):
        raise DataError("only tables have columns", given=f"column {column} of {path}")
    if is_folder:
        count = partial(_counted, names_of(path))
        return RecordingList(partial(each_utterance, path), count, has_utterances=True)
    if path.exists() and not path.is_file():  # what `<(find …)` makes, for example
        return read_stream_list(opened_list(path), column, str(path))
    with opened_list(path) as file:
        head = _checked_head(file, str(path))
    if head.startswith(b"PAR1"):
        return RecordingList(
            partial(parquet.each_row, path, column), partial(parquet.count_rows, path)
        )
    if suffix in TABLES or column is not None:
        return RecordingList(partial(_each_of_table, path, column), lambda: _counted(path) - 1)
    each = each_scp if suffix == ".scp" else each_path
    return RecordingList(
        partial(_each_of_text, path, each), partial(_counted, path), each is each_scp
    )


def read_stream_list(
    content: io.BufferedReader, column: str | None = None, name: str = "standard input"
) -> RecordingList:
    """Return the recordings that a pipe names, line by line; it can be gone through once only.

    Args:
        content: A path per line, or a table.
        column: As in `read_list`.
        name: What it is called in messages.
    """

    def each() -> Iterator[NamedFile]:
        if _checked_head(content, name).startswith(b"PAR1"):
            raise DataError("a Parquet table cannot come through a pipe", given=name)
        if column is None:
            return each_path(decoded(content), Path())
        return each_row(decoded(content, newline=""), name, column, Path())

    return RecordingList(each, lambda: None, is_pipe=True)


def _each_of_text(
    path: Path, each: Callable[[TextIO, Path, str], Iterator[NamedFile]]
) -> Iterator[NamedFile]:
    with decoded(opened_list(path)) as lines:
        yield from each(lines, path.parent, path.name)


def _each_of_table(path: Path, column: str | None) -> Iterator[NamedFile]:
    with decoded(opened_list(path), newline="") as table:
        yield from each_row(table, str(path), column, path.parent)


def _counted(path: Path) -> int:
    with opened_list(path) as file:
        return count_lines(file)


def _checked_head(file: io.BufferedReader, name: str) -> bytes:
    """Return the first bytes of a list, which stay to be read; refuse what is no text and no table.

    Raises:
        DataError: When it is neither.
    """
    head = file.peek(_HEAD)[:_HEAD]
    is_text = b"\0" not in head or (head.startswith(_WIDE) and not head.startswith(_WIDER))
    if not is_text and not head.startswith(b"PAR1"):
        raise DataError(
            "this is no list of recordings",
            given=name,
            accepted=ACCEPTED,
            do="name a recording without --list; save a spreadsheet as CSV",
        )
    return head
