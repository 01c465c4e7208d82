"""Vectors as a Parquet table, written a thousand rows at a time; needs pyarrow."""

import json
import math
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ser_pcq.errors import SerError
from ser_pcq.inference.vectors.row import About, Row

_AT_ONCE = 1024  # rows; of the widest vectors 110 MB


def write(path: Path, rows: Iterable[Row], about: About) -> None:
    """Write a row for each, `vector` being a list of fixed size; model and labels as metadata.

    Raises:
        SerError: When pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise SerError(
            "Parquet needs the package pyarrow",
            accepted=".npz, which needs nothing",
            do="pip install 'ser-pcq[table]'",
        ) from error
    vector = pa.list_(pa.float32(), about.width)
    schema = pa.schema(
        [
            ("path", pa.string()),
            ("utterance", pa.string()),
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("status", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float64()),
            ("vector", vector),
        ],
        metadata={"model": about.model, "labels": json.dumps(about.labels)},
    )
    left = iter(rows)
    with parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(left, _AT_ONCE)):
            flat = pa.array(np.concatenate([row.vector for row in batch]))
            columns = [[_known(getattr(row, name)) for row in batch] for name in schema.names[:-1]]
            vectors = pa.FixedSizeListArray.from_arrays(flat, about.width)
            writer.write_table(pa.table([*columns, vectors], schema=schema))


def _known(value: Any) -> Any:
    """Return a value, or None for what is not known."""
    if value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return value
