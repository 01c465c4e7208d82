"""A column of a Parquet table that names recordings; needs pyarrow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ser_pcq.data.lists.entry import found, refused
from ser_pcq.data.lists.table import path_column
from ser_pcq.errors import DataError
from ser_pcq.inference.inputs import NamedFile

_AT_ONCE = 1024  # rows


def each_row(path: Path, column: str | None) -> Iterator[NamedFile]:
    """Yield the recording of each row.

    Args:
        path: The table.
        column: Which column says the path; the one with a usual name when None.

    Raises:
        DataError: When the table cannot be read, pyarrow is missing, or there is no such column of
            text.
    """
    with _opened(path) as table:
        import pyarrow as pa

        name = path_column(table.schema_arrow.names, column)
        kind = table.schema_arrow.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if str(kind) not in ("string", "large_string", "string_view", "null"):
            raise DataError("the column holds no text", given=f"{name} of {path}, {kind}")
        row = 0
        try:
            for batch in table.iter_batches(batch_size=_AT_ONCE, columns=[name]):
                for cell in batch.column(0).to_pylist():
                    row += 1
                    entry = (cell or "").strip()
                    if entry:
                        yield found(entry, path.parent)
                    else:
                        yield refused(f"row {row} of {path}", "it has no path")
        except (pa.ArrowException, OSError) as error:
            raise DataError("the table is damaged", given=f"{path}, after row {row}") from error


def count_rows(path: Path) -> int:
    """Return how many rows there are."""
    with _opened(path) as table:
        n_rows: int = table.metadata.num_rows
        return n_rows


def _opened(path: Path) -> Any:
    """Open a table.

    Raises:
        DataError: When it cannot be read, or pyarrow is missing.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise DataError(
            "a Parquet table needs the package pyarrow",
            given=path,
            accepted="CSV, which needs nothing",
            do="pip install 'ser-pcq[table]'",
        ) from error
    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError("the list is no Parquet table, or is damaged", given=path) from error
