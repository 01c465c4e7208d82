"""Vectors as a NumPy archive, written member by member."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.inference.vectors.row import About, Row

_COLUMNS = {"path": str, "utterance": str, "start": float, "end": float, "status": str}
_COLUMNS |= {"label": str, "confidence": float}


def write(path: Path, rows: Iterable[Row], about: About) -> None:
    """Write `vectors`, (row, width), a member for each other column, `model` and `labels`.

    Vectors wait in a second file until their number is known; the other columns wait in memory.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    n_rows = 0
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        for row in rows:
            spool.write(row.vector.astype("<f4").tobytes())
            for name, values in columns.items():
                values.append(getattr(row, name))
            n_rows += 1
        spool.seek(0)
        with zipfile.ZipFile(path, "w") as archive:
            shape = (n_rows, about.width)
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            with archive.open(_member("vectors"), "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                shutil.copyfileobj(spool, member, 1 << 20)
            for name, kind in _COLUMNS.items():
                _add(archive, name, np.array(columns[name], dtype=kind))
            _add(archive, "model", np.array(about.model))
            _add(archive, "labels", np.array(about.labels))


def _member(name: str) -> zipfile.ZipInfo:
    """Return the entry of an array, without the time of writing: equal input, equal file."""
    return zipfile.ZipInfo(f"{name}.npy")


def _add(archive: zipfile.ZipFile, name: str, values: NDArray[Any]) -> None:
    """Write one array."""
    with archive.open(_member(name), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, values, allow_pickle=False)
